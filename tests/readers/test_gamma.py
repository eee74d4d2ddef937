"""GAMMA: sizes and places from parameter files, both byte orders, layers beside."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.geometry import SPEED_OF_LIGHT
from ssl_insar.readers import UnreadableError, looks_readable, read

HEIGHT, WIDTH = 40, 30
RNG = np.random.default_rng(7)
PHASE = RNG.normal(0, 6, (HEIGHT, WIDTH)).astype(np.float32)
PAIR = "20190105_20190117"

DEM_PAR = f"""Gamma DIFF&GEO DEM/MAP parameter file
title: made
DEM_projection:     EQA
width:                {WIDTH}
nlines:               {HEIGHT}
corner_lat:     40.5000000  decimal degrees
corner_lon:     13.2500000  decimal degrees
post_lat:   -1.0000000e-03  decimal degrees
post_lon:    2.0000000e-03  decimal degrees
"""
UTM_PAR = f"""DEM_projection: UTM
width: {WIDTH}
nlines: {HEIGHT}
corner_north: 4000045.0 m
corner_east: 499960.0 m
post_north: -90.0 m
post_east: 80.0 m
projection_zone: 33
"""
SLC_PAR = """date: 2019 1 5 17 0 0.0
radar_frequency: 5.4050000e+09 Hz
incidence_angle: 39.0 degrees
heading: -10.0 degrees
azimuth_angle: 90.0 degrees
range_samples: 3000
azimuth_lines: 4000
sar_to_earth_center: 7070000.0 m
earth_radius_below_sensor: 6371000.0 m
"""
MLI_PAR = f"""range_samples: {WIDTH}
azimuth_lines: {HEIGHT}
radar_frequency: 5.4050000e+09 Hz
incidence_angle: 30.0 degrees
range_pixel_spacing: 20.0 m
azimuth_pixel_spacing: 70.0 m
"""


def write(path: Path, values: Any, dtype: str = ">f4", **beside: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.ascontiguousarray(values.astype(dtype)).tobytes())
    for name, text in beside.items():
        (path.parent / name.replace("__", ".")).write_text(text)
    return path


def test_made_unwrapped(tmp_path: Path) -> None:
    path = write(tmp_path / f"{PAIR}_utm.unw", PHASE, a__dem_par=DEM_PAR)
    (tmp_path / "20190105_slc.par").write_text(SLC_PAR)
    frame = read(path)
    np.testing.assert_array_equal(frame.phase, PHASE)
    assert frame.phase.dtype == np.dtype("=f4")
    assert not frame.wrapped
    assert frame.family == "GAMMA"
    assert frame.crs == "EPSG:4326"
    # The corner is the centre of the first pixel.
    assert frame.transform == pytest.approx((0.002, 0, 13.249, 0, -0.001, 40.5005))
    assert (frame.reference_date, frame.secondary_date) == (date(2019, 1, 5), date(2019, 1, 17))
    assert frame.wavelength == SPEED_OF_LIGHT / 5.405e9
    np.testing.assert_allclose(frame.los, [-0.61976, -0.10928, 0.777146], atol=1e-5)


@pytest.mark.parametrize("suffix", [".int", ".diff"])
def test_made_wrapped(tmp_path: Path, suffix: str) -> None:
    values = 7 * np.exp(1j * PHASE)
    values[3, 4] = 0
    frame = read(write(tmp_path / f"{PAIR}{suffix}", values, ">c8", a__dem_par=DEM_PAR))
    assert frame.wrapped
    assert (~frame.valid).sum() == 1
    np.testing.assert_allclose(np.exp(1j * frame.phase[4:]), np.exp(1j * PHASE[4:]), atol=1e-5)


def test_made_copies_in_both_byte_orders_are_one(tmp_path: Path) -> None:
    big = read(write(tmp_path / f"big/{PAIR}.unw", PHASE, ">f4", a__dem_par=DEM_PAR))
    little = read(write(tmp_path / f"little/{PAIR}.unw", PHASE, "<f4", a__dem_par=DEM_PAR))
    assert big.phase.tobytes() == little.phase.tobytes() == PHASE.tobytes()
    assert big.valid.all()
    assert little.valid.all()
    assert (big.provenance, little.provenance) == ("GAMMA unw, big-endian", "GAMMA unw, little-endian")


def test_made_noise_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / f"{PAIR}.unw", PHASE, a__dem_par=DEM_PAR)
    path.write_bytes(RNG.bytes(4 * HEIGHT * WIDTH))
    with pytest.raises(UnreadableError, match="no sense in either byte order"):
        read(path)


@pytest.mark.parametrize(("northing", "crs"), [("0.0", "EPSG:32633"), ("10000000.0", "EPSG:32733")])
def test_made_utm(tmp_path: Path, northing: str, crs: str) -> None:
    text = UTM_PAR + f"false_northing: {northing} m\n"
    frame = read(write(tmp_path / f"{PAIR}.unw", PHASE, a__dem_par=text))
    assert frame.crs == crs
    assert frame.transform == (80, 0, 499920, 0, -90, 4000090)
    assert frame.spacing == (90, 80)


def test_made_projection_without_a_code_keeps_its_spacing(tmp_path: Path) -> None:
    text = UTM_PAR.replace("UTM", "OMCH")
    frame = read(write(tmp_path / f"{PAIR}.unw", PHASE, a__dem_par=text))
    assert (frame.crs, frame.transform, frame.spacing) == (None, None, (90, 80))


def test_made_radar_coordinates(tmp_path: Path) -> None:
    # The single-look size does not fit; the multilooked one does.
    path = write(tmp_path / f"{PAIR}.unw", PHASE, **{"20190105__mli__par": MLI_PAR})
    (tmp_path / "20190105.slc.par").write_text(SLC_PAR)
    frame = read(path)
    assert frame.transform is None
    assert frame.spacing == pytest.approx((70, 40))
    np.testing.assert_array_equal(frame.phase, PHASE)


@pytest.mark.parametrize("above", ["..", "../.."])
def test_made_parameter_file_in_a_folder_above(tmp_path: Path, above: str) -> None:
    path = write(tmp_path / f"a/b/{PAIR}.unw", PHASE)
    (path.parent / above / "x_dem.par").resolve().write_text(DEM_PAR)
    assert read(path).crs == "EPSG:4326"


def test_made_size_that_does_not_fit_is_refused_with_both_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / f"{PAIR}.unw", PHASE[:-1], a__dem_par=DEM_PAR)
    with pytest.raises(UnreadableError, match=r"holds 4680 bytes, but a\.dem_par says 40 rows x 30 columns"):
        read(path)


def test_made_sizes_that_both_fit_are_refused(tmp_path: Path) -> None:
    other = (
        DEM_PAR.replace(f"{WIDTH}\n", "0\n")
        .replace(f"{HEIGHT}\n", f"{WIDTH}\n")
        .replace(" 0\n", f" {HEIGHT}\n")
    )
    path = write(tmp_path / f"{PAIR}.unw", PHASE, a__dem_par=DEM_PAR, b__dem_par=other)
    with pytest.raises(UnreadableError, match="two sizes that both fit, 40 x 30 and 30 x 40"):
        read(path)


@pytest.mark.parametrize("text", ["", "width: x\nnlines: y\n", "\0\1\2", "width 30\nnlines 40\n"])
def test_made_parameter_file_in_disorder(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / f"{PAIR}.unw", PHASE, a__dem_par=text)
    with pytest.raises(UnreadableError, match="no parameter file nearby gives its width"):
        read(path)


def test_made_damaged_radar_parameters_do_not_cost_the_phase(tmp_path: Path) -> None:
    text = "radar_frequency: -1 Hz\nincidence_angle: 720\nheading: x\nsar_to_earth_center: 1\n"
    path = write(tmp_path / f"{PAIR}.unw", PHASE, a__dem_par=DEM_PAR, b__slc__par=text)
    frame = read(path)
    assert (frame.wavelength, frame.los, frame.perpendicular_baseline) == (None, None, None)
    np.testing.assert_array_equal(frame.phase, PHASE)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (f"{PAIR}_utm.unw.cc", "."),
        (f"{PAIR}_utm.cc", "."),
        (f"x_{PAIR}_flat_eqa.cc", "."),
        (f"{PAIR}_utm.unw.cc", "../coherence"),
    ],
)
def test_made_coherence_of_the_pair(tmp_path: Path, name: str, folder: str) -> None:
    coherence = RNG.uniform(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    path = write(tmp_path / f"obs/{PAIR}_utm.unw", PHASE, a__dem_par=DEM_PAR)
    write((path.parent / folder).resolve() / name, coherence)
    write(path.parent / "20190117_20190129_utm.unw.cc", coherence * 0)
    np.testing.assert_array_equal(read(path).coherence, coherence)


@pytest.mark.parametrize("unit", [1.0, 180 / np.pi])
def test_made_look_vectors(tmp_path: Path, unit: float) -> None:
    # 39 degrees of incidence, satellite in the west and a little south: ascending.
    path = write(tmp_path / f"{PAIR}.unw", PHASE, a__dem_par=DEM_PAR)
    theta = np.full((HEIGHT, WIDTH), np.deg2rad(51) * unit)
    theta[:20] = 0
    write(tmp_path / "a.lv_theta", theta)
    assert read(path).los is None  # one angle tells nothing
    write(tmp_path / "a.lv_phi", np.full((HEIGHT, WIDTH), np.deg2rad(-170) * unit))
    frame = read(path)
    np.testing.assert_allclose(frame.los_at(39, 3), [-0.61976, -0.10928, 0.777146], atol=1e-5)
    assert frame.los_at(0, 3) is None
    assert frame.orbit_pass == "ascending"


@pytest.mark.parametrize(("precise", "expected"), [((0.0, 0.0), (100, 30)), ((90.0, 20.0), (90, 20))])
def test_made_perpendicular_baseline(tmp_path: Path, precise: Any, expected: Any) -> None:
    base = (
        "initial_baseline(TCN):   0.5   100.0   30.0   m   m   m\n"
        f"precision_baseline(TCN): 0.5 {precise[0]} {precise[1]}   m   m   m\n"
    )
    path = write(tmp_path / f"{PAIR}_utm.unw", PHASE, a__dem_par=DEM_PAR, a__slc__par=SLC_PAR)
    (tmp_path / f"{PAIR}_base.par").write_text(base)
    look = np.arcsin(6371 / 7070 * np.sin(np.deg2rad(39)))
    expected = expected[0] * np.cos(look) - expected[1] * np.sin(look)
    assert read(path).perpendicular_baseline == pytest.approx(expected)


@pytest.mark.parametrize(
    ("suffix", "what"),
    [(".cc", "coherence"), (".disp", "displacement"), (".lv_theta", "look angles"), (".dem", "elevation")],
)
def test_made_other_layers_are_refused_and_not_walked(tmp_path: Path, suffix: str, what: str) -> None:
    path = write(tmp_path / f"{PAIR}{suffix}", PHASE, a__dem_par=DEM_PAR)
    with pytest.raises(UnreadableError, match=rf"is {what}.*, not phase; give the \.unw"):
        read(path)
    assert not looks_readable(path)
    assert looks_readable(write(tmp_path / f"{PAIR}.diff", PHASE, ">c8"))


@pytest.mark.real
def test_pyrate_interferograms(shared_data: Path) -> None:
    folder = shared_data / "products/pyrate/small_test"
    paths = sorted((folder / "gamma_obs").glob("*.unw"))
    assert len(paths) == 17
    for path in paths:
        frame = read(path)
        np.testing.assert_array_equal(frame.phase, np.fromfile(path, ">f4").reshape(72, 47))
        np.testing.assert_array_equal(frame.valid, frame.phase != 0)
        coherence = np.fromfile(folder / "coherence" / f"{path.name}.cc", ">f4").reshape(72, 47)
        np.testing.assert_array_equal(frame.coherence, coherence)
        assert frame.wavelength == SPEED_OF_LIGHT / 5.334694994e9
        assert frame.perpendicular_baseline is not None
        assert frame.orbit_pass == "descending"
        assert looks_readable(path)


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["20060619_utm.dem", "20060619_utm.inc", "20060619_utm.lv_theta", "20060619_slc.par"]
)
def test_pyrate_other_files_are_refused_and_not_walked(shared_data: Path, name: str) -> None:
    path = shared_data / "products/pyrate/small_test/gamma_obs" / name
    with pytest.raises(UnreadableError, match="not phase"):
        read(path)
    assert not looks_readable(path)


def settle_clock(folder: Path) -> None:
    """So long ago that the folder's time of change is trusted."""
    for path in (*folder.iterdir(), folder):
        os.utime(path, ns=(10**18, 10**18))


def test_made_folder_is_listed_once_for_all_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [f"20190105_201901{day}" for day in range(10, 30)]
    for pair in pairs:
        write(tmp_path / f"{pair}.unw", PHASE, a__dem_par=DEM_PAR)
    settle_clock(tmp_path)
    listed: list[Path] = []
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or iterdir(path))
    read(tmp_path / f"{pairs[0]}.unw")
    first = listed.count(tmp_path)
    assert first > 0
    for pair in pairs:
        assert read(tmp_path / f"{pair}.unw").shape == (HEIGHT, WIDTH)
    assert listed.count(tmp_path) == first


def test_made_parameters_that_change_are_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / f"{PAIR}.unw", PHASE, a__dem_par=DEM_PAR)
    settle_clock(tmp_path)
    assert read(path).crs == "EPSG:4326"
    (tmp_path / "a.dem_par").write_text(UTM_PAR)
    assert read(path).crs == "EPSG:32633"
    write(tmp_path / f"{PAIR}.cc", np.full((HEIGHT, WIDTH), 0.5))
    assert read(path).coherence is not None
