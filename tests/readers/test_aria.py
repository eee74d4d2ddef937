"""ARIA S1-GUNW: made files to the documented layout."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ssl_insar.geometry import line_of_sight
from ssl_insar.readers import read

H, W = 30, 40
NAME = "S1-GUNW-A-R-124-tops-20190304_20190226-042953-19661N_17420N-PP-720e-v2_0_1.nc"
RNG = np.random.default_rng(4)
PHASE = RNG.normal(0, 9, (H, W)).astype(np.float32)
COHERENCE = RNG.uniform(0, 1, (H, W)).astype(np.float32)
LATITUDE = 19.6 - np.arange(H) / 1200
LONGITUDE = -155.8 + np.arange(W) / 1200
HEIGHTS = np.array([-1500.0, 0.0, 3000.0])


def made(path: Path, phase: np.ndarray = PHASE, granules: bool = True, **changes: Any) -> Path:
    content: dict[str, Any] = {"latitude": LATITUDE, "longitude": LONGITUDE, "coherence": COHERENCE} | changes
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "1b"
        data = file.create_group("science/grids/data")
        data.create_dataset("unwrappedPhase", data=phase, chunks=(16, 16), compression="gzip")
        data["unwrappedPhase"].attrs["_FillValue"] = np.float32(0)
        for name, values in content.items():
            data[name] = values
        geometry = file.create_group("science/grids/imagingGeometry")
        geometry["heightsMeta"] = HEIGHTS
        geometry["latitudeMeta"] = np.linspace(19.8, 19.4, 5)
        geometry["longitudeMeta"] = np.linspace(-156, -155.6, 5)
        # Ascending: the satellite stands in the west, 192 degrees from the east against the clock.
        geometry["azimuthAngle"] = np.full((3, 5, 5), 192.0)
        geometry["incidenceAngle"] = np.stack([np.full((5, 5), angle) for angle in (38.0, 39.0, 40.0)])
        geometry["perpendicularBaseline"] = np.full((3, 5, 5), 41.0)
        file["science/radarMetaData/wavelength"] = 0.05546576
        if granules:
            for role, day in (("reference", "20190304"), ("secondary", "20190226")):
                granule = f"S1A_IW_SLC__1SDV_{day}T042940_{day}T043007_026185_02EC93_7A4C.zip"
                file[f"science/radarMetaData/inputSLC/{role}/L1InputGranules"] = [granule]
    return path


class TestSign:
    """The product runs from the later to the earlier date; the sign turns once, with the dates."""

    @pytest.mark.parametrize("granules", [True, False], ids=["dates inside", "dates in the name"])
    def test_made_phase_of_plus_one_is_one_toward_the_satellite(self, tmp_path: Path, granules: bool) -> None:
        frame = read(made(tmp_path / NAME, np.ones((H, W), np.float32), granules))
        np.testing.assert_array_equal(frame.phase, -1)
        assert (frame.reference_date, frame.secondary_date) == (date(2019, 2, 26), date(2019, 3, 4))
        assert frame.perpendicular_baseline == -41

    def test_made_file_that_was_renamed_keeps_its_dates(self, tmp_path: Path) -> None:
        (tmp_path / "20190226_20190304").mkdir()
        frame = read(made(tmp_path / "20190226_20190304" / "hawaii.nc"))
        np.testing.assert_array_equal(frame.phase, -PHASE)
        assert frame.reference_date == date(2019, 2, 26)

    def test_made_without_any_dates_it_is_turned_all_the_same(self, tmp_path: Path) -> None:
        frame = read(made(tmp_path / "hawaii.nc", granules=False))
        assert frame.reference_date is None
        np.testing.assert_array_equal(frame.phase, -PHASE)
        assert frame.perpendicular_baseline == -41


def test_made_facts(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME))
    assert not frame.wrapped
    assert frame.family == "ARIA S1-GUNW"
    assert (frame.track, frame.orbit_pass) == ("124A", "ascending")
    assert frame.wavelength == pytest.approx(0.05546576)
    assert frame.crs == "EPSG:4326"
    half = 0.5 / 1200
    assert frame.transform == pytest.approx((1 / 1200, 0, -155.8 - half, 0, -1 / 1200, 19.6 + half))
    np.testing.assert_array_equal(frame.coherence, COHERENCE)
    assert frame.provenance == "ARIA GUNW unwrappedPhase, processed by ISCE, version 1b"
    assert frame.member is None


def test_made_line_of_sight_at_the_height_of_the_ellipsoid(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME))
    los = frame.los_at(15, 20)
    np.testing.assert_allclose(los, line_of_sight(-12, 39), atol=1e-6)


def test_made_no_data_is_what_the_file_says(tmp_path: Path) -> None:
    phase = PHASE.copy()
    phase[2, :3] = [0, np.nan, 77]
    path = made(tmp_path / NAME, phase)
    with h5py.File(path, "a") as file:
        file["science/grids/data/unwrappedPhase"].attrs["_FillValue"] = np.float32([77])
    frame = read(path)
    np.testing.assert_array_equal(frame.valid[2, :4], [False, False, False, True])


def test_made_rows_from_the_south_are_turned(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME, PHASE[::-1], latitude=LATITUDE[::-1], coherence=COHERENCE[::-1]))
    np.testing.assert_array_equal(frame.phase, -PHASE)
    np.testing.assert_array_equal(frame.coherence, COHERENCE)
    assert frame.transform is not None
    assert frame.transform[4] == pytest.approx(-1 / 1200)
    np.testing.assert_array_equal(frame.window(3, 4, 5, 6).phase, -PHASE[3:8, 4:10])


def test_made_without_geometry_or_coordinates(tmp_path: Path) -> None:
    path = made(tmp_path / NAME, coherence=COHERENCE[1:])
    with h5py.File(path, "a") as file:
        del file["science/grids/imagingGeometry"]
        del file["science/grids/data/latitude"]
    frame = read(path)
    assert (frame.los, frame.crs, frame.transform, frame.perpendicular_baseline) == (None, None, None, None)
    assert frame.coherence is None, "a layer of another size does not belong to it"
    np.testing.assert_array_equal(frame.phase, -PHASE)
