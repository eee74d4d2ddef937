"""OPERA DISP-S1: made files to the documented layout."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from rasterio.crs import CRS

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers import UnreadableError, read

H, W = 30, 40
NAME = "OPERA_L3_DISP-S1_IW_F11116_VV_20160716T230529Z_20160809T230530Z_v1.0_20250318T222753Z.nc"
RNG = np.random.default_rng(4)
DISPLACEMENT = RNG.normal(0, 0.05, (H, W)).astype(np.float32)
QUALITY = RNG.uniform(0, 1, (H, W)).astype(np.float32)
WAVELENGTH = 0.05546576


def made(path: Path, without: tuple[str, ...] = (), **changes: Any) -> Path:
    mask = np.ones((H, W), np.uint8)
    mask[0, :3] = [0, 255, 1]
    content: dict[str, Any] = {
        "displacement": DISPLACEMENT,
        "short_wavelength_displacement": DISPLACEMENT / 2,
        "recommended_mask": mask,
        "water_mask": np.zeros((H, W), np.uint8),
        "temporal_coherence": QUALITY,
        "x": 500015 + 30.0 * np.arange(W),
        "y": 4000000 - 30.0 * np.arange(H),
        "corrections/perpendicular_baseline": np.full((H, W), 12.5, np.float32),
        "identification/frame_id": 11116,
        "identification/product_version": "1.0",
        "identification/radar_wavelength": WAVELENGTH,
        "identification/reference_datetime": "2016-07-16 23:05:29.000000",
        "identification/secondary_datetime": "2016-08-09 23:05:30.000000",
        "identification/track_number": 42,
        "identification/orbit_pass_direction": "Descending",
    } | changes
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            if name not in without:
                file[name] = values
        file["spatial_ref"] = 0
        file["spatial_ref"].attrs["crs_wkt"] = CRS.from_epsg(32610).to_wkt()
    return path


def test_made_displacement_toward_the_satellite_is_negative_phase(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME, displacement=np.full((H, W), 0.01, np.float32)))
    np.testing.assert_allclose(frame.phase[1:], -4 * np.pi / WAVELENGTH * 0.01, rtol=1e-6)
    np.testing.assert_allclose(frame.phase[1:], -2.26562, rtol=1e-5)


def test_made_facts(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME))
    assert not frame.wrapped
    assert (frame.reference_date, frame.secondary_date) == (date(2016, 7, 16), date(2016, 8, 9))
    assert (frame.track, frame.frame, frame.orbit_pass) == ("042D", "F11116", "descending")
    assert frame.wavelength == pytest.approx(WAVELENGTH)
    assert frame.crs == "EPSG:32610"
    assert frame.transform == pytest.approx((30, 0, 500000, 0, -30, 4000015))
    assert frame.perpendicular_baseline == 12.5
    np.testing.assert_array_equal(frame.coherence, QUALITY)
    assert frame.provenance == "OPERA DISP displacement, version 1.0"
    np.testing.assert_allclose(
        frame.phase[5:], DISPLACEMENT[5:] * (-4 * np.pi / WAVELENGTH), rtol=1e-5, atol=1e-6
    )


def test_made_pixels_that_are_not_recommended_are_not_valid(tmp_path: Path) -> None:
    displacement = DISPLACEMENT.copy()
    displacement[4, 4] = np.nan
    frame = read(made(tmp_path / NAME, displacement=displacement))
    np.testing.assert_array_equal(frame.valid[0, :4], [False, False, True, True])
    assert not frame.valid[4, 4]
    assert frame.valid.sum() == H * W - 3
    assert (frame.phase[~frame.valid] == 0).all()


def test_made_water_is_left_out_where_nothing_is_recommended(tmp_path: Path) -> None:
    water = np.ones((H, W), np.uint8)
    water[:, 7] = 0
    frame = read(made(tmp_path / NAME, ("recommended_mask",), water_mask=water))
    np.testing.assert_array_equal(frame.valid, water == 1)


def test_made_quality_under_its_other_name(tmp_path: Path) -> None:
    path = made(tmp_path / NAME, ("temporal_coherence",), estimated_phase_quality=QUALITY)
    np.testing.assert_array_equal(read(path).coherence, QUALITY)


def test_made_filtered_displacement_where_there_is_no_other(tmp_path: Path) -> None:
    frame = read(made(tmp_path / NAME, ("displacement",)))
    np.testing.assert_allclose(
        frame.phase[5:], DISPLACEMENT[5:] / 2 * (-4 * np.pi / WAVELENGTH), rtol=1e-5, atol=1e-6
    )
    assert "short_wavelength_displacement" in str(frame.provenance)


def test_made_dates_and_wavelength_from_the_name(tmp_path: Path) -> None:
    without = ("reference_datetime", "secondary_datetime", "radar_wavelength")
    frame = read(made(tmp_path / NAME, tuple(f"identification/{name}" for name in without)))
    assert (frame.reference_date, frame.secondary_date) == (date(2016, 7, 16), date(2016, 8, 9))
    assert frame.wavelength == WAVELENGTHS["C"]


def test_made_without_a_wavelength(tmp_path: Path) -> None:
    path = made(tmp_path / "renamed.nc", ("identification/radar_wavelength",))
    with pytest.raises(UnreadableError, match="without radar_wavelength"):
        read(path)


def test_made_reference_system_that_makes_no_sense(tmp_path: Path) -> None:
    path = made(tmp_path / NAME)
    with h5py.File(path, "a") as file:
        file["spatial_ref"].attrs["crs_wkt"] = "PROJCS[nonsense"
    assert read(path).crs is None
