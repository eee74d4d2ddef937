"""LiCSAR frames, made with rasterio in the layouts of the portal and of LiCSBAS."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from made_rasters import ORIGIN, SHAPE, byte_coherence, unwrapped_phase, wrapped_phase, write_tiff

from ssl_insar.geometry import WAVELENGTHS, line_of_sight
from ssl_insar.readers import UnreadableError, looks_readable, read
from ssl_insar.readers.pixels import EAGER_PIXELS

FRAME = "079D_07894_131313"
PAIR = "20190105_20190117"
LOS = np.array([0.6, -0.11, 0.0])
LOS[2] = np.sqrt(1 - (LOS**2).sum())
BASELINES = "20180101 20190105 12.5 369\n20180101 20190117 -30.0 381\n20180101 20190129 7.25 393\n"
METADATA = (
    "master=20180101\ncenter_time=03:17:41.12\nheading=-169.9\navg_incidence_angle=39.2\napplied_DEM=cop30\n"
)


def made_frame(
    metadata: Path, interferograms: Path, frame: str = FRAME, shape: tuple[int, int] = SHAPE
) -> Path:
    """A frame with one pair, all of its layers; returns the filtered wrapped phase."""
    prefix = f"{frame}." if frame else ""
    for axis, component in zip("ENU", LOS, strict=True):
        write_tiff(metadata / f"{prefix}geo.{axis}.tif", np.full(shape, component, np.float32))
    write_tiff(metadata / f"{prefix}geo.hgt.tif", heights(shape))
    write_tiff(metadata / f"{prefix}geo.landmask.tif", land(shape))
    (metadata / "baselines").write_text(BASELINES)
    (metadata / "metadata.txt").write_text(METADATA)
    pair = interferograms / PAIR
    write_tiff(pair / f"{PAIR}.geo.unw.tif", unwrapped_phase(shape))
    write_tiff(pair / f"{PAIR}.geo.diff_unfiltered_pha.tif", wrapped_phase(shape)[::-1])
    write_tiff(pair / f"{PAIR}.geo.cc.tif", byte_coherence(shape))
    return write_tiff(pair / f"{PAIR}.geo.diff_pha.tif", wrapped_phase(shape))


def heights(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    values = np.random.default_rng(7).uniform(10, 3000, shape).astype(np.float32)
    values[:, :2] = 0
    values[0, 2] = -32768
    return values


def land(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    values = np.ones(shape, np.uint8)
    values[:3] = 0
    return values


@pytest.fixture
def portal(tmp_path: Path) -> Path:
    """The layout of the portal: ``<track>/<frame>/{metadata,interferograms}``."""
    root = tmp_path / "79" / FRAME
    return made_frame(root / "metadata", root / "interferograms")


class TestMadePair:
    def test_wrapped_phase_and_its_facts(self, portal: Path) -> None:
        frame = read(portal)
        assert frame.wrapped
        assert frame.family == "LiCSAR GeoTIFF"
        assert frame.wavelength == WAVELENGTHS["C"]
        assert (frame.frame, frame.track) == (FRAME, "079D")
        assert (frame.reference_date, frame.secondary_date) == (date(2019, 1, 5), date(2019, 1, 17))
        assert frame.perpendicular_baseline == -42.5, "of the secondary minus that of the reference"
        assert frame.crs == "EPSG:4326"
        assert frame.transform == pytest.approx(tuple(ORIGIN)[:6])
        assert frame.provenance == (
            f"LiCSAR, diff_pha, heights of cop30, water left out by {FRAME}.geo.landmask.tif"
        )
        np.testing.assert_array_equal(frame.valid, land() != 0)
        np.testing.assert_array_equal(frame.phase, np.where(land() != 0, wrapped_phase(), 0))

    def test_other_layers_are_phase_too(self, portal: Path) -> None:
        unwrapped = read(portal.with_name(f"{PAIR}.geo.unw.tif"))
        assert not unwrapped.wrapped
        np.testing.assert_array_equal(unwrapped.phase[3:], unwrapped_phase()[3:])
        unfiltered = read(portal.with_name(f"{PAIR}.geo.diff_unfiltered_pha.tif"))
        assert unfiltered.wrapped
        np.testing.assert_array_equal(unfiltered.phase[3:], wrapped_phase()[::-1][3:])
        for frame in (unwrapped, unfiltered):
            assert frame.coherence is not None

    def test_bytes_are_coherence(self, portal: Path) -> None:
        levels = byte_coherence()
        levels[5, 5], levels[5, 6] = 0, 255
        write_tiff(portal.with_name(f"{PAIR}.geo.cc.tif"), levels)
        coherence = read(portal).coherence
        assert coherence is not None
        assert coherence.dtype == np.float32
        np.testing.assert_allclose(coherence, levels / 255, atol=1e-7)
        assert (coherence[5, 5], coherence[5, 6]) == (0, 1)

    def test_older_files_have_float_coherence(self, portal: Path) -> None:
        values = np.random.default_rng(1).uniform(0, 1, SHAPE).astype(np.float32)
        values[0, :4] = np.nan, 1.02, -9999, 99
        write_tiff(portal.with_name(f"{PAIR}.geo.cc.tif"), values, nodata=99)
        coherence = read(portal).coherence
        assert coherence is not None
        assert coherence[0, :4].tolist() == [0, 1, 0, 0]
        np.testing.assert_array_equal(coherence[1:], values[1:])

    def test_heights_that_are_no_heights_are_unknown(self, portal: Path) -> None:
        elevation = read(portal).elevation
        assert elevation is not None
        unknown = (heights() == 0) | (heights() < -500)
        np.testing.assert_array_equal(np.isnan(elevation), unknown)
        np.testing.assert_array_equal(elevation[~unknown], heights()[~unknown])

    def test_line_of_sight(self, portal: Path) -> None:
        frame = read(portal)
        assert frame.los is not None
        assert frame.los.shape == (3, *SHAPE)
        np.testing.assert_allclose(frame.los_at(4, 4), LOS, atol=1e-6)
        assert frame.orbit_pass == "descending"

    def test_line_of_sight_is_unknown_where_it_is_zero(self, portal: Path) -> None:
        for axis, component in zip("ENU", LOS, strict=True):
            values = np.full(SHAPE, component, np.float32)
            values[:, 13:] = 0
            write_tiff(portal.parents[2] / "metadata" / f"{FRAME}.geo.{axis}.tif", values)
        frame = read(portal)
        assert frame.los is not None
        np.testing.assert_array_equal(
            np.isnan(frame.los).all(axis=0), np.arange(26) >= 13 + np.zeros((20, 1))
        )
        assert frame.los_at(4, 20) is None
        np.testing.assert_allclose(frame.los_at(4, 4), LOS, atol=1e-6)

    def test_line_of_sight_of_a_large_frame_is_thinned_out(self, tmp_path: Path) -> None:
        shape = (700, 800)
        assert shape[0] * shape[1] > EAGER_PIXELS
        path = made_frame(tmp_path / "metadata", tmp_path / "interferograms", shape=shape)
        incidence = np.deg2rad(np.linspace(30, 46, 800)) + np.zeros((700, 1))
        for axis, values in zip("EU", (np.sin(incidence), np.cos(incidence)), strict=True):
            write_tiff(tmp_path / "metadata" / f"{FRAME}.geo.{axis}.tif", values.astype(np.float32))
        write_tiff(tmp_path / "metadata" / f"{FRAME}.geo.N.tif", np.zeros(shape, np.float32))
        frame = read(path)
        assert frame.los is not None
        assert frame.los.shape == (3, 64, 64)
        for col in (5, 333, 790):
            vector = frame.los_at(100, col)
            assert vector is not None
            assert np.rad2deg(np.arccos(vector[2])) == pytest.approx(np.rad2deg(incidence[0, col]), abs=0.2)

    def test_windows_of_a_large_frame(self, tmp_path: Path) -> None:
        shape = (700, 800)
        path = made_frame(tmp_path / "metadata", tmp_path / "interferograms", shape=shape)
        patch = read(path).window(1, 500, 40, 60)
        part = (slice(1, 41), slice(500, 560))
        np.testing.assert_array_equal(patch.valid, land(shape)[part] != 0)
        np.testing.assert_array_equal(patch.phase[2:], wrapped_phase(shape)[part][2:])
        assert (patch.phase[:2] == 0).all()
        assert patch.coherence is not None
        assert patch.elevation is not None
        np.testing.assert_allclose(patch.coherence, byte_coherence(shape)[part] / 255, atol=1e-7)
        np.testing.assert_array_equal(patch.elevation, heights(shape)[part])

    def test_mean_line_of_sight_without_its_layers(self, portal: Path) -> None:
        (portal.parents[2] / "metadata" / f"{FRAME}.geo.N.tif").unlink()
        np.testing.assert_allclose(read(portal).los, line_of_sight(-169.9, 39.2))

    def test_zero_is_no_data_though_no_tag_says_so(self, portal: Path) -> None:
        phase = wrapped_phase()
        phase[10:12] = 0
        write_tiff(portal, phase)
        np.testing.assert_array_equal(read(portal).valid, (phase != 0) & (land() != 0))

    def test_later_date_first_turns_sign_and_baseline(self, portal: Path) -> None:
        forward, backward = read(portal), PAIR[9:] + "_" + PAIR[:8]
        frame = read(
            write_tiff(portal.parents[1] / backward / f"{backward}.geo.diff_pha.tif", wrapped_phase())
        )
        assert frame.reference_date == forward.reference_date
        assert frame.perpendicular_baseline == forward.perpendicular_baseline == -42.5
        np.testing.assert_allclose(frame.phase, -forward.phase, atol=1e-6)

    def test_alone_it_is_read_as_it_is(self, tmp_path: Path) -> None:
        path = write_tiff(tmp_path / f"simulated_x_{FRAME}_x_{PAIR}.geo.diff_pha.tif", wrapped_phase())
        frame = read(path)
        np.testing.assert_array_equal(frame.phase, wrapped_phase())
        assert (frame.frame, frame.volcano, frame.region) == (FRAME, "x", "simulated")
        assert frame.coherence is frame.elevation is frame.los is frame.perpendicular_baseline is None
        assert frame.provenance == "LiCSAR, diff_pha"

    def test_a_quiet_unwrapped_layer_is_unwrapped_by_its_name(self, tmp_path: Path) -> None:
        quiet = np.linspace(0.1, 0.9, 12, dtype=np.float32).reshape(3, 4)
        assert not read(write_tiff(tmp_path / f"{PAIR}.geo.unw.tif", quiet)).wrapped


def has_all(path: Path, frame_name: str | None) -> None:
    frame = read(path)
    assert frame.frame == frame_name
    assert frame.coherence is not None
    assert frame.elevation is not None
    assert frame.los is not None
    assert frame.perpendicular_baseline == -42.5
    assert not frame.valid[:3].any()


class TestMadeLayouts:
    def test_metadata_two_folders_up(self, portal: Path) -> None:
        has_all(portal, FRAME)

    def test_metadata_one_folder_up(self, tmp_path: Path) -> None:
        root = tmp_path / FRAME
        has_all(made_frame(root / "metadata", root), FRAME)

    @pytest.mark.parametrize("working_folder", [FRAME, "work"])
    def test_geoc(self, tmp_path: Path, working_folder: str) -> None:
        """Where no folder is named after the frame, its layers tell."""
        root = tmp_path / working_folder / "GEOC"
        has_all(made_frame(root, root), FRAME)

    def test_layers_without_the_frame_in_their_names(self, tmp_path: Path) -> None:
        has_all(made_frame(tmp_path / "GEOC", tmp_path / "GEOC", frame=""), None)
        root = tmp_path / FRAME
        has_all(made_frame(root / "metadata", root, frame=""), FRAME)

    def test_all_in_one_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / FRAME
        path = made_frame(folder, tmp_path / "elsewhere")
        for layer in path.parent.iterdir():
            layer.rename(folder / layer.name)
        has_all(folder / path.name, FRAME)

    def test_from_inside_the_folder(self, portal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(portal.parent)
        has_all(Path(portal.name), FRAME)

    def test_file_names_without_a_pair(self, portal: Path) -> None:
        for layer in portal.parent.iterdir():
            layer.rename(layer.with_name(layer.name.removeprefix(f"{PAIR}.")))
        has_all(portal.with_name("geo.diff_pha.tif"), FRAME)

    def test_layers_of_another_frame_are_not_taken(self, tmp_path: Path) -> None:
        root = tmp_path / FRAME
        frame = read(made_frame(root / "metadata", root / "interferograms", frame="014A_07885_131313"))
        assert frame.frame == FRAME
        assert frame.los is not None, "the frame's mean"
        assert frame.los.shape == (3,)
        assert frame.elevation is None
        assert frame.valid.all()

    def test_layers_of_several_frames_are_not_guessed_among(self, tmp_path: Path) -> None:
        made_frame(tmp_path / "GEOC", tmp_path / "GEOC", frame="014A_07885_131313")
        frame = read(made_frame(tmp_path / "GEOC", tmp_path / "GEOC"))
        assert frame.frame is None
        assert frame.elevation is None


class TestMadeMisfits:
    """Layers that cannot be laid over the phase are left out, loudly."""

    @pytest.mark.parametrize(
        ("shape", "shift"), [((20, 27), 0.0), ((21, 26), 0.0), (SHAPE, 0.001), (SHAPE, 0.0006)]
    )
    def test_another_grid(self, portal: Path, shape: tuple[int, int], shift: float) -> None:
        moved = type(ORIGIN)(0.001, 0, 40.5 + shift, 0, -0.001, 13.5)
        metadata = portal.parents[2] / "metadata"
        write_tiff(metadata / f"{FRAME}.geo.landmask.tif", land(shape), transform=moved)
        write_tiff(portal.with_name(f"{PAIR}.geo.cc.tif"), byte_coherence(shape), transform=moved)
        with pytest.warns(UserWarning, match="its grid") as caught:
            frame = read(portal)
        told = sorted(str(warning.message) for warning in caught)
        assert len(told) == 2
        assert told[0].startswith(f"{portal.with_name(f'{PAIR}.geo.cc.tif')}: its grid")
        assert told[1].startswith(f"{metadata / f'{FRAME}.geo.landmask.tif'}: its grid")
        assert frame.coherence is None
        assert frame.valid.all()
        assert frame.provenance == "LiCSAR, diff_pha, heights of cop30"
        assert frame.elevation is not None

    def test_a_grid_rounded_in_print_is_the_same_grid(self, portal: Path) -> None:
        rounded = type(ORIGIN)(0.0010001, 0, 40.5001, 0, -0.0010001, 13.5)
        write_tiff(portal.with_name(f"{PAIR}.geo.cc.tif"), byte_coherence(), transform=rounded)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read(portal).coherence is not None

    def test_damaged_headers(self, portal: Path) -> None:
        portal.with_name(f"{PAIR}.geo.cc.tif").write_bytes(b"II*\0rubbish")
        (portal.parents[2] / "metadata" / f"{FRAME}.geo.E.tif").write_text("<html>404</html>")
        with pytest.warns(UserWarning, match="left out") as caught:
            frame = read(portal)
        assert {str(w.message).split(":")[0].rsplit("/")[-1] for w in caught} == {
            f"{PAIR}.geo.cc.tif",
            f"{FRAME}.geo.E.tif",
        }
        assert frame.coherence is None
        assert frame.los is not None
        assert frame.los.shape == (3,)
        assert frame.elevation is not None

    def test_a_download_cut_short_refuses_the_frame(self, portal: Path) -> None:
        """Once windows are being read it is too late to do without."""
        coherence = portal.with_name(f"{PAIR}.geo.cc.tif")
        write_tiff(coherence, byte_coherence(), compress="deflate")
        coherence.write_bytes(coherence.read_bytes()[:-100])
        with pytest.raises(UnreadableError, match="fetch that one again or take it away") as caught:
            read(portal)
        assert str(caught.value).startswith(f"{portal}: ")
        assert str(coherence) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_coherence_beyond_one_is_not_clipped_to_one(self, portal: Path) -> None:
        write_tiff(portal.with_name(f"{PAIR}.geo.cc.tif"), byte_coherence().astype(np.float32))
        with pytest.raises(UnreadableError, match="values up to 255 where 1 is the most"):
            read(portal)

    def test_integers_of_other_width_are_not_coherence(self, portal: Path) -> None:
        write_tiff(portal.with_name(f"{PAIR}.geo.cc.tif"), byte_coherence().astype(np.uint16))
        with pytest.warns(UserWarning, match="uint16 values are not coherence"):
            assert read(portal).coherence is None

    def test_a_mask_without_land_is_no_mask(self, portal: Path) -> None:
        write_tiff(portal.parents[2] / "metadata" / f"{FRAME}.geo.landmask.tif", np.zeros(SHAPE, np.uint8))
        with pytest.warns(UserWarning, match=r"landmask\.tif: it has no land at all; left out"):
            assert read(portal).valid.all()


class TestBaselines:
    def baseline(self, portal: Path, table: str) -> float | None:
        (portal.parents[2] / "metadata" / "baselines").write_text(table)
        return read(portal).perpendicular_baseline

    @pytest.mark.parametrize(
        ("table", "expected"),
        [
            (BASELINES, -42.5),
            ("20190105 20190117 33.5 12\n", 33.5),
            ("20180101 20190117 33.5 381\n", None),
            ("20180101 20190105 1 369\n20180113 20190117 2 369\n", None),
            ("", None),
            ("prime date bperp days\n" + BASELINES, -42.5),
            ("20180101 20190105 nan 369\n20180101 20190117 3 381\n", None),
        ],
    )
    def test_four_columns(self, portal: Path, table: str, expected: float | None) -> None:
        assert self.baseline(portal, table) == expected

    def test_nine_columns(self, portal: Path) -> None:
        table = (
            "  1 20180101 20190105 12.5 369.0 0.0 369.0 0.0 12.5\n"
            "  2 20190105 20190117 -42.4 12.0 369.0 381.0 12.5 -30.0\n"
        )
        assert self.baseline(portal, table) == -42.5

    def test_no_text_at_all(self, portal: Path) -> None:
        (portal.parents[2] / "metadata" / "baselines").write_bytes(bytes(range(256)) * 10)
        assert read(portal).perpendicular_baseline is None


@pytest.mark.parametrize("layer", ["cc", "filt.cc", "mag_cc", "E", "N", "U", "inc", "hgt", "mli", "landmask"])
def test_layers_that_are_not_phase_are_refused_and_not_walked(tmp_path: Path, layer: str) -> None:
    path = write_tiff(tmp_path / f"{PAIR}.geo.{layer}.tif", wrapped_phase())
    assert not looks_readable(path)
    with pytest.raises(UnreadableError, match=f"LiCSAR layer '{layer}' is not phase; give diff_pha or unw"):
        read(path)


def test_the_delay_of_one_date_is_not_an_interferogram(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "20190105.sltd.geo.tif", unwrapped_phase())
    assert not looks_readable(path)
    with pytest.raises(UnreadableError, match="'sltd' is not phase"):
        read(path)


@pytest.mark.parametrize("layer", ["diff_pha", "diff_unfiltered_pha", "unw"])
def test_phase_is_walked(layer: str) -> None:
    assert looks_readable(Path(f"{PAIR}.geo.{layer}.tif"))


@pytest.mark.parametrize(
    ("bands", "why"),
    [
        (np.ones((2, *SHAPE), np.float32), "2 bands"),
        (np.ones(SHAPE, np.int16), "int16 values"),
        (np.ones((5, *SHAPE), np.uint8), "5 bands"),
    ],
    ids=["bands", "integers", "grey"],
)
def test_phase_of_the_wrong_kind_is_refused(tmp_path: Path, bands: np.ndarray, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        read(write_tiff(tmp_path / f"{PAIR}.geo.diff_pha.tif", bands))


@pytest.mark.parametrize("count", [1, 3])
def test_made_grey_phase_under_the_name_of_a_layer(tmp_path: Path, count: int) -> None:
    """As crop collections keep it."""
    grey = byte_coherence()
    name = f"africa_adwa_{FRAME}_adwa_{PAIR}.geo.diff_pha.tif"
    frame = read(write_tiff(tmp_path / name, np.stack([grey] * count)))
    assert (frame.family, frame.wrapped) == ("grey TIFF", True)
    assert (frame.volcano, frame.frame, frame.reference_date) == ("adwa", FRAME, date(2019, 1, 5))
    assert frame.transform == pytest.approx(tuple(ORIGIN)[:6])
    np.testing.assert_allclose(frame.phase, grey / 255 * 2 * np.pi - np.pi, atol=1e-5)


def test_made_grey_levels_are_not_unwrapped_phase(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="uint8 values are not phase"):
        read(write_tiff(tmp_path / f"{PAIR}.geo.unw.tif", byte_coherence()))
