"""The rectangular dislocation against Okada's table, other codes, and its own symmetries."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from made_dislocations import two_triangles

from ssl_insar.synth.sources import mogi, okada

F64 = torch.float64

# Okada (1985), Table 2: (x, y, d, dip, L, W) and the displacement (ux, uy, uz) for unit strike-slip,
# dip-slip and opening. d is the depth of the lower edge; x runs along strike from one end.
TABLE_2 = {
    2: (
        (2, 3, 4, 70, 3, 2),
        (-8.6892e-3, -4.2976e-3, -2.7474e-3),
        (-4.6823e-3, -3.5267e-2, -3.5639e-2),
        (-2.6600e-4, 1.0564e-2, 3.2142e-3),
    ),
    3: ((0, 0, 4, 90, 3, 2), (0, 5.2531e-3, 0), (0, 0, 0), (1.2228e-2, 0, -1.6063e-2)),
    4: ((0, 0, 4, -90, 3, 2), (0, -1.3031e-3, 0), (0, 0, 0), (3.5067e-3, 0, -7.7401e-3)),
}
POINT_CASE = {
    "strike-slip": (-9.4474e-4, -1.0230e-3, -7.4201e-4),
    "dip-slip": (-1.1723e-3, -2.0820e-3, -2.5316e-3),
    "tensile": (-3.5716e-4, 3.5311e-4, -2.0068e-4),
}
"""Case 1: a point at x = 2, y = 3, d = 4, dip 70."""
MOTIONS = {"strike-slip": (0.0, 1.0, 0.0), "dip-slip": (90.0, 1.0, 0.0), "tensile": (0.0, 0.0, 1.0)}


def in_okada_frame(
    x: float, y: float, d: float, dip: float, length: float, width: float, motion: str
) -> torch.Tensor:
    """Strike 90 puts Okada's axes onto East and North; only the origin has to be moved."""
    rake, slip, opening = MOTIONS[motion]
    delta = math.radians(dip)
    return okada(
        torch.tensor(float(x), dtype=F64),
        torch.tensor(float(y), dtype=F64),
        east=length / 2,
        north=width / 2 * math.cos(delta),
        depth=d - width / 2 * math.sin(delta),
        strike=90.0,
        dip=dip,
        length=length,
        width=width,
        rake=rake,
        slip=slip,
        opening=opening,
    )[0]


def assert_published(got: torch.Tensor, expected: tuple[float, ...]) -> None:
    """Equal to all five digits published: within half a unit of the last of them."""
    for value, published in zip(got.tolist(), expected, strict=True):
        digit = 10 ** (math.floor(math.log10(abs(published))) - 4) if published else 1e-15
        assert value == pytest.approx(published, abs=0.51 * digit)


@pytest.mark.parametrize("case", TABLE_2)
@pytest.mark.parametrize("motion", MOTIONS)
def test_okada_table_2(case: int, motion: str) -> None:
    geometry, *rows = TABLE_2[case]
    expected = dict(zip(MOTIONS, rows, strict=True))[motion]
    got = in_okada_frame(*geometry, motion)
    assert_published(got, expected)


@pytest.mark.parametrize("motion", MOTIONS)
def test_okada_table_2_case_1_is_the_limit_of_a_small_rectangle(motion: str) -> None:
    side, delta = 2e-3, math.radians(70)
    geometry = (2 + side / 2, 3 + side / 2 * math.cos(delta), 4 + side / 2 * math.sin(delta), 70, side, side)
    assert_published(in_okada_frame(*geometry, motion) / side**2, POINT_CASE[motion])


SILL = {"depth": 3000.0, "strike": 0.0, "dip": 0.0, "length": 5000.0, "width": 5000.0, "opening": 0.5}
THRUST = {
    "depth": 6000.0,
    "strike": 30.0,
    "dip": 40.0,
    "length": 1e4,
    "width": 6000.0,
    "rake": 90.0,
    "slip": 1.0,
}


def test_sill() -> None:
    x, y = torch.tensor([0.0, 1000]), torch.tensor([0.0, 500])
    got = okada(x, y, east=0.0, north=0.0, **SILL)[0]
    assert got[0, 2] == pytest.approx(0.303221822, rel=1e-8)
    assert got[1].tolist() == pytest.approx((0.0432475149, 0.0209515225, 0.278139560), rel=1e-8)


def test_thrust() -> None:
    got = okada(torch.zeros(1), torch.zeros(1), east=0.0, north=0.0, **THRUST)[0, 0]
    assert got.tolist() == pytest.approx((0.00976519096, -0.00563793563, 0.239924772), rel=1e-8)


def test_near_vertical_joins_the_vertical_formulas() -> None:
    """No jump where the limit formulas take over."""
    x, y = torch.meshgrid(torch.linspace(-9e3, 9e3, 13), torch.linspace(-8e3, 8e3, 13), indexing="ij")
    dyke = {
        "east": 0.0,
        "north": 0.0,
        "depth": 3e3,
        "strike": 25.0,
        "length": 4e3,
        "width": 2e3,
        "opening": 1.0,
    }
    dips = torch.tensor([90.0, 89.9995, 89.998, 89.98], dtype=F64)
    got = okada(x, y, dip=dips, **dyke)
    tilts = torch.deg2rad(90 - dips)
    for near, tilt in zip(got[1:], tilts[1:], strict=True):
        # The displacement itself changes by some four times its size per radian of tilt.
        assert (near - got[0]).abs().max() < 5 * tilt * got[0].abs().max()


