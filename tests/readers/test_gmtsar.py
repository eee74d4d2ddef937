"""GMTSAR grids: made ones in both kinds of netCDF, and real ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import netcdf_file

from ssl_insar.readers import UnreadableError, frames, read

H, W = 24, 32
RNG = np.random.default_rng(4)
WRAPPED = RNG.uniform(-3.1, 3.1, (H, W)).astype(np.float32)
UNWRAPPED = RNG.normal(0, 9, (H, W)).astype(np.float32)
LON = 240.0 + 0.002 * np.arange(W)
LAT = 32.5 + 0.002 * np.arange(H)
"""As GMT has it: the southernmost row first."""


def made(
    path: Path,
    z: np.ndarray,
    axes: tuple[str, str] = ("lon", "lat"),
    kind: str = "classic",
    of_z: dict[str, Any] | None = None,
    title: str = "",
) -> Path:
    """A grid whose first row, like GMT's, is the southernmost; ``z`` is given from the north."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = z[::-1] if axes[0] == "lon" else z
    x, y = (LON, LAT) if axes[0] == "lon" else (4.0 * np.arange(W) + 2, 8.0 * np.arange(H) + 4)
    x, y = x[: z.shape[1]], y[: z.shape[0]]
    told = {"long_name": "z", "_FillValue": np.float32(np.nan)} | (of_z or {})
    if kind == "classic":
        with netcdf_file(path, "w") as file:
            file.title = title.encode()
            for name, values in ((axes[0], x), (axes[1], y)):
                file.createDimension(name, len(values))
                file.createVariable(name, "d", (name,))[:] = values
            variable = file.createVariable("z", z.dtype.char, (axes[1], axes[0]))
            variable[:] = stored
            for name, value in told.items():
                setattr(variable, name, value.encode() if isinstance(value, str) else value)
    else:
        with h5py.File(path, "w") as file:
            file.attrs["title"] = np.bytes_(title)
            file[axes[0]], file[axes[1]] = x, y
            file.create_dataset("z", data=stored, chunks=(8, 8), compression="gzip")
            file["z"].attrs.update({k: np.bytes_(v) if isinstance(v, str) else [v] for k, v in told.items()})
    return path


def made_parameters(folder: Path, stem: str, clock: str, wavelength: str = "0.0554658") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = f"num_rng_bins\t= 100\nSC_clock_start = {clock}\nradar_wavelength = {wavelength}\n"
    (folder / f"{stem}.PRM").write_text(text)


@pytest.mark.parametrize("kind", ["classic", "netCDF-4"])
class TestKinds:
    def test_made_unwrapped_phase_in_longitude_and_latitude(self, tmp_path: Path, kind: str) -> None:
        phase = UNWRAPPED.copy()
        phase[2, 3] = np.nan
        frame = read(made(tmp_path / "unwrap_ll.grd", phase, kind=kind))
        assert not frame.wrapped
        np.testing.assert_array_equal(
            frame.phase, np.nan_to_num(phase), "positive is away; north comes first"
        )
        np.testing.assert_array_equal(frame.valid, np.isfinite(phase))
        np.testing.assert_array_equal(frame.window(2, 3, 4, 5).phase, np.nan_to_num(phase)[2:6, 3:8])
        assert frame.crs == "EPSG:4326"
        north = 32.5 + 0.002 * (H - 0.5)
        assert frame.transform == pytest.approx((0.002, 0, -120.001, 0, -0.002, north))
        assert frame.family == "GMTSAR"

    def test_made_wrapped_phase_in_radar_coordinates(self, tmp_path: Path, kind: str) -> None:
        frame = read(made(tmp_path / "phasefilt.grd", WRAPPED, ("x", "y"), kind))
        assert frame.wrapped
        np.testing.assert_array_equal(frame.phase, WRAPPED, "rows stay in the order of acquisition")
        assert (frame.crs, frame.transform) == (None, None)

    def test_made_coherence_beside_it(self, tmp_path: Path, kind: str) -> None:
        coherence = RNG.uniform(0, 1, (H, W)).astype(np.float32)
        other = "classic" if kind == "netCDF-4" else "netCDF-4"
        made(tmp_path / "corr_ll.grd", coherence, kind=other)
        made(tmp_path / "corr.grd", coherence[::-1].copy(), ("x", "y"), other)
        np.testing.assert_array_equal(
            read(made(tmp_path / "unwrap_ll.grd", UNWRAPPED, kind=kind)).coherence, coherence
        )
        radar = read(made(tmp_path / "phase.grd", WRAPPED, ("x", "y"), kind))
        np.testing.assert_array_equal(radar.coherence, coherence[::-1])

    @pytest.mark.parametrize("of_z", [{"scale_factor": 0.01}, {"add_offset": 2.0}])
    def test_made_packed_values_are_refused(self, tmp_path: Path, kind: str, of_z: dict[str, float]) -> None:
        with pytest.raises(UnreadableError, match="packed with scale_factor or add_offset"):
            read(made(tmp_path / "phase.grd", WRAPPED, kind=kind, of_z=of_z))

    def test_made_whole_numbers_are_refused(self, tmp_path: Path, kind: str) -> None:
        path = made(tmp_path / "phase.grd", (WRAPPED * 9).astype(np.int16), kind=kind, of_z={"_FillValue": 0})
        with pytest.raises(UnreadableError, match=r"float variable z|int16 values"):
            read(path)


