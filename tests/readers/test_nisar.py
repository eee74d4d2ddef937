"""NISAR GUNW: made files to the documented layout."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers import UnreadableError, frames, read

H, W = 30, 40
NAME = (
    "NISAR_L2_PR_GUNW_009_149_A_024_010_4000_SH_20260107T123757_20260107T123832_20260119T123758_"
    "20260119T123833_P05023_N_F_J_001.h5"
)
RNG = np.random.default_rng(4)
PHASE = RNG.normal(0, 9, (H, W)).astype(np.float32)
COHERENCE = RNG.uniform(0, 1, (H, W)).astype(np.float32)
X = 500040 + 80.0 * np.arange(W)
Y = 4000000 - 80.0 * np.arange(H)
GRIDS = "science/LSAR/GUNW/grids/frequencyA"
UNWRAPPED = f"{GRIDS}/unwrappedInterferogram"
WRAPPED = f"{GRIDS}/wrappedInterferogram"
CUBE = "science/LSAR/GUNW/metadata/radarGrid"
ABOUT = "science/LSAR/identification"


def made(path: Path, without: tuple[str, ...] = (), **changes: Any) -> Path:
    mask = np.full((H, W), 11, np.uint8)
    mask[0, :3] = [111, 255, 12]
    content: dict[str, Any] = {
        f"{UNWRAPPED}/HH/unwrappedPhase": PHASE,
        f"{UNWRAPPED}/HH/coherenceMagnitude": COHERENCE,
        f"{UNWRAPPED}/HH/ionospherePhaseScreen": PHASE * 7,
        f"{UNWRAPPED}/HH/xCoordinates": X,
        f"{UNWRAPPED}/HH/yCoordinates": Y,
        f"{UNWRAPPED}/HH/projection": np.uint32(32611),
        f"{UNWRAPPED}/mask": mask,
        f"{UNWRAPPED}/xCoordinates": X,
        f"{GRIDS}/centerFrequency": 1.2575e9,
        f"{ABOUT}/referenceZeroDopplerStartTime": np.bytes_("2026-01-07T12:37:57.000000000"),
        f"{ABOUT}/secondaryZeroDopplerStartTime": np.bytes_("2026-01-19T12:37:58.000000000"),
        f"{ABOUT}/trackNumber": np.uint32(149),
        f"{ABOUT}/frameNumber": np.uint16(24),
        f"{ABOUT}/orbitPassDirection": np.bytes_("Ascending"),
        f"{CUBE}/xCoordinates": np.linspace(499000, 504000, 6),
        f"{CUBE}/yCoordinates": np.linspace(4001000, 3997000, 5),
        f"{CUBE}/heightAboveEllipsoid": np.array([-500.0, 0, 500]),
        f"{CUBE}/losUnitVectorX": np.stack([np.full((5, 6), east, "f4") for east in (0.4, 0.6, 0.8)]),
        f"{CUBE}/losUnitVectorY": np.full((3, 5, 6), 0.1, np.float32),
        f"{CUBE}/perpendicularBaseline": np.full((2, 5, 6), -33.0),
    } | changes
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            if name not in without:
                file[name] = values
    return path


def test_made_phase_is_taken_as_it_is(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME))
    assert not frame.wrapped
    np.testing.assert_array_equal(frame.phase[1:], PHASE[1:], "positive is away, reference date earlier")
    np.testing.assert_array_equal(frame.coherence, COHERENCE)
    assert (frame.reference_date, frame.secondary_date) == (date(2026, 1, 7), date(2026, 1, 19))
    assert frame.wavelength == WAVELENGTHS["L"]
    assert frame.crs == "EPSG:32611"
    assert frame.transform == pytest.approx((80, 0, 500000, 0, -80, 4000040))
    assert (frame.track, frame.frame) == ("149A", "149A_024")
    assert frame.perpendicular_baseline == -33
    assert frame.member is None
    assert frame.provenance == "NISAR GUNW frequencyA HH unwrappedPhase, no corrections applied"


def test_made_with_the_later_date_as_reference_is_turned(tmp_path: Path) -> None:
    times = {
        f"{ABOUT}/referenceZeroDopplerStartTime": np.bytes_("2026-01-19T12:37:58"),
        f"{ABOUT}/secondaryZeroDopplerStartTime": np.bytes_("2026-01-07T12:37:57"),
    }
    frame = read(made(tmp_path / NAME, **times))
    np.testing.assert_array_equal(frame.phase[1:], -PHASE[1:])
    assert frame.reference_date == date(2026, 1, 7)
    assert frame.perpendicular_baseline == 33


def test_made_water_and_fill_are_not_valid(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME))
    np.testing.assert_array_equal(frame.valid[0, :4], [False, False, True, True])
    assert frame.valid[1:].all()


def test_made_line_of_sight_from_target_to_sensor(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME))
    np.testing.assert_allclose(frame.los_at(15, 20), [0.6, 0.1, np.sqrt(1 - 0.37)], atol=1e-6)
    assert frame.orbit_pass == "ascending", "it looks to the left, so only the track can tell"


def test_made_coordinates_beside_the_polarisations(tmp_path: Path) -> None:
    moved = {f"{UNWRAPPED}/yCoordinates": Y, f"{UNWRAPPED}/projection": np.uint32(32611)}
    without = tuple(f"{UNWRAPPED}/HH/{name}" for name in ("xCoordinates", "yCoordinates", "projection"))
    frame = read(made(tmp_path / NAME, without, **moved))
    assert frame.transform == pytest.approx((80, 0, 500000, 0, -80, 4000040))
    assert frame.crs == "EPSG:32611"


def test_made_two_polarisations_are_two_members(tmp_path: Path) -> None:
    found = frames(made(tmp_path / NAME, **{f"{UNWRAPPED}/VV/unwrappedPhase": PHASE + 1}))
    assert [frame.member for frame in found] == ["frequencyA/HH", "frequencyA/VV"]
    np.testing.assert_allclose(found[1].phase[1:], PHASE[1:] + 1)
    assert found[1].coherence is None


class TestWrapped:
    FIELD = (np.exp(1j * PHASE) * 5).astype(np.complex64)
    LAYERS = {  # noqa: RUF012
        f"{WRAPPED}/HH/wrappedInterferogram": FIELD,
        f"{WRAPPED}/HH/coherenceMagnitude": COHERENCE,
    }

    def test_made_the_unwrapped_one_is_preferred(self, tmp_path: Path) -> None:
        assert not read(made(tmp_path / NAME, **self.LAYERS)).wrapped

    def test_made_alone_it_is_read(self, tmp_path: Path) -> None:
        field = self.FIELD.copy()
        field[3, :2] = [0, np.nan]
        layers = self.LAYERS | {f"{WRAPPED}/HH/wrappedInterferogram": field}
        frame = read(made(tmp_path / NAME, (f"{UNWRAPPED}/HH/unwrappedPhase",), **layers))
        assert frame.wrapped
        expected = np.angle(self.FIELD)
        expected[3, :2] = 0
        np.testing.assert_allclose(frame.phase, expected, atol=1e-6)
        np.testing.assert_array_equal(frame.valid[3, :3], [False, False, True])


def test_made_without_phase(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="without unwrappedPhase or wrappedInterferogram"):
        read(made(tmp_path / NAME, (f"{UNWRAPPED}/HH/unwrappedPhase",)))