def test_okada_rotates_and_moves_with_its_fault() -> None:
    """Turning the fault and the points together turns the displacement."""
    angle = math.radians(37)
    x = torch.tensor([1200.0, -3000, 500], dtype=F64)
    y = torch.tensor([400.0, 2000, -6000], dtype=F64)
    fault = dict(THRUST, slip=0.7, rake=25.0, opening=0.3)
    first = okada(x, y, east=0.0, north=0.0, **fault)[0]
    fault["strike"] += 37
    # Strike turns clockwise.
    xr = x * math.cos(angle) + y * math.sin(angle)
    yr = y * math.cos(angle) - x * math.sin(angle)
    second = okada(xr + 5e3, yr - 2e3, east=5e3, north=-2e3, **fault)[0]
    expected_east = first[:, 0] * math.cos(angle) + first[:, 1] * math.sin(angle)
    expected_north = first[:, 1] * math.cos(angle) - first[:, 0] * math.sin(angle)
    torch.testing.assert_close(second, torch.stack([expected_east, expected_north, first[:, 2]], -1))


def test_a_plane_split_in_two_is_the_same_plane() -> None:
    x, y = torch.meshgrid(torch.linspace(-9e3, 9e3, 9), torch.linspace(-8e3, 8e3, 9), indexing="ij")
    whole = okada(x, y, east=0.0, north=0.0, **THRUST)[0]
    along = torch.tensor([-2500.0, 2500.0], dtype=F64)
    strike = math.radians(THRUST["strike"])
    halves = okada(
        x, y, east=along * math.sin(strike), north=along * math.cos(strike), **dict(THRUST, length=5e3)
    ).sum(0)
    torch.testing.assert_close(halves, whole, rtol=1e-9, atol=1e-12)


def test_okada_is_finite_on_its_singular_lines() -> None:
    """Points above the edges of a fault that breaks the surface, and on its trace."""
    x, y = torch.meshgrid(torch.linspace(-6e3, 6e3, 25), torch.linspace(-6e3, 6e3, 25), indexing="ij")
    for dip in (90.0, 45.0, -90.0):
        depth = 1000.0 * abs(math.sin(math.radians(dip)))
        got = okada(
            x,
            y,
            east=0.0,
            north=0.0,
            depth=depth,
            strike=0.0,
            dip=dip,
            length=4e3,
            width=2e3,
            slip=1.0,
            opening=1.0,
        )
        assert got.isfinite().all()


def test_three_cracks_far_away_are_mogi() -> None:
    """Far away, an isotropic trio of tensile cracks is a point source of 5/9 of their volume."""
    x, y = torch.tensor([0.0, 3e3, 8e3]), torch.tensor([0.0, -2e3, 5e3])
    crack = {"east": 0.0, "north": 0.0, "depth": 1e4, "length": 50.0, "width": 50.0, "opening": 40.0}
    trio = okada(
        x,
        y,
        strike=torch.tensor([0.0, 0.0, 90.0], dtype=F64),
        dip=torch.tensor([0.0, 90.0, 90.0], dtype=F64),
        **crack,
    ).sum(0)
    volume = 3 * 50 * 50 * 40 * (1 + 0.25) / (3 * (1 - 0.25))
    point = mogi(x, y, east=0.0, north=0.0, depth=1e4, volume_change=volume)[0]
    torch.testing.assert_close(trio, point, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("motion", MOTIONS)
def test_random_faults_agree_with_triangles(motion: str) -> None:
    rng = np.random.default_rng(1)
    east, north = rng.uniform(-2e4, 2e4, (2, 200))
    rake, slip, opening = MOTIONS[motion]
    burgers = [float(motion == name) for name in MOTIONS]
    for _ in range(12):
        length, width = rng.uniform(500, 2e4, 2)
        dip, strike = rng.uniform(5, 85), rng.uniform(0, 360)
        depth = rng.uniform(200, 8e3) + width / 2 * math.sin(math.radians(dip))
        s, d = math.radians(strike), math.radians(dip)
        half_along = length / 2 * np.array([math.sin(s), math.cos(s), 0])
        half_down = (
            width / 2 * np.array([math.cos(s) * math.cos(d), -math.sin(s) * math.cos(d), -math.sin(d)])
        )
        expected = two_triangles(east, north, [100.0, -50.0, -depth], half_along, -half_down, burgers)
        plane = {"depth": depth, "strike": strike, "dip": dip, "length": length, "width": width}
        motion_of = {"rake": rake, "slip": slip, "opening": opening}
        points = torch.tensor(east), torch.tensor(north)
        got = okada(*points, east=100.0, north=-50.0, **plane, **motion_of)[0]
        assert np.abs(got.numpy() - expected).max() < 1e-9 * np.abs(expected).max()
