"""The finite compound dislocation against Okada's rectangles, triangles and point cracks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_dislocations import two_triangles

from ssl_insar.synth.sources import cdm, okada, point_cdm
from ssl_insar.synth.sources.rotation import rotation

F64 = torch.float64


def grid(reach: float = 6e3) -> tuple[torch.Tensor, torch.Tensor]:
    side = torch.linspace(-reach, reach, 13, dtype=F64)
    x, y = torch.meshgrid(side + 37, side + 11, indexing="ij")
    return x, y


def assert_close(got: torch.Tensor, expected: torch.Tensor, to: float) -> None:
    assert (got - expected).abs().max() < to * expected.abs().max()


def test_turned_about_up_only_it_is_three_of_okadas() -> None:
    x, y = grid()
    place = {"east": 200.0, "north": -100.0, "depth": 2e3, "opening": 0.7}
    axes = {"semi_axis_x": 800.0, "semi_axis_y": 1500.0, "semi_axis_z": 1900.0}
    got = cdm(x, y, **place, **axes, rotation_z=35.0)[0]
    expected = okada(
        x,
        y,
        **place,
        strike=torch.tensor([35.0, 125.0, 35.0]),
        dip=torch.tensor([90.0, 90.0, 0.0]),
        length=torch.tensor([3000.0, 1600.0, 3000.0]),
        width=torch.tensor([3800.0, 3800.0, 1600.0]),
    ).sum(0)
    assert_close(got, expected, 1e-13)


def test_any_orientation_agrees_with_triangles() -> None:
    rng = np.random.default_rng(2)
    east, north = rng.uniform(-1e4, 1e4, (2, 150))
    for _ in range(8):
        semi, angles = rng.uniform(100, 2000, 3), rng.uniform(-180, 180, 3)
        axes = rotation(*torch.tensor(angles)).numpy()
        depth = np.sqrt((semi**2).sum()) + rng.uniform(0, 3e3)
        expected = np.zeros((150, 3))
        for normal in range(3):
            one, two = (normal + 1) % 3, (normal + 2) % 3
            sides = semi[one] * axes[:, one], semi[two] * axes[:, two]
            expected += two_triangles(east, north, [50.0, 20.0, -depth], *sides, (0, 0, 1.5))
        got = cdm(
            torch.tensor(east),
            torch.tensor(north),
            east=50.0,
            north=20.0,
            depth=depth,
            opening=1.5,
            **{f"semi_axis_{name}": value for name, value in zip("xyz", semi, strict=True)},
            **{f"rotation_{name}": value for name, value in zip("xyz", angles, strict=True)},
        )[0]
        assert np.abs(got.numpy() - expected).max() < 1e-9 * np.abs(expected).max()


def test_a_small_one_is_a_point_cdm() -> None:
    x, y = grid()
    turned = {"rotation_x": 20.0, "rotation_y": -35.0, "rotation_z": 70.0}
    place = {"east": 0.0, "north": 0.0, "depth": 5e3}
    got = cdm(x, y, **place, semi_axis_x=20.0, semi_axis_y=30.0, semi_axis_z=10.0, opening=1.0, **turned)
    # Potency of a rectangle: 4 times the product of the two other semi-axes.
    shares = {"share_x": 4 * 300.0, "share_y": 4 * 200.0, "share_z": 4 * 600.0}
    assert_close(got, point_cdm(x, y, **place, potency=1.0, **shares, **turned), 1e-4)


def test_points_in_line_with_edges_and_in_planes_are_like_their_neighbours() -> None:
    axes = {"semi_axis_x": 500.0, "semi_axis_y": 800.0, "semi_axis_z": 600.0}
    x = torch.tensor([0.0, 500.0, 500.0, 0.0, 2000.0], dtype=F64)
    y = torch.tensor([0.0, 800.0, 0.0, 800.0, 0.0], dtype=F64)
    for turned in ({}, {"rotation_x": 45.0}, {"rotation_y": 30.0}):
        place = {"east": 0.0, "north": 0.0, "depth": 1.5e3, "opening": 1.0}
        got = cdm(x, y, **place, **axes, **turned)
        beside = cdm(x + 1e-4, y + 1e-4, **place, **axes, **turned)
        assert_close(got, beside, 1e-6)


def test_a_flat_one_is_a_sill() -> None:
    x, y = grid()
    place = {"east": 0.0, "north": 0.0, "depth": 3e3, "opening": 0.5}
    got = cdm(x, y, **place, semi_axis_x=2500.0, semi_axis_y=2500.0, semi_axis_z=0.0)
    assert_close(got, okada(x, y, **place, strike=0.0, dip=0.0, length=5e3, width=5e3), 1e-13)


@pytest.mark.parametrize("turned", [{}, {"rotation_x": 45.0}])
def test_one_that_reaches_the_surface_is_refused(turned: dict[str, float]) -> None:
    x, y = grid()
    axes = {"semi_axis_x": 100.0, "semi_axis_y": 900.0, "semi_axis_z": 1000.0}
    with pytest.raises(ValueError, match="buried"):
        cdm(x, y, east=0.0, north=0.0, depth=990.0, opening=1.0, **axes, **turned)