class TestWhatItIs:
    @pytest.mark.parametrize(
        "name",
        [
            "corr.grd",
            "corr_ll.grd",
            "mask2.grd",
            "display_amp_ll.grd",
            "xphase.grd",
            "los_ll.grd",
            "topo_ra.grd",
            "conncomp.grd",
        ],
    )
    def test_made_other_layers_are_refused_by_their_names(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(UnreadableError, match="named as a GMTSAR layer that is no phase"):
            read(made(tmp_path / name, UNWRAPPED))

    def test_made_without_a_word_that_it_is_phase(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableError, match="neither name nor title says that it is phase"):
            read(made(tmp_path / "result.grd", UNWRAPPED, title="Produced by grdcut"))

    def test_made_the_units_or_the_title_may_say_so(self, tmp_path: Path) -> None:
        assert not read(made(tmp_path / "a.grd", UNWRAPPED, of_z={"long_name": "radians"})).wrapped
        frame = read(made(tmp_path / "b.grd", WRAPPED, title="2015016_2015040 wrapped phase"))
        assert frame.wrapped
        assert frame.provenance == "GMTSAR b (2015016_2015040 wrapped phase)"

    def test_made_coherence_that_claims_to_be_phase(self, tmp_path: Path) -> None:
        coherence = RNG.uniform(0.01, 1, (H, W)).astype(np.float32)
        with pytest.raises(UnreadableError, match="coherence and not phase"):
            read(made(tmp_path / "a.grd", coherence, title="phase correlation"))

    def test_made_netcdf_that_is_no_grid(self, tmp_path: Path) -> None:
        with netcdf_file(tmp_path / "phase.nc", "w") as file:
            file.createDimension("x", 4)
            file.createVariable("x", "d", ("x",))[:] = 0
        with pytest.raises(UnreadableError, match="netCDF file without a GMT grid"):
            read(tmp_path / "phase.nc")


class TestParameters:
    def test_made_dates_of_the_images_in_the_order_of_the_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "intf" / "2015100_2015076"
        made_parameters(folder, "S1A20150318_ALL_F1", "2015076.123456")
        made_parameters(folder, "S1A20150411_ALL_F1", "2015100.123456")
        frame = read(made(folder / "unwrap.grd", UNWRAPPED, ("x", "y")))
        assert (frame.reference_date, frame.secondary_date) == (date(2015, 3, 18), date(2015, 4, 11))
        np.testing.assert_array_equal(frame.phase, -UNWRAPPED, "the later image was the reference")
        assert frame.wavelength == pytest.approx(0.0554658)

    def test_made_images_without_a_date_in_their_names(self, tmp_path: Path) -> None:
        folder = tmp_path / "2009068_2010025"
        made_parameters(folder, "IMG-HH-ALPSRP166010320-H1.0__A", "2009068.1", "0.2360571")
        made_parameters(folder, "IMG-HH-ALPSRP212980320-H1.0__A", "2010025.1", "0.2360571")
        frame = read(made(folder / "unwrap.grd", UNWRAPPED, ("x", "y")))
        assert (frame.reference_date, frame.secondary_date) == (None, None)
        assert frame.wavelength == pytest.approx(0.2360571)

    def test_made_dates_of_the_folder(self, tmp_path: Path) -> None:
        frame = read(made(tmp_path / "20150318_20150411" / "unwrap.grd", UNWRAPPED))
        assert (frame.reference_date, frame.secondary_date) == (date(2015, 3, 18), date(2015, 4, 11))
        assert frame.wavelength is None

    def test_made_wavelengths_that_differ_tell_nothing(self, tmp_path: Path) -> None:
        made_parameters(tmp_path, "a", "2015076.1", "0.055")
        made_parameters(tmp_path, "b", "2015100.1", "0.236")
        assert read(made(tmp_path / "unwrap.grd", UNWRAPPED)).wavelength is None


class TestCoherenceThatDoesNotBelong:
    def test_made_of_another_cut(self, tmp_path: Path) -> None:
        made(tmp_path / "corr.grd", np.full((H - 1, W), 0.5, np.float32))
        assert read(made(tmp_path / "unwrap.grd", UNWRAPPED)).coherence is None

    def test_made_damaged(self, tmp_path: Path) -> None:
        (tmp_path / "corr.grd").write_bytes(b"CDF\x01 and nothing else")
        assert read(made(tmp_path / "unwrap.grd", UNWRAPPED)).coherence is None


@pytest.mark.real
class TestReal:
    def test_a_patch_of_wrapped_phase(self, shared_data: Path) -> None:
        frame = read(shared_data / "products" / "gmtsar" / "xyz2grd_phase_small.grd")
        assert frame.shape == (50, 100)
        assert frame.wrapped
        assert frame.valid.mean() == pytest.approx(0.4742)
        assert (frame.phase.min(), frame.phase.max()) == pytest.approx((-3.1413536, 3.1373346))
        assert frame.crs is None
        assert not frame.valid[0, 0]
        assert frame.phase[-1, -1] == pytest.approx(3.122149), "rows in the order they are stored"

    def test_a_grid_that_does_not_say_what_it_holds(self, shared_data: Path, tmp_path: Path) -> None:
        path = shared_data / "products" / "gmtsar" / "example_grd.grd"
        with pytest.raises(UnreadableError, match="put 'phase' or 'unwrap' into its name"):
            frames(path)
        (tmp_path / "unwrap_ll.grd").symlink_to(path)
        frame = read(tmp_path / "unwrap_ll.grd")
        assert frame.shape == (561, 774)
        assert frame.transform == pytest.approx((0.002, 0, -119.366, 0, -0.002, 33.54))
        assert frame.valid.mean() == pytest.approx(1 - 0.97967592, abs=1e-6)
        with h5py.File(path) as file:
            np.testing.assert_array_equal(frame.phase, np.nan_to_num(file["z"][()][::-1]))


@pytest.mark.parametrize("kind", ["classic", "netCDF-4"])
@pytest.mark.parametrize("axis", ["lon", "lat"])
def test_made_geographic_grid_whose_coordinates_do_not_tell_where_north_is(
    tmp_path: Path, kind: str, axis: str
) -> None:
    path = made(tmp_path / "unwrap.grd", UNWRAPPED, kind=kind)
    raw = bytearray(path.read_bytes())
    values = (LON if axis == "lon" else LAT).astype(">f8" if kind == "classic" else "<f8").tobytes()
    at = raw.find(values)
    raw[at + 64 : at + 128] = bytes(64)
    path.write_bytes(raw)
    with pytest.raises(UnreadableError, match="not evenly spaced, so nothing tells where north is"):
        read(path)


def test_made_radar_coordinates_under_the_name_of_a_geographic_grid(tmp_path: Path) -> None:
    path = made(tmp_path / "unwrap_ll.grd", UNWRAPPED, ("x", "y"))
    frame = read(path)
    np.testing.assert_array_equal(frame.phase, UNWRAPPED)
    assert frame.crs is None
