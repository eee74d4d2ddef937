"""Sources against the published tables and against values from independent implementations."""

from __future__ import annotations

import math

import pytest
import torch

from ssl_insar.synth.sources import mogi, okada

F64 = torch.float64
SURFACE = {"x": torch.tensor(0.0, dtype=F64), "y": torch.tensor(0.0, dtype=F64)}

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


@pytest.mark.parametrize("case", TABLE_2)
@pytest.mark.parametrize("motion", MOTIONS)
def test_okada_table_2(case: int, motion: str) -> None:
    geometry, *rows = TABLE_2[case]
    expected = dict(zip(MOTIONS, rows, strict=True))[motion]
    got = in_okada_frame(*geometry, motion)
    for value, published in zip(got.tolist(), expected, strict=True):
        # Five published digits: half a unit in the last of them.
        digit = 10 ** (math.floor(math.log10(abs(published))) - 4) if published else 1e-15
        assert value == pytest.approx(published, abs=0.51 * digit)


@pytest.mark.parametrize(
    ("motion", "expected"),
    [
        ("strike-slip", (-9.4474e-4, -1.0230e-3, -7.4201e-4)),
        ("dip-slip", (-1.1723e-3, -2.0820e-3, -2.5316e-3)),
        ("tensile", (-3.5716e-4, 3.5311e-4, -2.0068e-4)),
    ],
)
def test_okada_table_2_case_1_is_the_limit_of_a_small_rectangle(
    motion: str, expected: tuple[float, ...]
) -> None:
    side = 2e-3
    delta = math.radians(70)
    got = in_okada_frame(
        2 + side / 2,
        3 + side / 2 * math.cos(delta),
        4 + side / 2 * math.sin(delta),
        70,
        side,
        side,
        motion,
    )
    assert (got / side**2).tolist() == pytest.approx(expected, rel=1e-4)


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


def test_mogi() -> None:
    reservoir = {"east": 0.0, "north": 0.0, "depth": 4000.0, "volume_change": 1e6}
    assert mogi(**SURFACE, **reservoir)[0, 2].item() == pytest.approx(0.01492077591, rel=1e-9)
    peak = torch.tensor(4000 / math.sqrt(2), dtype=F64)
    assert mogi(peak, SURFACE["y"], **reservoir)[0, 0].item() == pytest.approx(0.00574300933, rel=1e-8)


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


def test_batches_equal_single_sources_and_keep_the_shape_of_the_points() -> None:
    x, y = torch.meshgrid(torch.linspace(-5e3, 5e3, 4), torch.linspace(-5e3, 5e3, 6), indexing="ij")
    depth = torch.tensor([2e3, 5e3, 9e3])
    batch = mogi(x, y, east=100.0, north=0.0, depth=depth, volume_change=1e6)
    assert batch.shape == (3, 4, 6, 3)
    assert batch.dtype == torch.float64
    torch.testing.assert_close(batch[1], mogi(x, y, east=100.0, north=0.0, depth=5e3, volume_change=1e6)[0])
    dips = torch.tensor([0.0, 45, 90])
    faults = okada(x, y, east=0.0, north=0.0, **(SILL | {"dip": dips}))
    for index, dip in enumerate(dips.tolist()):
        torch.testing.assert_close(
            faults[index], okada(x, y, east=0.0, north=0.0, **(SILL | {"dip": dip}))[0]
        )
