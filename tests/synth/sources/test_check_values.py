"""Sources against values from independent implementations and from closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.special import j0, j1

from ssl_insar.synth.sources import (
    bowls,
    geertsma,
    knothe,
    landslide,
    mctigue,
    mogi,
    okada,
    penny,
    point_cdm,
    yang,
)
from ssl_insar.synth.sources.cavity import spheroid_eigenstrain

CENTRE = {"east": 0.0, "north": 0.0}


def at(*points: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = torch.tensor(points, dtype=torch.float64).unbind(-1)
    return x, y


def test_mogi() -> None:
    got = mogi(*at((0, 0), (4000 / math.sqrt(2), 0)), **CENTRE, depth=4000.0, volume_change=1e6)[0]
    assert got[0, 2].item() == pytest.approx(0.01492077591, rel=1e-9)
    assert got[1, 0].item() == pytest.approx(0.00574300933, rel=1e-8)


def test_mctigue() -> None:
    sphere = {"depth": 4000.0, "radius": 1500.0, "overpressure": 1e-3}
    got = mctigue(*at((0, 0), (1000, 500)), **CENTRE, **sphere)[0]
    assert got[0, 2].item() == pytest.approx(0.166817914, rel=1e-8)
    assert got[1].tolist() == pytest.approx((0.0371004365, 0.0185502182, 0.148401746), rel=1e-8)


def test_mctigue_of_a_small_sphere_is_mogi() -> None:
    x, y = at((0, 0), (3000, -2000))
    small = mctigue(x, y, **CENTRE, depth=4000.0, radius=20.0, overpressure=1e-3)
    point = mogi(x, y, **CENTRE, depth=4000.0, volume_change=math.pi * 20**3 * 1e-3)
    torch.testing.assert_close(small, point, rtol=1e-6, atol=0)


def test_penny() -> None:
    crack = {"depth": 4000.0, "radius": 3000.0, "overpressure": 1e-3}
    got = penny(*at((0, 0), (4000, 0), (0, -4000)), **CENTRE, **crack)[0]
    assert got[0].tolist() == pytest.approx((0, 0, 1.19635949), rel=1e-8)
    assert got[1].tolist() == pytest.approx((0.290574747, 0, 0.38119633), rel=1e-8)
    assert got[2].tolist() == pytest.approx((0, -0.290574747, 0.38119633), rel=1e-8)


def test_deep_penny() -> None:
    got = penny(*at((0, 0)), **CENTRE, depth=8000.0, radius=1000.0, overpressure=1e-3)[0, 0]
    assert got[2].item() == pytest.approx(0.01470622, rel=1e-6)


def test_penny_at_great_depth_is_the_point_sill_of_its_volume() -> None:
    """A crack in a full space opens by ``8 (1 - nu) a^3 dP / (3 mu)``."""
    x, y = at((0, 0), (2e4, 1e4))
    crack = penny(x, y, **CENTRE, depth=3e4, radius=300.0, overpressure=1e-3)
    volume = 8 / 3 * 0.75 * 300**3 * 1e-3
    sill = point_cdm(x, y, **CENTRE, depth=3e4, potency=volume, share_x=0.0, share_y=0.0, share_z=1.0)
    torch.testing.assert_close(crack, sill, rtol=1e-3, atol=0)


PCDM = {
    "depth": 4000.0,
    "potency": 6e6,
    "share_x": 1 / 6,
    "share_y": 2 / 6,
    "share_z": 3 / 6,
    "rotation_x": 10.0,
    "rotation_y": 20.0,
    "rotation_z": 30.0,
}


def test_point_cdm() -> None:
    got = point_cdm(*at((0, 0), (1000, 500)), **CENTRE, **PCDM)[0]
    assert got[0, 2].item() == pytest.approx(0.0736400841, rel=1e-8)
    assert got[1].tolist() == pytest.approx((0.0151604753, 0.00786175545, 0.0608450449), rel=1e-8)


def test_isotropic_point_cdm_is_mogi() -> None:
    x, y = at((0, 0), (1000, 500), (-9000, 3000))
    turned = {"rotation_x": 17.0, "rotation_y": -71.0, "rotation_z": 200.0}
    for poisson, share in ((0.25, 0.555556), (0.4, 1.4 / 1.8)):
        got = point_cdm(x, y, **CENTRE, depth=4000.0, potency=1e6, **turned, poisson=poisson)
        expected = mogi(x, y, **CENTRE, depth=4000.0, volume_change=share * 1e6, poisson=poisson)
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=0)


def test_point_crack_is_okada_table_2_case_1() -> None:
    """Strike 90, dip 70: Okada's axes are East and North; the crack's normal is Z turned about East."""
    x, y = at((2, 3))
    got = point_cdm(
        x, y, **CENTRE, depth=4.0, potency=1.0, share_x=0.0, share_y=0.0, share_z=1.0, rotation_x=-70.0
    )[0, 0]
    for value, published in zip(got.tolist(), (-3.5716e-4, 3.5311e-4, -2.0068e-4), strict=True):
        assert value == pytest.approx(published, abs=0.51e-8)


def test_geertsma_at_the_centre() -> None:
    got = geertsma(*at((0, 0)), **CENTRE, depth=1e3, radius=2e3, compaction=0.1)[0, 0]
    assert got.tolist() == pytest.approx((0, 0, -0.08291796068), rel=1e-9)


@pytest.mark.parametrize("place", [700.0, 2000.0, 5000.0])
def test_geertsma_is_its_integral(place: float) -> None:
    depth, radius, compaction = 1e3, 2e3, 0.1

    def integral(bessel: object) -> float:
        return quad(lambda k: math.exp(-depth * k) * j1(k * radius) * bessel(k * place), 0, 0.04, limit=400)[
            0
        ]

    factor = -2 * 0.75 * compaction * radius
    got = geertsma(*at((0, place)), **CENTRE, depth=depth, radius=radius, compaction=compaction)[0, 0]
    assert got.tolist() == pytest.approx((0, factor * integral(j1), factor * integral(j0)), rel=1e-7)


PANEL = {
    "depth": 400.0,
    "length": 800.0,
    "width": 400.0,
    "influence_angle": math.degrees(math.atan(2)),
    "subsidence": 1.0,
}


def test_knothe() -> None:
    got = knothe(*at((0, 0), (400, 0)), **CENTRE, strike=90.0, **PANEL)[0]
    assert got[0].tolist() == pytest.approx((0, 0, -0.987810589), rel=1e-8, abs=1e-12)
    assert got[1].tolist() == pytest.approx((-0.39407962, 0, -0.493905559), rel=1e-8, abs=1e-12)


def test_knothe_moves_along_the_gradient_of_its_trough() -> None:
    x, y = (value.requires_grad_() for value in at((130, 300), (-350, -200)))
    got = knothe(x, y, **CENTRE, strike=25.0, **PANEL)[0]
    gradient = torch.autograd.grad(-got[:, 2].sum(), (x, y))
    expected = torch.stack(gradient, dim=-1) * 200 / math.sqrt(2 * math.pi)
    torch.testing.assert_close(got[:, :2], expected)


YANG = (0.0130307834, 0.0125572865, 0.00964133975, 0.00391238616, 0.000800705204)
"""Up at x = 0, 2, 4, 8, 16 km, of the full solution."""


def test_yang_has_the_error_that_it_states() -> None:
    x, y = at((0, 0), (2e3, 0), (4e3, 0), (8e3, 0), (16e3, 0))
    axes = {"depth": 5e3, "semi_major": 1500.0, "semi_minor": 750.0, "plunge": 89.99, "strike": 30.0}
    got = yang(x, y, **CENTRE, **axes, overpressure=1e-3)[0, :, 2]
    error = (got - torch.tensor(YANG, dtype=got.dtype)) / YANG[0]
    assert error.abs().max() < 0.0015


def test_a_yang_sphere_is_mogi() -> None:
    x, y = at((0, 0), (1000, 500), (-9000, 3000))
    got = yang(
        x,
        y,
        **CENTRE,
        depth=5e3,
        semi_major=200.0,
        semi_minor=200.0,
        plunge=33.0,
        strike=70.0,
        overpressure=1e-3,
    )
    expected = mogi(x, y, **CENTRE, depth=5e3, volume_change=math.pi * 200**3 * 1e-3)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6 * float(expected.max()))


def test_potency_of_pressurised_spheroids() -> None:
    """In units of pi a b^2 pressure / shear modulus: 3 (1 - nu) / (1 + nu) for a sphere, 1.9 for 2:1."""
    along, across = spheroid_eigenstrain(torch.tensor([1.0, 0.5], dtype=torch.float64), 0.25)
    total = along + 2 * across
    assert (4 / 3 * total).tolist() == [pytest.approx(1.8, rel=1e-12), pytest.approx(1.90, abs=0.01)]
    assert (along / total).tolist() == [pytest.approx(1 / 3, rel=1e-12), pytest.approx(0.2, abs=0.005)]


def test_yang_plunges_where_it_says() -> None:
    """One that plunges to the west is the mirror image of one that plunges to the east."""
    x, y = at((3e3, 1e3), (-3e3, 1e3))
    axes = {"depth": 5e3, "semi_major": 2e3, "semi_minor": 500.0, "plunge": 40.0, "overpressure": 1e-3}
    east = yang(x, y, **CENTRE, **axes, strike=90.0)[0]
    west = yang(x, y, **CENTRE, **axes, strike=270.0)[0]
    mirrored = west.flip(0) * torch.tensor([-1.0, 1.0, 1.0], dtype=west.dtype)
    torch.testing.assert_close(east, mirrored)
    # Being long it opens across its axis, as a sill that dips the same way does: up and to that side.
    sill = {"strike": 0.0, "dip": 40.0, "length": 500.0, "width": 500.0, "opening": 1.0}
    crack = okada(x, y, **CENTRE, depth=5e3, **sill)[0]
    assert crack[0, 2] > 1.5 * crack[1, 2]
    assert east[0, 2] > 1.5 * east[1, 2]
    flat = yang(x, y, **CENTRE, **(axes | {"plunge": 0.0}), strike=90.0)[0]
    turned = yang(y, x, **CENTRE, **(axes | {"plunge": 0.0}), strike=0.0)[0]
    torch.testing.assert_close(flat, turned[:, [1, 0, 2]])


def test_bowl() -> None:
    bowl = {"strike": 30.0, "sigma_along": 2e3, "sigma_across": 500.0, "subsidence": 0.1}
    along = (2e3 * math.sin(math.radians(30)), 2e3 * math.cos(math.radians(30)))
    across = (500 * math.cos(math.radians(30)), -500 * math.sin(math.radians(30)))
    got = bowls(*at((0, 0), along, across), **CENTRE, **bowl)[0]
    assert got[:, :2].abs().max() == 0
    assert got[:, 2].tolist() == pytest.approx((-0.1, -0.1 * math.exp(-0.5), -0.1 * math.exp(-0.5)))


SLIDE = {"strike": 0.0, "sigma_along": 500.0, "sigma_across": 300.0, "slide": 0.2}


def test_landslide_goes_down_the_slope() -> None:
    """Rising 1 in 2 to the east, ground moves to the west and down along the slope."""
    x, y = at((0, 0), (0, 500))
    rise = torch.full_like(x, 0.5)
    got = landslide(x, y, **CENTRE, **SLIDE, slope_east=rise, slope_north=torch.zeros_like(x))[0]
    assert got[0].tolist() == pytest.approx((-0.2 * 2 / math.sqrt(5), 0, -0.2 / math.sqrt(5)))
    assert got.norm(dim=-1).tolist() == pytest.approx((0.2, 0.2 * math.exp(-0.5)))


def test_landslide_spares_flat_ground() -> None:
    x, y = at((0, 0), (0, 0), (0, 0))
    slope = torch.tan(torch.deg2rad(torch.tensor([0.0, 4.9, 5.1], dtype=torch.float64)))
    got = landslide(x, y, **CENTRE, **SLIDE, slope_east=torch.zeros_like(x), slope_north=slope)[0]
    assert got.norm(dim=-1).tolist() == pytest.approx((0, 0, 0.2))


def test_landslide_takes_a_terrain_for_each_source() -> None:
    x, y = at((0, 0), (100, 0))
    slope = torch.tensor([[0.5, 0.5], [-0.3, -0.3]], dtype=torch.float64)
    got = landslide(x, y, **CENTRE, **SLIDE, slope_east=slope, slope_north=torch.zeros_like(slope))
    assert got.shape == (2, 2, 3)
    assert (got[0, :, 0] < 0).all()
    assert (got[1, :, 0] > 0).all()


def test_sill_of_okada_far_away_is_a_point_crack() -> None:
    x, y = at((0, 0), (3000, 1000))
    fault = {"strike": 40.0, "dip": 0.0, "length": 50.0, "width": 50.0, "opening": 1.0}
    rectangle = okada(x, y, **CENTRE, depth=8e3, **fault)
    point = point_cdm(x, y, **CENTRE, depth=8e3, potency=2500.0, share_x=0.0, share_y=0.0, share_z=1.0)
    torch.testing.assert_close(rectangle, point, rtol=1e-4, atol=0)
