"""LiCSBAS: stacks of unwrapped pairs, velocity maps, and everything else it leaves behind."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.geometry import SPEED_OF_LIGHT, WAVELENGTHS
from ssl_insar.readers import UnreadableError, looks_readable, read

HEIGHT, WIDTH = 40, 30
RNG = np.random.default_rng(8)
PHASE = RNG.normal(0, 6, (HEIGHT, WIDTH)).astype(np.float32)
PAIR = "20190105_20190117"
DEM_PAR = f"""DEM_projection:     EQA
width: {WIDTH}
nlines: {HEIGHT}
corner_lat: 40.5  decimal degrees
corner_lon: 13.25  decimal degrees
post_lat: -0.001 decimal degrees
post_lon: 0.002 decimal degrees
"""
MLI_PAR = f"range_samples: {WIDTH}\nazimuth_lines: {HEIGHT}\nradar_frequency: 5405000000.0 Hz\n"
OTHERS = [
    "coh_avg", "hgt", "mask", "maxTlen", "n_gap", "n_ifg_noloop", "n_loop_err", "n_unw", "resid_rms",
    "slc.mli", "stc", "vintercept", "vintercept.filt", "vintercept.filt.mskd", "vstd",
]  # fmt: skip


def write(path: Path, values: Any, dtype: str = "<f4") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.ascontiguousarray(values.astype(dtype)).tobytes())
    return path


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A folder of pairs, of a LiCSAR frame."""
    folder = tmp_path / "079D_07894_131313/GEOCml5clip"
    folder.mkdir(parents=True)
    (folder / "EQA.dem_par").write_text(DEM_PAR)
    (folder / "slc.mli.par").write_text(MLI_PAR)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results."""
    (tmp_path / "TS/info").mkdir(parents=True)
    (tmp_path / "TS/info/EQA.dem_par").write_text(DEM_PAR)
    (tmp_path / "TS/info/13parameters.txt").write_text("wavelength:     0.0555\nn_im: 158\n")
    return tmp_path / "TS/results"


def test_made_pair(stack: Path) -> None:
    phase = PHASE.copy()
    phase[0, :2] = 0, np.nan
    heights = RNG.uniform(1, 900, PHASE.shape).astype(np.float32)
    write(stack / "hgt", heights)
    for axis, value in zip("ENU", (-0.61976, -0.10928, 0.777146), strict=True):
        write(stack / f"{axis}.geo", np.full(PHASE.shape, value))
    path = write(stack / PAIR / f"{PAIR}.unw", phase)
    frame = read(path)
    assert frame.family == "LiCSBAS"
    np.testing.assert_array_equal(frame.phase[1:], PHASE[1:])
    np.testing.assert_array_equal(frame.valid[0, :3], [False, False, True])
    assert not frame.wrapped
    assert (frame.reference_date, frame.secondary_date) == (date(2019, 1, 5), date(2019, 1, 17))
    assert frame.frame == "079D_07894_131313"
    assert frame.wavelength == SPEED_OF_LIGHT / 5.405e9
    assert frame.transform == pytest.approx((0.002, 0, 13.249, 0, -0.001, 40.5005))
    np.testing.assert_array_equal(frame.elevation, heights)
    np.testing.assert_allclose(frame.los_at(5, 5), [-0.61976, -0.10928, 0.777146], atol=1e-5)
    assert looks_readable(path)


@pytest.mark.parametrize("dtype", ["<f4", "u1"])
def test_made_coherence_in_both_formats(stack: Path, dtype: str) -> None:
    levels = RNG.integers(0, 256, PHASE.shape)
    write(stack / PAIR / f"{PAIR}.cc", levels if dtype == "u1" else levels / 255, dtype)
    frame = read(write(stack / PAIR / f"{PAIR}.unw", PHASE))
    np.testing.assert_allclose(frame.coherence, levels / 255, atol=1e-7)


def test_made_pair_in_the_other_byte_order_is_gammas(stack: Path) -> None:
    little = read(write(stack / PAIR / f"{PAIR}.unw", PHASE))
    big = read(write(stack / PAIR / f"{PAIR}.unw", PHASE, ">f4"))
    assert (little.family, big.family) == ("LiCSBAS", "GAMMA")
    np.testing.assert_array_equal(big.phase, PHASE)


def test_made_pair_of_another_size_is_refused(stack: Path) -> None:
    path = write(stack / PAIR / f"{PAIR}.unw", PHASE[1:])
    with pytest.raises(
        UnreadableError, match=r"holds 4680 bytes, but EQA\.dem_par says 40 rows x 30 columns"
    ):
        read(path)


def test_made_velocity_is_positive_toward(results: Path) -> None:
    velocity = np.full(PHASE.shape, 10.0)  # mm/year of uplift
    velocity[0, 0] = np.nan
    frame = read(write(results / "vel", velocity))
    assert frame.wavelength == 0.0555
    np.testing.assert_allclose(frame.phase[frame.valid], -4 * np.pi * 0.010 / 0.0555, rtol=1e-6)
    assert (~frame.valid).sum() == 1
    assert not frame.wrapped
    assert (frame.reference_date, frame.secondary_date) == (None, None)
    assert "phase of one year" in (frame.provenance or "")


def test_made_velocity_without_a_wavelength_is_refused(results: Path) -> None:
    (results.parent / "info/13parameters.txt").unlink()
    with pytest.raises(UnreadableError, match="becomes phase by the radar's wavelength"):
        read(write(results / "vel", PHASE))


def test_made_velocity_under_the_name_of_its_frame(tmp_path: Path) -> None:
    (tmp_path / "087A_04904_121313.par").write_text(DEM_PAR)
    for axis, value in zip("ENU", (-0.61976, -0.10928, 0.777146), strict=True):
        write(tmp_path / f"087A_04904_121313.{axis}", np.full(PHASE.shape, value))
    frame = read(write(tmp_path / "087A_04904_121313.vel.mskd", PHASE))
    # LiCSAR frames are Sentinel-1's.
    np.testing.assert_allclose(frame.phase, PHASE * -4e-3 * np.pi / WAVELENGTHS["C"], rtol=1e-5)
    assert frame.orbit_pass == "ascending"
    np.testing.assert_allclose(frame.los_at(5, 5), [-0.61976, -0.10928, 0.777146], atol=1e-5)


def test_made_walk_takes_the_most_finished_velocity(results: Path) -> None:
    paths = [write(results / name, PHASE) for name in ("vel", "vel.filt", "vel.mskd", "vel.filt.mskd")]
    for last in (3, 2, 1, 0):
        assert [looks_readable(path) for path in paths[: last + 1]] == [False] * last + [True]
        paths[last].unlink()


@pytest.mark.parametrize("name", [*OTHERS, "E.geo", "U"])
def test_made_other_layers_are_refused_and_not_walked(results: Path, name: str) -> None:
    path = write(results / name, np.abs(PHASE))
    with pytest.raises(UnreadableError, match=f"LiCSBAS layer '{name}' is not phase"):
        read(path)
    assert not looks_readable(path)


def test_made_coherence_is_refused(stack: Path) -> None:
    path = write(stack / PAIR / f"{PAIR}.cc", np.abs(PHASE) / 40)
    with pytest.raises(UnreadableError, match="is coherence, not phase"):
        read(path)
    assert not looks_readable(path)


@pytest.mark.real
def test_campi_flegrei_rises(shared_data: Path) -> None:
    results = shared_data / "products/licsbas_campi_flegrei/results"
    frame = read(results / "vel.mskd")
    velocity = np.fromfile(results / "vel.mskd", "<f4").reshape(121, 191)
    np.testing.assert_array_equal(frame.valid, np.isfinite(velocity) & (velocity != 0))
    expected = velocity[frame.valid] * -4e-3 * np.pi / 0.055465764662349676
    np.testing.assert_allclose(frame.phase[frame.valid], expected, rtol=1e-5)
    # Pozzuoli (14.12 E, 40.83 N) rises by some cm a year: toward, so its phase is the most negative.
    row, col = np.unravel_index(frame.phase.argmin(), frame.shape)
    assert frame.transform is not None
    a, _, c, _, e, f = frame.transform
    assert c + a * col == pytest.approx(14.12, abs=0.03)
    assert f + e * row == pytest.approx(40.83, abs=0.02)
    assert frame.phase.min() < -8
    assert frame.elevation is not None
    assert np.nanmax(frame.elevation) == pytest.approx(463.49, abs=0.01)


@pytest.mark.real
def test_campi_flegrei_walk_takes_one_map(shared_data: Path) -> None:
    folder = shared_data / "products/licsbas_campi_flegrei"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert [path.name for path in files if looks_readable(path)] == ["vel.filt.mskd"]
    for name in OTHERS:
        with pytest.raises(UnreadableError, match=f"LiCSBAS layer '{name}' is not phase"):
            read(folder / "results" / name)


@pytest.mark.real
@pytest.mark.parametrize(
    ("frame", "east", "passes"),
    [("087A_04904_121313", -0.6, "ascending"), ("167D_04884_131212", 0.6, "descending")],
)
def test_north_anatolian(shared_data: Path, frame: str, east: float, passes: str) -> None:
    folder = shared_data / "products/licsbas_north_anatolian"
    found = read(folder / f"{frame}.vel.mskd")
    velocity = np.fromfile(folder / f"{frame}.vel.mskd", "<f4").reshape(found.shape)
    expected = velocity[found.valid] * -4e-3 * np.pi / WAVELENGTHS["C"]
    np.testing.assert_allclose(found.phase[found.valid], expected, rtol=1e-5)
    assert found.valid.mean() > 0.4
    assert found.frame == frame
    assert found.orbit_pass == passes
    los = found.los_at(130, 170)
    assert los is not None
    assert los[0] == pytest.approx(east, abs=0.12)
    assert np.linalg.norm(los) == pytest.approx(1)
    for axis in "ENU":
        with pytest.raises(UnreadableError, match=f"LiCSBAS layer '{axis}' is not phase"):
            read(folder / f"{frame}.{axis}")
