"""GeoTIFFs as rasterio writes them: plain phase, its tags, and the no-data traps of real files."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import rasterio
from made_rasters import byte_coherence, unwrapped_phase, wrapped_phase, write_tiff
from numpy.typing import NDArray

from ssl_insar.geometry import line_of_sight
from ssl_insar.readers import Frame, ReadOptions, UnreadableError, looks_readable, read
from ssl_insar.readers.raster import Raster


@pytest.fixture
def wrapped() -> NDArray[np.float32]:
    return wrapped_phase()


@pytest.fixture
def unwrapped() -> NDArray[np.float32]:
    return unwrapped_phase()


class TestNoData:
    def test_zero_although_the_tag_says_nan(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        unwrapped[3:7, 2:5] = 0
        unwrapped[0, 0] = np.nan
        frame = read(write_tiff(tmp_path / "a_unw.tif", unwrapped, nodata=float("nan")))
        np.testing.assert_array_equal(frame.valid, np.isfinite(unwrapped) & (unwrapped != 0))
        assert (frame.phase[~frame.valid] == 0).all()

    @pytest.mark.parametrize("tag", [-9999, None], ids=["tagged", "untagged"])
    @pytest.mark.parametrize("fill", [-9999.0])
    def test_fill_in_an_unwrapped_field(
        self, tmp_path: Path, unwrapped: NDArray[np.float32], fill: float, tag: float | None
    ) -> None:
        unwrapped[5:9] = fill
        frame = read(write_tiff(tmp_path / "a_unw.tif", unwrapped, nodata=tag))
        np.testing.assert_array_equal(frame.valid, unwrapped != fill)
        assert (frame.phase[5:9] == 0).all()

    @pytest.mark.parametrize("fill", [-9999.0, -32768.0, -3.4028235e38, np.inf, -np.inf, np.nan])
    def test_untagged_fill_in_a_wrapped_field_never_becomes_phase(
        self, tmp_path: Path, wrapped: NDArray[np.float32], fill: float
    ) -> None:
        wrapped[:, 20:] = fill
        frame = read(write_tiff(tmp_path / "phase.tif", wrapped))
        assert frame.wrapped, "the fill must not make the field look unwrapped"
        assert not frame.valid[:, 20:].any()
        assert frame.valid[:, :20].all()
        assert (frame.phasor[:, 20:] == 0).all()

    def test_any_tagged_value(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        unwrapped[2] = 77.5
        frame = read(write_tiff(tmp_path / "a_unw.tif", unwrapped, nodata=77.5))
        np.testing.assert_array_equal(frame.valid, unwrapped != 77.5)

    def test_nothing_valid_is_a_frame_without_data(self, tmp_path: Path) -> None:
        frame = read(write_tiff(tmp_path / "phase.tif", np.zeros((6, 7), np.float32)))
        assert not frame.valid.any()


class TestKinds:
    def test_plain_float_is_wrapped_or_not_by_its_values(
        self, tmp_path: Path, wrapped: NDArray[np.float32], unwrapped: NDArray[np.float32]
    ) -> None:
        assert read(write_tiff(tmp_path / "w.tif", wrapped)).wrapped
        assert not read(write_tiff(tmp_path / "u.tif", unwrapped)).wrapped
        assert read(write_tiff(tmp_path / "d.tif", wrapped.astype(np.float64))).wrapped

    def test_complex_gives_its_argument(self, tmp_path: Path, wrapped: NDArray[np.float32]) -> None:
        values = (np.exp(1j * wrapped) * 7).astype(np.complex64)
        values[:3] = 0
        frame = read(write_tiff(tmp_path / "ifg.tif", values))
        assert frame.wrapped
        np.testing.assert_allclose(frame.phase[3:], wrapped[3:], atol=1e-5)
        np.testing.assert_array_equal(frame.valid, values != 0)

    def test_grey(self, tmp_path: Path) -> None:
        grey = np.random.default_rng(1).integers(1, 256, (20, 26), dtype=np.uint8)
        for name, bands in (("one", grey), ("three", np.stack([grey] * 3))):
            frame = read(write_tiff(tmp_path / f"{name}.tif", bands))
            assert frame.family == "grey TIFF"
            np.testing.assert_allclose(frame.phase, grey / 255 * 2 * np.pi - np.pi, atol=1e-5)

    def test_colour_is_refused(self, tmp_path: Path) -> None:
        colours = np.random.default_rng(1).integers(1, 256, (3, 20, 26), dtype=np.uint8)
        with pytest.raises(UnreadableError, match="colour"):
            read(write_tiff(tmp_path / "c.tif", colours))

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_too_many_bands_are_refused(self, tmp_path: Path, dtype: Any) -> None:
        with pytest.raises(UnreadableError, match="5 bands"):
            read(write_tiff(tmp_path / "c.tif", np.ones((5, 8, 8), dtype)))

    def test_two_float_bands_are_refused(self, tmp_path: Path, wrapped: NDArray[np.float32]) -> None:
        with pytest.raises(UnreadableError, match="2 bands"):
            read(write_tiff(tmp_path / "two.tif", np.stack([wrapped, wrapped])))

    @pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32])
    def test_other_integers_are_refused(self, tmp_path: Path, dtype: Any) -> None:
        with pytest.raises(UnreadableError, match="are not phase"):
            read(write_tiff(tmp_path / "i.tif", np.ones((8, 8), dtype)))

    @pytest.mark.parametrize("name", ["dem.tif", "cropA_T005A_dem.tif", "height.tif", "a.HGT.TIFF"])
    def test_an_elevation_model_is_refused(self, tmp_path: Path, name: str) -> None:
        heights = np.random.default_rng(2).uniform(400, 1700, (8, 8)).astype(np.float32)
        with pytest.raises(UnreadableError, match="elevation"):
            read(write_tiff(tmp_path / name, heights))
        assert not looks_readable(tmp_path / name)

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


class TestMask:
    def test_made_mask_of_the_file_is_no_data(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        path = write_tiff(tmp_path / "a_unw.tif", unwrapped)
        mask = np.full(unwrapped.shape, 255, np.uint8)
        mask[4:9, 3:20] = 0
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
            dataset.write_mask(mask)
        frame = read(path)
        np.testing.assert_array_equal(frame.valid, mask != 0)
        np.testing.assert_array_equal(frame.phase, np.where(mask != 0, unwrapped, 0))
        np.testing.assert_array_equal(frame.window(3, 2, 4, 5).valid, mask[3:7, 2:7] != 0)

    @pytest.mark.parametrize("count", [1, 3])
    def test_made_mask_of_a_grey_image(self, tmp_path: Path, count: int) -> None:
        path = write_tiff(tmp_path / "grey.tif", np.stack([byte_coherence()] * count))
        mask = np.full((20, 26), 255, np.uint8)
        mask[4:9, 3:20] = 0
        with rasterio.open(path, "r+") as dataset:
            dataset.write_mask(mask)
        np.testing.assert_array_equal(read(path).valid, mask != 0)

    def test_is_not_read_where_there_is_none(
        self, tmp_path: Path, unwrapped: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(raster: Raster, window: Any = None) -> None:
            raise AssertionError("a second pass over the file")

        monkeypatch.setattr(Raster, "mask", never)
        assert read(write_tiff(tmp_path / "a_unw.tif", unwrapped, nodata=0)).valid.all()


class TestOtherLayers:
    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("20190105_20190117_disp.tif", "displacement in metres"),
            ("los_20190105_20190117.tif", "displacement in metres"),
            ("20190105_20190117_los_disp_eqa.tif", "displacement in metres"),
            ("20190105_20190117_unw.disp.tif", "displacement in metres"),
            ("geo_vel.TIFF", "a velocity"),
            ("20190105.mli.tif", "amplitude"),
            ("crop_amp.tif", "amplitude"),
            ("frame_E.tif", "a look direction"),
            ("U.tif", "a look direction"),
            ("lv_theta.tif", "a look direction"),
            ("inc_map.tif", "a look direction"),
        ],
    )
    def test_are_refused_by_name(
        self, tmp_path: Path, unwrapped: NDArray[np.float32], name: str, what: str
    ) -> None:
        path = write_tiff(tmp_path / name, unwrapped)
        with pytest.raises(
            UnreadableError, match=f"is {what} by its name, not phase; give the interferogram"
        ):
            read(path)
        assert not looks_readable(path)

    @pytest.mark.parametrize(
        "name",
        [
            "los_humeros_20190105_20190117.tif",
            "velas_20190105_20190117.tif",
            "20190105_20190117_E_unw.tif",
            "vel_area_20190105_20190117_ifg.tif",
            "e.tif",
            "cropE.tif",
        ],
    )
    def test_names_that_only_seem_so(self, tmp_path: Path, unwrapped: NDArray[np.float32], name: str) -> None:
        path = write_tiff(tmp_path / name, unwrapped)
        assert looks_readable(path)
        assert read(path).valid.all()

    @pytest.mark.parametrize("unit", ["m", "metre", "mm/year", "centimeters", "degrees"])
    def test_other_units_are_refused(self, tmp_path: Path, unwrapped: NDArray[np.float32], unit: str) -> None:
        path = self.with_facts(tmp_path, unwrapped, units=(unit,))
        with pytest.raises(UnreadableError, match=f"its unit is '{unit}'; give .* in radians"):
            read(path)

    @pytest.mark.parametrize("unit", ["rad", "radian", "radians"])
    def test_radians_are_read(self, tmp_path: Path, unwrapped: NDArray[np.float32], unit: str) -> None:
        assert read(self.with_facts(tmp_path, unwrapped, units=(unit,))).valid.all()

    @pytest.mark.parametrize("facts", [{"scales": (0.5,)}, {"offsets": (3.0,)}])
    def test_scaled_values_are_refused(
        self, tmp_path: Path, unwrapped: NDArray[np.float32], facts: dict[str, Any]
    ) -> None:
        for values in (unwrapped, byte_coherence()):
            with pytest.raises(UnreadableError, match="gdal_translate -unscale"):
                read(self.with_facts(tmp_path, values, **facts))

    def test_grey_that_spells_out_the_usual_scaling_is_read(self, tmp_path: Path) -> None:
        path = self.with_facts(tmp_path, byte_coherence(), scales=(2 * np.pi / 255,), offsets=(-np.pi,))
        np.testing.assert_allclose(read(path).phase, byte_coherence() / 255 * 2 * np.pi - np.pi, atol=1e-5)

    def with_facts(self, folder: Path, values: NDArray[Any], **facts: Any) -> Path:
        path = write_tiff(folder / "pair.tif", values)
        with rasterio.open(path, "r+") as dataset:
            for name, value in facts.items():
                setattr(dataset, name, value)
        return path


class TestCoherence:
    @pytest.fixture
    def coherence(self) -> NDArray[np.float32]:
        return np.random.default_rng(6).uniform(0, 1, (20, 26)).astype(np.float32)

    @pytest.mark.parametrize("name", ["pair_cc.tif", "20190105_20190117.coh.tif", "filt_fine.cor.tif"])
    def test_values_in_the_unit_interval_are_refused(
        self, tmp_path: Path, coherence: NDArray[np.float32], name: str
    ) -> None:
        with pytest.raises(UnreadableError, match="coherence"):
            read(write_tiff(tmp_path / name, coherence))

    def test_fills_do_not_hide_it(self, tmp_path: Path, coherence: NDArray[np.float32]) -> None:
        coherence[:4] = -9999
        coherence[4] = np.nan
        with pytest.raises(UnreadableError, match="coherence"):
            read(write_tiff(tmp_path / "pair.tif", coherence))

    def test_one_value_outside_makes_it_phase(self, tmp_path: Path, coherence: NDArray[np.float32]) -> None:
        coherence[7, 7] = -0.01
        assert read(write_tiff(tmp_path / "pair.tif", coherence)).wrapped

    def test_a_name_that_says_phase_is_believed(self, tmp_path: Path, coherence: NDArray[np.float32]) -> None:
        assert read(write_tiff(tmp_path / "pair_unw.tif", coherence)).valid.mean() > 0.9

    @pytest.mark.parametrize(
        "name",
        [
            "20180106-20180130_VV_8rlks_flat_eqa_cc.tif",
            "pair_corr.TIFF",
            "filt_fine.cor.tif",
            "20190105_20190117.coh.tif",
            "coherence.tif",
            "coh_20190105_20190117.tif",
        ],
    )
    def test_its_name_is_enough(self, tmp_path: Path, name: str) -> None:
        """8-bit coherence would pass for grey phase."""
        path = write_tiff(tmp_path / name, byte_coherence())
        assert not looks_readable(path)
        with pytest.raises(UnreadableError, match="named as coherence, which is not phase"):
            read(path)

    @pytest.mark.parametrize(
        "name", ["accra.tif", "coherent_unw.tif", "san_cor_20190105_20190117_unw.tif", "corrected.tif"]
    )
    def test_names_that_only_contain_its_letters(self, tmp_path: Path, name: str) -> None:
        path = write_tiff(tmp_path / name, wrapped_phase())
        assert looks_readable(path)
        assert read(path).valid.all()


class TestMadeCoherenceBeside:
    """The coherence of the same dates in the same folder."""

    NAME = "cropA_20180106-20180130_VV_8rlks_eqa_unw.tif"
    BESIDE = "cropA_20180106-20180130_VV_8rlks_flat_eqa_cc.tif"

    def test_is_read_with_the_phase(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        write_tiff(tmp_path / self.BESIDE, byte_coherence() / np.float32(255))
        write_tiff(tmp_path / self.BESIDE.replace("20180130", "20180211"), byte_coherence())
        frame = read(write_tiff(tmp_path / self.NAME, unwrapped))
        np.testing.assert_array_equal(frame.coherence, byte_coherence() / np.float32(255))
        np.testing.assert_array_equal(frame.phase, unwrapped)

    def test_that_comes_later_is_seen(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        path = write_tiff(tmp_path / self.NAME, unwrapped)
        assert read(path).coherence is None
        write_tiff(tmp_path / self.BESIDE, byte_coherence())
        later = tmp_path.stat().st_mtime_ns + 10**9  # clocks of some file systems tick slowly
        os.utime(tmp_path, ns=(later, later))
        assert read(path).coherence is not None

    def test_of_another_grid_is_left_out(self, tmp_path: Path, unwrapped: NDArray[np.float32]) -> None:
        beside = write_tiff(tmp_path / self.BESIDE, byte_coherence((20, 27)))
        path = write_tiff(tmp_path / self.NAME, unwrapped)
        with pytest.warns(
            UserWarning, match=r"cc\.tif: its grid \(27 x 20\) is not .* \(26 x 20\)"
        ) as caught:
            assert read(path).coherence is None
        assert str(caught[0].message).startswith(f"{beside}: ")

    @pytest.mark.parametrize(
        "names",
        [
            ["other_20180106-20180130_cc.tif", "20180106-20180130.coh.tif"],
            ["cropA_20180118-20180130_cc.tif"],
            ["deeper/20180106-20180130_cc.tif"],
            ["20180106-20180130_amp.tif"],
        ],
        ids=["two", "other dates", "other folder", "other layer"],
    )
    def test_nothing_is_guessed(self, tmp_path: Path, names: list[str]) -> None:
        for name in names:
            write_tiff(tmp_path / name, byte_coherence())
        assert read(write_tiff(tmp_path / self.NAME, unwrapped_phase())).coherence is None

    def test_names_without_dates_match_nothing(self, tmp_path: Path) -> None:
        write_tiff(tmp_path / "cc.tif", byte_coherence())
        assert read(write_tiff(tmp_path / "unw.tif", unwrapped_phase())).coherence is None


class TestMadeTags:
    TAGS: ClassVar[dict[str, str]] = {
        "DATA_TYPE": "ORIGINAL_IFG",
        "DATA_UNITS": "RADIANS",
        "FIRST_DATE": "2018-01-06",
        "SECOND_DATE": "2018-01-30",
        "INSAR_PROCESSOR": "GAMMA",
        "WAVELENGTH_METRES": "0.05550415767769124",
        "HEADING_DEGREES": "-12.2742586",
        "INCIDENCE_DEGREES": "39.7026",
        "AZIMUTH_DEGREES": "90.0",
    }

    def tagged(self, tmp_path: Path, options: ReadOptions | None = None, **tags: str) -> Frame:
        path = write_tiff(tmp_path / "20200101-20200113_ifg.tif", unwrapped_phase(), tags=self.TAGS | tags)
        return read(path, options)

    def test_are_believed(self, tmp_path: Path) -> None:
        frame = self.tagged(tmp_path)
        assert (frame.reference_date, frame.secondary_date) == (date(2018, 1, 6), date(2018, 1, 30))
        assert frame.wavelength == 0.05550415767769124
        np.testing.assert_allclose(frame.los, line_of_sight(-12.2742586, 39.7026))
        assert frame.provenance == "tags: GAMMA, ORIGINAL_IFG"

    def test_that_make_no_sense_are_not(self, tmp_path: Path) -> None:
        frame = self.tagged(
            tmp_path, SECOND_DATE="soon", WAVELENGTH_METRES="5.5", INCIDENCE_DEGREES="-1", INSAR_PROCESSOR=""
        )
        assert (frame.reference_date, frame.secondary_date) == (date(2020, 1, 1), date(2020, 1, 13))
        assert frame.wavelength is frame.los is frame.provenance is None

    def test_a_left_looking_antenna_is_not_taken_for_a_right_looking_one(self, tmp_path: Path) -> None:
        assert self.tagged(tmp_path, AZIMUTH_DEGREES="-90.0").los is None

    def test_later_date_first_is_reversed(self, tmp_path: Path) -> None:
        frame = self.tagged(tmp_path, FIRST_DATE="2018-01-30", SECOND_DATE="2018-01-06")
        assert frame.reference_date == date(2018, 1, 6)
        np.testing.assert_array_equal(frame.phase, -unwrapped_phase())

    @pytest.mark.parametrize(
        ("processor", "toward", "sign"),
        [("ROIPAC", True, -1), ("ROIPAC", False, 1), ("GAMMA", True, 1)],
    )
    def test_sign_of_roipac(self, tmp_path: Path, processor: str, toward: bool, sign: int) -> None:
        frame = self.tagged(tmp_path, ReadOptions(roipac_toward=toward), INSAR_PROCESSOR=processor)
        np.testing.assert_array_equal(frame.phase, sign * unwrapped_phase())

    @pytest.mark.parametrize(
        ("tag", "value", "why"),
        [
            ("DATA_TYPE", "ORIGINAL_COH", "tagged as coherence"),
            ("DATA_TYPE", "ORIGINAL_DEM", "tagged as an elevation model"),
            ("DATA_UNITS", "MILLIMETRES", "tagged as MILLIMETRES; give the interferogram in radians"),
        ],
    )
    def test_that_say_no_phase_are_heeded(self, tmp_path: Path, tag: str, value: str, why: str) -> None:
        with pytest.raises(UnreadableError, match=why):
            self.tagged(tmp_path, **{tag: value})


def test_a_header_that_claims_more_than_the_file_can_hold(
    tmp_path: Path, wrapped: NDArray[np.float32]
) -> None:
    """Rather than ask for terabytes of memory, which would stop a whole ingest."""
    raw = bytearray(write_tiff(tmp_path / "phase.tif", wrapped).read_bytes())
    for tag in (256, 257):  # width and height, stored as 16-bit numbers in a 32-bit field
        at = next(i for i in range(8, 300) if raw[i : i + 2] == tag.to_bytes(2, "little") and raw[i + 2] == 3)
        raw[at + 2] = 4
        raw[at + 8 : at + 12] = (10**6).to_bytes(4, "little")
    (tmp_path / "huge.tif").write_bytes(raw)
    with pytest.raises(UnreadableError, match="cannot hold 1000000 x 1000000"):
        read(tmp_path / "huge.tif")
