"""GeoTIFFs as rasterio writes them: LiCSAR layers, plain phase, and the no-data traps of real files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers import UnreadableError, read

LICSAR = "79/079D_07894_131313/interferograms/20190105_20190117/20190105_20190117.geo."


def write(path: Path, bands: NDArray[Any], **profile: Any) -> Path:
    """Write (H, W) or (bands, H, W) with a LiCSAR-like georeference."""
    bands = bands if bands.ndim == 3 else bands[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": "EPSG:4326",
        "transform": from_origin(40.5, 13.5, 0.001, 0.001),
    }
    with rasterio.open(path, "w", **(settings | profile)) as dataset:
        dataset.write(bands)
    return path


@pytest.fixture
def wrapped() -> NDArray[np.float32]:
    return np.random.default_rng(4).uniform(-np.pi, np.pi, (20, 26)).astype(np.float32)


@pytest.fixture
def unwrapped() -> NDArray[np.float32]:
    return np.random.default_rng(4).normal(0, 12, (20, 26)).astype(np.float32)


class TestLicsar:
    @pytest.mark.parametrize("layer", ["diff_pha", "diff_unfiltered_pha"])
    def test_wrapped_layers(self, tmp_path: Path, wrapped: NDArray[np.float32], layer: str) -> None:
        wrapped[:4] = 0  # no data, and no tag says so
        frame = read(write(tmp_path / f"{LICSAR}{layer}.tif", wrapped))
        assert frame.wrapped
        np.testing.assert_array_equal(frame.valid, wrapped != 0)
        np.testing.assert_array_equal(frame.phase, wrapped)
        assert frame.family == "LiCSAR GeoTIFF"
        assert frame.wavelength == WAVELENGTHS["C"]
        assert (frame.frame, frame.track) == ("079D_07894_131313", "079D")
        assert (frame.reference_date, frame.secondary_date) == (date(2019, 1, 5), date(2019, 1, 17))
        assert frame.crs == "EPSG:4326"
        assert frame.transform == pytest.approx((0.001, 0, 40.5, 0, -0.001, 13.5))

    def test_unwrapped_layer(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        frame = read(write(tmp_path / f"{LICSAR}unw.tif", unwrapped))
        assert not frame.wrapped
        np.testing.assert_array_equal(frame.phase, unwrapped)

    def test_a_quiet_unwrapped_layer_is_unwrapped_by_its_name(self, tmp_path: Path) -> None:
        quiet = np.linspace(0.1, 0.9, 12, dtype=np.float32).reshape(3, 4)
        assert not read(write(tmp_path / f"{LICSAR}unw.tif", quiet)).wrapped

    @pytest.mark.parametrize("layer", ["cc", "filt.cc", "E", "N", "U", "hgt", "mli"])
    def test_layers_that_are_not_phase_are_refused(
        self, tmp_path: Path, wrapped: NDArray[np.float32], layer: str
    ) -> None:
        with pytest.raises(UnreadableError, match="is not phase"):
            read(write(tmp_path / f"{LICSAR}{layer}.tif", wrapped))


class TestNoData:
    def test_zero_although_the_tag_says_nan(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        unwrapped[3:7, 2:5] = 0
        unwrapped[0, 0] = np.nan
        frame = read(write(tmp_path / "a_unw.tif", unwrapped, nodata=float("nan")))
        np.testing.assert_array_equal(frame.valid, np.isfinite(unwrapped) & (unwrapped != 0))
        assert (frame.phase[~frame.valid] == 0).all()

    @pytest.mark.parametrize("tag", [-9999, None], ids=["tagged", "untagged"])
    @pytest.mark.parametrize("fill", [-9999.0])
    def test_fill_in_an_unwrapped_field(
        self, tmp_path: Path, unwrapped: NDArray[np.float32], fill: float, tag: float | None
    ) -> None:
        unwrapped[5:9] = fill
        frame = read(write(tmp_path / "a_unw.tif", unwrapped, nodata=tag))
        np.testing.assert_array_equal(frame.valid, unwrapped != fill)
        assert (frame.phase[5:9] == 0).all()

    @pytest.mark.parametrize("fill", [-9999.0, -32768.0, -3.4028235e38, np.inf, -np.inf, np.nan])
    def test_untagged_fill_in_a_wrapped_field_never_becomes_phase(
        self, tmp_path: Path, wrapped: NDArray[np.float32], fill: float
    ) -> None:
        wrapped[:, 20:] = fill
        frame = read(write(tmp_path / "phase.tif", wrapped))
        assert frame.wrapped, "the fill must not make the field look unwrapped"
        assert not frame.valid[:, 20:].any()
        assert frame.valid[:, :20].all()
        assert (frame.phasor[:, 20:] == 0).all()

    def test_any_tagged_value(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        unwrapped[2] = 77.5
        frame = read(write(tmp_path / "a_unw.tif", unwrapped, nodata=77.5))
        np.testing.assert_array_equal(frame.valid, unwrapped != 77.5)

    def test_nothing_valid_is_a_frame_without_data(self, tmp_path: Path) -> None:
        frame = read(write(tmp_path / "phase.tif", np.zeros((6, 7), np.float32)))
        assert not frame.valid.any()


class TestKinds:
    def test_plain_float_is_wrapped_or_not_by_its_values(
        self, tmp_path: Path, wrapped: NDArray[np.float32], unwrapped: NDArray[np.float32]
    ) -> None:
        assert read(write(tmp_path / "w.tif", wrapped)).wrapped
        assert not read(write(tmp_path / "u.tif", unwrapped)).wrapped
        assert read(write(tmp_path / "d.tif", wrapped.astype(np.float64))).wrapped

    def test_complex_gives_its_argument(self, tmp_path: Path, wrapped: NDArray[np.float32]) -> None:
        values = (np.exp(1j * wrapped) * 7).astype(np.complex64)
        values[:3] = 0
        frame = read(write(tmp_path / "ifg.tif", values))
        assert frame.wrapped
        np.testing.assert_allclose(frame.phase[3:], wrapped[3:], atol=1e-5)
        np.testing.assert_array_equal(frame.valid, values != 0)

    def test_grey(self, tmp_path: Path) -> None:
        grey = np.random.default_rng(1).integers(1, 256, (20, 26), dtype=np.uint8)
        for name, bands in (("one", grey), ("three", np.stack([grey] * 3))):
            frame = read(write(tmp_path / f"{name}.tif", bands))
            assert frame.family == "grey TIFF"
            np.testing.assert_allclose(frame.phase, grey / 255 * 2 * np.pi - np.pi, atol=1e-5)

    def test_colour_is_refused(self, tmp_path: Path) -> None:
        colours = np.random.default_rng(1).integers(1, 256, (3, 20, 26), dtype=np.uint8)
        with pytest.raises(UnreadableError, match="colour"):
            read(write(tmp_path / "c.tif", colours))

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_too_many_bands_are_refused(self, tmp_path: Path, dtype: Any) -> None:
        with pytest.raises(UnreadableError, match="5 bands"):
            read(write(tmp_path / "c.tif", np.ones((5, 8, 8), dtype)))

    def test_two_float_bands_are_refused(self, tmp_path: Path, wrapped: NDArray[np.float32]) -> None:
        with pytest.raises(UnreadableError, match="2 bands"):
            read(write(tmp_path / "two.tif", np.stack([wrapped, wrapped])))

    @pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32])
    def test_other_integers_are_refused(self, tmp_path: Path, dtype: Any) -> None:
        with pytest.raises(UnreadableError, match="are not phase"):
            read(write(tmp_path / "i.tif", np.ones((8, 8), dtype)))

    @pytest.mark.parametrize("name", ["dem.tif", "cropA_T005A_dem.tif", "height.tif", "a.HGT.TIFF"])
    def test_an_elevation_model_is_refused(self, tmp_path: Path, name: str) -> None:
        heights = np.random.default_rng(2).uniform(400, 1700, (8, 8)).astype(np.float32)
        with pytest.raises(UnreadableError, match="elevation"):
            read(write(tmp_path / name, heights))

    def test_without_georeference(self, tmp_path: Path, wrapped: NDArray[np.float32]) -> None:
        path = tmp_path / "bare.tif"
        profile = {"driver": "GTiff", "count": 1, "height": 20, "width": 26, "dtype": "float32"}
        with (
            pytest.warns(rasterio.errors.NotGeoreferencedWarning),
            rasterio.open(path, "w", **profile) as dataset,
        ):
            dataset.write(wrapped, 1)
        frame = read(path)
        assert frame.crs is None
        assert frame.transform is None


class TestCoherence:
    @pytest.fixture
    def coherence(self) -> NDArray[np.float32]:
        return np.random.default_rng(6).uniform(0, 1, (20, 26)).astype(np.float32)

    @pytest.mark.parametrize("name", ["pair_cc.tif", "20190105_20190117.coh.tif", "filt_fine.cor.tif"])
    def test_values_in_the_unit_interval_are_refused(
        self, tmp_path: Path, coherence: NDArray[np.float32], name: str
    ) -> None:
        with pytest.raises(UnreadableError, match="coherence"):
            read(write(tmp_path / name, coherence))

    def test_fills_do_not_hide_it(self, tmp_path: Path, coherence: NDArray[np.float32]) -> None:
        coherence[:4] = -9999
        coherence[4] = np.nan
        with pytest.raises(UnreadableError, match="coherence"):
            read(write(tmp_path / "pair.tif", coherence))

    def test_one_value_outside_makes_it_phase(self, tmp_path: Path, coherence: NDArray[np.float32]) -> None:
        coherence[7, 7] = -0.01
        assert read(write(tmp_path / "pair.tif", coherence)).wrapped

    @pytest.mark.parametrize("name", ["pair_unw.tif", f"{LICSAR}diff_pha.tif"])
    def test_a_name_that_says_phase_is_believed(
        self, tmp_path: Path, coherence: NDArray[np.float32], name: str
    ) -> None:
        assert read(write(tmp_path / name, coherence)).valid.mean() > 0.9


def test_a_header_that_claims_more_than_the_file_can_hold(
    tmp_path: Path, wrapped: NDArray[np.float32]
) -> None:
    """Rather than ask for terabytes of memory, which would stop a whole ingest."""
    raw = bytearray(write(tmp_path / "phase.tif", wrapped).read_bytes())
    for tag in (256, 257):  # width and height, stored as 16-bit numbers in a 32-bit field
        at = next(i for i in range(8, 300) if raw[i : i + 2] == tag.to_bytes(2, "little") and raw[i + 2] == 3)
        raw[at + 2] = 4
        raw[at + 8 : at + 12] = (10**6).to_bytes(4, "little")
    (tmp_path / "huge.tif").write_bytes(raw)
    with pytest.raises(UnreadableError, match="cannot hold 1000000 x 1000000"):
        read(tmp_path / "huge.tif")
