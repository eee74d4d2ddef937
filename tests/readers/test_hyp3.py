"""HyP3 products, made with rasterio as the product guides describe them."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from made_rasters import SHAPE, unwrapped_phase, wrapped_phase, write_tiff
from rasterio.transform import Affine

from ssl_insar.geometry import WAVELENGTHS, line_of_sight
from ssl_insar.readers import UnreadableError, looks_readable, read

GAMMA = "S1AB_20171111T150004_20171117T145926_VVP006_INT80_G_ueF_4D09"
BURST = "S1_213524_IW1_20170411_20170517_VV_INT80_8E81"
MERGED = "S1_064_000000s1n00-136231s2n02-000000s3n00_IW_20200604_20200616_VV_INT80_77F1"
MERGED_BEFORE = "S1A_064_E053_1_N27_3_E054_1_N27_8_20200604_20200616_VV_INT80_7EB5"

# The values of the guide's example.
PARAMETERS = """\
Reference Granule: S1A_IW_SLC__1SDV_20171111T150004_20171111T150032_019219_0208AF_EE89
Secondary Granule: S1B_IW_SLC__1SDV_20171117T145926_20171117T145953_008323_00EBAB_AFB8
Reference Pass Direction: ASCENDING
Reference Orbit Number: 19219
Baseline: 61.8974
UTC time: 54004.989128
Heading: -13.0235756
Spacecraft height: 699974.5329
Earth radius at nadir: 6371383.6099
Slant range near: 799002.2677
Slant range center: 878813.0619
Slant range far: 958623.856
INSAR phase filter: adf
DEM source: GLO-30
Unwrapping type: mcf
"""
THETA, PHI = np.deg2rad(51.0), np.deg2rad(-167.0)
UTM = {"crs": "EPSG:32611", "transform": Affine(80, 0, 400_000, 0, -80, 4_100_000), "nodata": 0}


def coherence() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, SHAPE).astype(np.float32)


def land() -> np.ndarray:
    mask = np.ones(SHAPE, np.uint8)
    mask[:, 20:] = 0
    return mask


def made_product(folder: Path, product: str = GAMMA, clip: str = "", **profile: object) -> Path:
    """All layers of a product; returns its unwrapped phase."""
    dem = np.random.default_rng(2).uniform(1, 3000, SHAPE).astype(np.float32)
    dem[0] = 0
    layers = {
        "corr": coherence(),
        "dem": dem,
        "lv_theta": np.full(SHAPE, THETA, np.float32),
        "lv_phi": np.full(SHAPE, PHI, np.float32),
        "water_mask": land(),
        "wrapped_phase": wrapped_phase(),
        "unw_phase": unwrapped_phase(),
    }
    folder = folder / product
    for layer, values in layers.items():
        write_tiff(folder / f"{product}_{layer}{clip}.tif", values, **(UTM | profile))
    (folder / f"{product}.txt").write_text(PARAMETERS)
    return folder / f"{product}_unw_phase{clip}.tif"


@pytest.fixture
def unwrapped(tmp_path: Path) -> Path:
    return made_product(tmp_path)


class TestMadeProduct:
    def test_unwrapped_phase_and_its_facts(self, unwrapped: Path) -> None:
        frame = read(unwrapped)
        assert not frame.wrapped
        assert frame.family == "HyP3"
        assert frame.wavelength == WAVELENGTHS["C"]
        assert (frame.reference_date, frame.secondary_date) == (date(2017, 11, 11), date(2017, 11, 17))
        assert frame.perpendicular_baseline == 61.8974
        assert frame.crs == "EPSG:32611"
        assert frame.spacing == pytest.approx((80, 80))
        # Orbit 19219 of Sentinel-1A and orbit 8323 of Sentinel-1B, its pair, are both on relative orbit 72.
        assert (frame.track, frame.frame) == ("072A", None)
        assert frame.provenance == (
            "HyP3 GAMMA, unw_phase, unwrapped by mcf, heights of GLO-30, "
            f"water left out by {GAMMA}_water_mask.tif"
        )
        np.testing.assert_array_equal(frame.valid, land() != 0)
        np.testing.assert_array_equal(frame.phase, np.where(land() != 0, unwrapped_phase(), 0))

    def test_wrapped_phase(self, unwrapped: Path) -> None:
        frame = read(unwrapped.with_name(f"{GAMMA}_wrapped_phase.tif"))
        assert frame.wrapped
        np.testing.assert_array_equal(frame.phase[:, :20], wrapped_phase()[:, :20])
        assert frame.coherence is not None

    def test_zero_is_no_data_tagged_or_not(self, unwrapped: Path) -> None:
        phase = unwrapped_phase()
        phase[4:6] = 0
        for no_data in (0, None):
            write_tiff(unwrapped, phase, **(UTM | {"nodata": no_data}))
            np.testing.assert_array_equal(read(unwrapped).valid, (phase != 0) & (land() != 0))

    def test_coherence_and_heights(self, unwrapped: Path) -> None:
        frame = read(unwrapped)
        np.testing.assert_array_equal(frame.coherence, coherence())
        assert frame.elevation is not None
        assert np.isnan(frame.elevation[0]).all()
        assert (frame.elevation[1:] >= 1).all()

    def test_look_vectors_point_to_the_satellite(self, unwrapped: Path) -> None:
        """An ascending satellite stands in the west-south-west: phi just short of -pi."""
        frame = read(unwrapped)
        assert frame.los is not None
        assert frame.los.shape == (3, *SHAPE)
        expected = [np.cos(THETA) * np.cos(PHI), np.cos(THETA) * np.sin(PHI), np.sin(THETA)]
        np.testing.assert_allclose(frame.los_at(3, 3), expected, atol=1e-6)
        np.testing.assert_allclose(frame.los_at(3, 3), line_of_sight(-13.0, 39.0), atol=1e-6)
        assert frame.orbit_pass == "ascending"

    def test_look_vectors_are_unknown_where_they_are_zero(self, unwrapped: Path) -> None:
        for angle, value in (("theta", THETA), ("phi", PHI)):
            values = np.full(SHAPE, value, np.float32)
            values[10:] = 0
            write_tiff(unwrapped.with_name(f"{GAMMA}_lv_{angle}.tif"), values, **UTM)
        frame = read(unwrapped)
        assert frame.los_at(15, 3) is None
        assert frame.los_at(3, 3) is not None

    def test_without_look_vectors_the_middle_of_the_swath(self, unwrapped: Path) -> None:
        unwrapped.with_name(f"{GAMMA}_lv_phi.tif").unlink()
        frame = read(unwrapped)
        assert frame.los is not None
        # Sphere of 6371383.6 m, satellite 699974.5 m up, range 878813.1 m.
        angle_at_centre = np.arccos(
            (7071358.1428**2 + 6371383.6099**2 - 878813.0619**2) / (2 * 7071358.1428 * 6371383.6099)
        )
        incidence = np.arcsin(7071358.1428 * np.sin(angle_at_centre) / 878813.0619)
        assert np.rad2deg(incidence) == pytest.approx(39.4, abs=0.5)
        np.testing.assert_allclose(frame.los, line_of_sight(-13.0235756, np.rad2deg(incidence)), atol=1e-6)

    def test_clipped_layers_go_together(self, unwrapped: Path) -> None:
        frame = read(made_product(unwrapped.parents[1], clip="_clip"))
        assert frame.perpendicular_baseline == 61.8974
        assert frame.coherence is not None
        write_tiff(unwrapped.with_name(f"{GAMMA}_corr_clip.tif"), coherence()[1:], **UTM)
        with pytest.warns(UserWarning, match=r"corr_clip\.tif: its grid \(26 x 19\) is not"):
            assert read(unwrapped.with_name(f"{GAMMA}_unw_phase_clip.tif")).coherence is None

    def test_phase_alone(self, tmp_path: Path) -> None:
        frame = read(write_tiff(tmp_path / f"{GAMMA}_unw_phase.tif", unwrapped_phase(), **UTM))
        np.testing.assert_array_equal(frame.phase, unwrapped_phase())
        assert (frame.reference_date, frame.secondary_date) == (date(2017, 11, 11), date(2017, 11, 17))
        for fact in ("coherence", "elevation", "los", "perpendicular_baseline", "track", "frame"):
            assert getattr(frame, fact) is None
        assert frame.provenance == "HyP3 GAMMA, unw_phase"

    def test_a_quiet_unwrapped_phase_is_unwrapped(self, tmp_path: Path) -> None:
        quiet = np.linspace(0.1, 0.9, 12, dtype=np.float32).reshape(3, 4)
        assert not read(write_tiff(tmp_path / f"{GAMMA}_unw_phase.tif", quiet)).wrapped


@pytest.mark.parametrize(
    ("product", "days", "track", "frame"),
    [
        (BURST, (date(2017, 4, 11), date(2017, 5, 17)), None, "213524_IW1"),
        (
            MERGED,
            (date(2020, 6, 4), date(2020, 6, 16)),
            "064D",
            "064_000000s1n00-136231s2n02-000000s3n00_IW",
        ),
        (MERGED_BEFORE, (date(2020, 6, 4), date(2020, 6, 16)), "064D", "A_064_E053_1_N27_3_E054_1_N27_8"),
    ],
)
def test_made_burst_products(
    tmp_path: Path, product: str, days: tuple[date, date], track: str | None, frame: str
) -> None:
    path = made_product(tmp_path, product)
    burst = "S1_213524_IW1_20170411T133605_VV_BD30-BURST, S1_213525_IW1_20170411T133608_VV_BD30-BURST"
    told = PARAMETERS.replace("ASCENDING", "DESCENDING").splitlines()[1:]
    path.with_name(f"{product}.txt").write_text("\n".join([f"Reference Granule: {burst}", *told]))
    found = read(path)
    assert (found.reference_date, found.secondary_date) == days
    assert (found.track, found.frame) == (track, frame)
    assert found.provenance is not None
    assert found.provenance.startswith("HyP3 ISCE2, unw_phase, ")
    assert found.coherence is not None


@pytest.mark.parametrize(
    ("granule", "heading", "track"),
    [
        ("S1A_IW_SLC__1SDV_20200116T032559_20200116T032627_030820_038928_F5DC", 193.29, "123D"),
        ("S1B_IW_SLC__1SDV_20200128T032559_20200128T032627_020123_038F51_7D4F", -12.9, "147A"),
        ("S1C_IW_SLC__1SDV_20250428T032559_20250428T032627_002072_038F51_7D4F", -167.0, "151D"),
        ("S1D_IW_SLC__1SDV_20260428T032559_20260428T032627_002072_038F51_7D4F", -167.0, None),
        ("unheard of", -167.0, None),
    ],
)
def test_track_without_a_pass_direction(
    tmp_path: Path, granule: str, heading: float, track: str | None
) -> None:
    path = write_tiff(tmp_path / f"{GAMMA}_unw_phase.tif", unwrapped_phase(), **UTM)
    (tmp_path / f"{GAMMA}.txt").write_text(f"Reference Granule: {granule}\nHeading: {heading}\n")
    assert read(path).track == track


def test_damaged_parameters_cost_no_phase(unwrapped: Path) -> None:
    unwrapped.with_name(f"{GAMMA}.txt").write_bytes(
        b"\xff\xfe\0Heading: fast\nBaseline:\nSlant range center: 0\nEarth radius at nadir: nan\n:\n"
    )
    unwrapped.with_name(f"{GAMMA}_lv_phi.tif").unlink()
    frame = read(unwrapped)
    assert frame.valid.any()
    assert frame.los is frame.perpendicular_baseline is frame.track is None


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        ("corr", "coherence"),
        ("los_disp", "displacement in m"),
        ("vert_disp", "displacement in m"),
        ("lv_theta", "a look vector angle"),
        ("lv_phi", "a look vector angle"),
        ("dem", "an elevation model"),
        ("inc_map", "the incidence angle"),
        ("inc_map_ell", "the incidence angle"),
        ("water_mask", "a mask"),
        ("conncomp", "connected components"),
        ("amp", "amplitude"),
        ("corr_clip", "coherence"),
        ("later_addition", "something else"),
    ],
)
@pytest.mark.parametrize("product", [GAMMA, BURST, MERGED])
def test_layers_that_are_not_phase_are_refused_and_not_walked(
    tmp_path: Path, product: str, layer: str, what: str
) -> None:
    path = write_tiff(tmp_path / f"{product}_{layer}.tif", wrapped_phase())
    assert not looks_readable(path)
    with pytest.raises(
        UnreadableError, match=f"is {what} and not phase; give the _wrapped_phase or _unw_phase"
    ):
        read(path)


def test_radar_geometry_is_refused(tmp_path: Path) -> None:
    values = np.exp(1j * wrapped_phase()).astype(np.complex64)
    path = write_tiff(tmp_path / f"{BURST}_wrapped_phase_rdr.tif", values)
    assert not looks_readable(path)
    with pytest.raises(UnreadableError, match="is in radar geometry"):
        read(path)


@pytest.mark.parametrize("product", [GAMMA, BURST, MERGED, MERGED_BEFORE])
@pytest.mark.parametrize("layer", ["unw_phase", "wrapped_phase", "unw_phase_clip"])
def test_phase_is_walked(product: str, layer: str) -> None:
    assert looks_readable(Path(f"{product}_{layer}.tif"))


def test_later_granule_first_turns_the_sign(tmp_path: Path) -> None:
    """Never so in the guide, but the dates decide and not the guide."""
    turned = GAMMA.replace("20171111T150004_20171117T145926", "20171117T145926_20171111T150004")
    frame = read(made_product(tmp_path, turned))
    assert (frame.reference_date, frame.secondary_date) == (date(2017, 11, 11), date(2017, 11, 17))
    assert frame.perpendicular_baseline == -61.8974
    np.testing.assert_array_equal(frame.phase[:, :20], -unwrapped_phase()[:, :20])
    assert dataclasses.replace(frame, sign=1).phase[0, 0] == unwrapped_phase()[0, 0]
