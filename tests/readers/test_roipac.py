"""ROI_PAC: headers, two-band unwrapped phase, sign, and the PyRate copies in three formats."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_products import rsc

from ssl_insar.readers import ReadOptions, UnreadableError, frames, looks_readable, read

HEIGHT, WIDTH = 40, 30
RNG = np.random.default_rng(5)
PHASE = RNG.normal(0, 6, (HEIGHT, WIDTH)).astype(np.float32)
AMPLITUDE = RNG.uniform(1, 9, (HEIGHT, WIDTH)).astype(np.float32)
HEADER = rsc.header(HEIGHT, WIDTH)


def write(path: Path, values: Any, header: dict[str, Any] | None = None) -> Path:
    path.write_bytes(np.ascontiguousarray(values).tobytes())
    rsc.write_header(path, HEADER if header is None else header)
    return path


def rmg(phase: Any = PHASE, amplitude: Any = AMPLITUDE, dtype: str = "<f4") -> Any:
    return np.stack([amplitude, phase], axis=1).astype(dtype)


@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
def test_made_unwrapped(tmp_path: Path, dtype: str) -> None:
    frame = read(write(tmp_path / "geo_060619-061002.unw", rmg(dtype=dtype)))
    np.testing.assert_array_equal(frame.phase, PHASE)
    assert frame.valid.all()
    assert not frame.wrapped
    assert (frame.reference_date, frame.secondary_date) == (date(2006, 6, 19), date(2006, 10, 2))
    assert frame.wavelength == 0.0562356424
    assert frame.perpendicular_baseline == 62
    assert frame.crs == "EPSG:4326"
    assert frame.transform == (0.001, 0, 150.91, 0, -0.001, -34.17)
    assert frame.family == "ROI_PAC"


def test_made_wrapped(tmp_path: Path) -> None:
    values = (AMPLITUDE * np.exp(1j * PHASE)).astype("<c8")
    values[0, 0] = 0
    frame = read(write(tmp_path / "a.int", values))
    assert frame.wrapped
    assert not frame.valid[0, 0]
    np.testing.assert_allclose(np.exp(1j * frame.phase[1:]), np.exp(1j * PHASE[1:]), atol=1e-5)


def test_made_amplitude_of_zero_takes_nothing_out(tmp_path: Path) -> None:
    phase = PHASE.copy()
    phase[3, 4] = 0
    frame = read(write(tmp_path / "a.unw", rmg(phase, np.zeros_like(phase))))
    assert (~frame.valid).sum() == 1
    assert not frame.valid[3, 4]


def test_made_sign_is_an_option(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", rmg())
    np.testing.assert_array_equal(read(path).phase, PHASE)
    np.testing.assert_array_equal(read(path, ReadOptions(roipac_toward=True)).phase, -PHASE)


def test_made_later_date_first_is_turned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", rmg(), HEADER | {"DATE12": "061002-060619"})
    frame = read(path)
    assert (frame.reference_date, frame.secondary_date) == (date(2006, 6, 19), date(2006, 10, 2))
    np.testing.assert_array_equal(frame.phase, -PHASE)
    assert frame.perpendicular_baseline == -62


@pytest.mark.parametrize(
    "sizes",
    [
        {"WIDTH": WIDTH, "FILE_LENGTH": HEIGHT, "width": 2956, "length": 2806},
        {"width": WIDTH, "length": HEIGHT, "WIDTH": 2956, "FILE_LENGTH": 2806},
    ],
)
def test_made_header_with_two_widths(tmp_path: Path, sizes: dict[str, int]) -> None:
    frame = read(write(tmp_path / "a.unw", rmg(), sizes))
    assert frame.shape == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(frame.phase, PHASE)


def test_made_header_with_two_sizes_that_fit_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", rmg(), {"WIDTH": 30, "FILE_LENGTH": 40, "width": 40, "length": 30})
    with pytest.raises(UnreadableError, match=r"two sizes that both fit, 40 x 30 and 30 x 40"):
        read(path)


@pytest.mark.parametrize("header", [{}, {"WIDTH": 30}, {"WIDTH": "x", "FILE_LENGTH": "y"}])
def test_made_header_without_a_size_is_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    path = write(tmp_path / "a.unw", rmg(), header)
    with pytest.raises(UnreadableError, match=r"a\.unw\.rsc: (gives no WIDTH|no header values)"):
        read(path)


def test_made_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", rmg()[:-1])
    with pytest.raises(UnreadableError, match=r"holds 9360 bytes, but its header says 40 rows x 30 columns"):
        read(path)


def test_made_coherence_and_elevation_beside(tmp_path: Path) -> None:
    coherence = RNG.uniform(0, 1, (HEIGHT, WIDTH)).astype("<f4")
    heights = RNG.integers(1, 800, (HEIGHT, WIDTH)).astype("<i2")
    heights[0, 0] = -32768
    write(tmp_path / "a.cor", rmg(coherence))
    write(tmp_path / "b.dem", heights)
    elsewhere = write(tmp_path / "c.dem", heights, HEADER | {"X_FIRST": 151})
    assert elsewhere.is_file()
    frame = read(write(tmp_path / "a.unw", rmg()))
    np.testing.assert_array_equal(frame.coherence, coherence)
    assert frame.elevation is not None
    assert np.isnan(frame.elevation[0, 0])
    np.testing.assert_array_equal(frame.elevation[1:], heights[1:])


def test_made_elevation_that_is_none_is_left_out(tmp_path: Path) -> None:
    # Big-endian heights read in the other order reach 32 km.
    write(tmp_path / "b.dem", RNG.integers(1, 800, (HEIGHT, WIDTH)).astype(">i2"))
    assert read(write(tmp_path / "a.unw", rmg())).elevation is None


@pytest.mark.parametrize(
    ("suffix", "what"),
    [(".cor", "coherence"), (".hgt", "elevation"), (".dem", "elevation"), (".msk", "a mask")],
)
def test_made_other_layers_are_refused_and_not_walked(tmp_path: Path, suffix: str, what: str) -> None:
    path = write(tmp_path / f"a{suffix}", rmg())
    with pytest.raises(UnreadableError, match=rf"is {what}, not phase; give the \.unw"):
        read(path)
    assert not looks_readable(path)
    assert looks_readable(write(tmp_path / "a.unw", rmg()))


@pytest.mark.parametrize("name", ["geo_incidence.unw", "los.unw"])
def test_made_look_angles_under_the_suffix_of_phase_are_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, rmg())
    with pytest.raises(UnreadableError, match="look angles"):
        read(path)
    assert read(write(tmp_path / "los_angeles.unw", rmg())).valid.all()


def test_made_header_given_for_the_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", rmg())
    with pytest.raises(UnreadableError, match=r"is a header; give a\.unw"):
        read(Path(f"{path}.rsc"))


def test_made_radar_coordinates_give_line_of_sight_and_posting(tmp_path: Path) -> None:
    radar = {
        "WIDTH": WIDTH,
        "FILE_LENGTH": HEIGHT,
        "STARTING_RANGE": 800_000,
        "RANGE_PIXEL_SIZE": 20,
        "AZIMUTH_PIXEL_SIZE": 80,
        "EARTH_RADIUS": 6_371_000,
        "HEIGHT": 700_000,
        "HEADING_DEG": -12,
        "relative_orbit": 15,
        "ORBIT_DIRECTION": "ASCENDING",
    }
    frame = read(write(tmp_path / "a.unw", rmg(), radar))
    # Of the triangle: cos(incidence) = ((R + H)^2 - R^2 - r^2) / (2 R r) at r = 800,300 m.
    incidence = np.arccos((7_071_000**2 - 6_371_000**2 - 800_300**2) / (2 * 6_371_000 * 800_300))
    assert frame.spacing == pytest.approx((80 * 6371 / 7071, 20 / np.sin(incidence)))
    assert frame.los is not None
    assert frame.los[2] == pytest.approx(np.cos(incidence))
    assert frame.los[0] < 0  # ascending and looking right: the satellite stands in the west
    assert frame.track == "015A"


@pytest.mark.parametrize(
    ("more", "crs", "spacing"),
    [
        ({"X_UNIT": "meters", "UTM_ZONE": "11N"}, "EPSG:32611", (90, 80)),
        ({"X_UNIT": "meters", "UTM_ZONE": "11S"}, None, (90, 80)),  # south, or a northern band
        ({"X_UNIT": "meters"}, None, (90, 80)),
    ],
)
def test_made_metric_grid(tmp_path: Path, more: dict[str, str], crs: str | None, spacing: Any) -> None:
    metric = HEADER | {"X_FIRST": 5e5, "X_STEP": 80, "Y_FIRST": 4e6, "Y_STEP": -90} | more
    frame = read(write(tmp_path / "a.unw", rmg(), metric))
    assert frame.crs == crs
    assert frame.spacing == pytest.approx(spacing)


def test_made_gamma_file_under_a_header_of_mintpy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", PHASE.astype(">f4"), HEADER | {"PROCESSOR": "gamma"})
    write(tmp_path / "a.cor", np.full_like(PHASE, 0.25).astype(">f4"))
    frame = read(path, ReadOptions(roipac_toward=True))
    assert frame.coherence is not None
    assert (frame.coherence == 0.25).all()
    assert frame.family == "GAMMA"
    np.testing.assert_array_equal(frame.phase, PHASE)


@pytest.mark.real
def test_pyrate_copies_in_three_formats_are_one(shared_data: Path) -> None:
    folder = shared_data / "products/pyrate/small_test"
    paths = sorted((folder / "roipac_obs").glob("*.unw"))
    assert len(paths) == 17
    for path in paths:
        roipac = read(path)
        days = [f"{day:%Y%m%d}" for day in (roipac.reference_date, roipac.secondary_date) if day]
        gamma = read(folder / "gamma_obs" / f"{days[0]}-{days[1]}_utm.unw")
        geotiff = read(folder / "tif" / f"geo_{days[0][2:]}-{days[1][2:]}_unw.tif")
        for other in (gamma, geotiff):
            assert other.phase.tobytes() == roipac.phase.tobytes()
            np.testing.assert_array_equal(other.valid, roipac.valid)
            assert not other.wrapped
        assert (gamma.reference_date, gamma.secondary_date) == (roipac.reference_date, roipac.secondary_date)
        # The amplitude band is zero throughout.
        assert not np.fromfile(path, "<f4").reshape(72, 2, 47)[:, 0].any()
        assert roipac.valid.mean() > 0.8
        assert roipac.transform == pytest.approx(geotiff.transform)
        assert roipac.transform is not None
        assert gamma.transform is not None
        # GAMMA's parameter file was made with the corner where the centre of the pixel belongs.
        assert gamma.transform[2] == pytest.approx(roipac.transform[2] - 0.000833333 / 2)
        np.testing.assert_array_equal(roipac.elevation, gamma.elevation)


@pytest.mark.real
def test_pyrate_elevation_model_is_refused(shared_data: Path) -> None:
    path = shared_data / "products/pyrate/small_test/roipac_obs/roipac_test_trimmed.dem"
    with pytest.raises(UnreadableError, match="is elevation, not phase"):
        frames(path)
    assert not looks_readable(path)
