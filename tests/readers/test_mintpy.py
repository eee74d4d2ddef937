"""MintPy's files: made ones to its documented layout, and a real velocity map."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from ssl_insar.geometry import line_of_sight
from ssl_insar.readers import Frame, UnreadableError, frames, read

H, W = 40, 50
RNG = np.random.default_rng(8)
UNWRAPPED = RNG.normal(0, 9, (3, H, W)).astype(np.float32)
COHERENCE = RNG.uniform(0.1, 1, (3, H, W)).astype(np.float32)
WAVELENGTH = 0.05546576
TOLD = {
    "WIDTH": str(W),
    "LENGTH": str(H),
    "WAVELENGTH": str(WAVELENGTH),
    "X_FIRST": "130.5",
    "Y_FIRST": "32.0",
    "X_STEP": "0.001",
    "Y_STEP": "-0.001",
    "X_UNIT": "degrees",
    "ORBIT_DIRECTION": "ASCENDING",
    "trackNumber": "23",
    "PROCESSOR": "isce",
}
RADAR = {key: value for key, value in TOLD.items() if key[:2] not in ("X_", "Y_")} | {
    "AZIMUTH_PIXEL_SIZE": "100.0",
    "RANGE_PIXEL_SIZE": "20.0",
    "EARTH_RADIUS": "6400000.0",
    "HEIGHT": "640000.0",
}


def made(path: Path, kind: str, told: dict[str, str] = TOLD, **datasets: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs.update(told | {"FILE_TYPE": kind})
        for name, values in datasets.items():
            file[name] = values
    return path


def made_stack(path: Path, told: dict[str, str] = TOLD, **datasets: Any) -> Path:
    content: dict[str, Any] = {
        "unwrapPhase": UNWRAPPED,
        "coherence": COHERENCE,
        "date": np.array(
            [[b"20150105", b"20150117"], [b"20150117", b"20150129"], [b"20150105", b"20150129"]]
        ),
        "bperp": np.float32([10, -30, -20]),
        "dropIfgram": np.array([True, False, True]),
    }
    return made(path, "ifgramStack", told, **(content | datasets))


def made_geometry(path: Path, told: dict[str, str] = TOLD, shape: tuple[int, int] = (H, W)) -> Path:
    azimuth = np.full(shape, 102, np.float32)
    azimuth[:10] = 0
    incidence = np.full(shape, 39, np.float32)
    incidence[:10] = 0
    height = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    height[3, 3] = np.nan
    return made(path, "geometry", told, azimuthAngle=azimuth, incidenceAngle=incidence, height=height)


class TestStack:
    def test_made_interferograms_that_are_kept(self, tmp_path: Path) -> None:
        found = frames(made_stack(tmp_path / "inputs/ifgramStack.h5"))
        assert [frame.member for frame in found] == ["20150105_20150117", "20150105_20150129"]
        first, last = found
        assert (last.reference_date, last.secondary_date) == (date(2015, 1, 5), date(2015, 1, 29))
        np.testing.assert_array_equal(first.phase, UNWRAPPED[0], "positive is away, as MintPy has it")
        np.testing.assert_array_equal(last.phase, UNWRAPPED[2])
        np.testing.assert_array_equal(last.coherence, COHERENCE[2])
        assert (first.perpendicular_baseline, last.perpendicular_baseline) == (10, -20)
        assert not first.wrapped
        assert first.wavelength == pytest.approx(WAVELENGTH)
        assert (first.track, first.orbit_pass, first.crs) == ("023A", "ascending", "EPSG:4326")
        assert first.transform == pytest.approx((0.001, 0, 130.5, 0, -0.001, 32))
        assert first.family == "MintPy"
        assert first.provenance == "MintPy ifgramStack, unwrapPhase, processed by isce"

    def test_made_pairs_with_the_later_date_first_are_turned(self, tmp_path: Path) -> None:
        dates = np.array([[b"20150117", b"20150105"]])
        path = made_stack(
            tmp_path / "ifgramStack.h5",
            unwrapPhase=UNWRAPPED[:1],
            coherence=COHERENCE[:1],
            date=dates,
            bperp=np.float32([10]),
            dropIfgram=np.array([True]),
        )
        frame = read(path)
        assert (frame.reference_date, frame.member) == (date(2015, 1, 5), "20150105_20150117")
        np.testing.assert_array_equal(frame.phase, -UNWRAPPED[0])
        assert frame.perpendicular_baseline == -10

    def test_made_wrapped_phase_where_there_is_no_other(self, tmp_path: Path) -> None:
        wrapped = RNG.uniform(-np.pi, np.pi, (3, H, W)).astype(np.float32)
        path = made_stack(tmp_path / "ifgramStack.h5", wrapPhase=wrapped)
        assert not frames(path)[0].wrapped
        with h5py.File(path, "a") as file:
            del file["unwrapPhase"]
        frame = frames(path)[0]
        assert frame.wrapped
        np.testing.assert_array_equal(frame.phase, wrapped[0])

    def test_made_no_data_is_0_or_nan(self, tmp_path: Path) -> None:
        phase = UNWRAPPED.copy()
        phase[0, :3, 0] = [0, np.nan, 1]
        frame = frames(made_stack(tmp_path / "ifgramStack.h5", unwrapPhase=phase))[0]
        np.testing.assert_array_equal(frame.valid[:3, 0], [False, False, True])
        assert frame.valid[:, 1:].all()

    def test_made_without_what_is_optional(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "ifgramStack.h5")
        with h5py.File(path, "a") as file:
            for name in ("coherence", "bperp", "dropIfgram"):
                del file[name]
        found = frames(path)
        assert len(found) == 3
        assert found[1].coherence is None
        assert found[1].perpendicular_baseline is None

    def test_made_refusals(self, tmp_path: Path) -> None:
        dropped = made_stack(tmp_path / "a.h5", dropIfgram=np.zeros(3, bool))
        with pytest.raises(UnreadableError, match="all 3 interferograms are dropped"):
            frames(dropped)
        offsets = made(tmp_path / "b.h5", "ifgramStack", azimuthOffset=UNWRAPPED, date=np.zeros((3, 2), "S8"))
        with pytest.raises(UnreadableError, match="neither 'unwrapPhase' nor 'wrapPhase'"):
            frames(offsets)
        undated = made_stack(tmp_path / "c.h5", date=np.array([b"20150105", b"20150117", b"20150129"]))
        with pytest.raises(UnreadableError, match="no 'date' of shape"):
            frames(undated)

    @pytest.mark.parametrize(
        ("told", "crs"),
        [
            ({"EPSG": "32611"}, "EPSG:32611"),
            ({"UTM_ZONE": "11N"}, "EPSG:32611"),
            ({"UTM_ZONE": "9S"}, "EPSG:32709"),
            ({"X_UNIT": "meters"}, None),
        ],
    )
    def test_made_reference_systems(self, tmp_path: Path, told: dict[str, str], crs: str | None) -> None:
        assert frames(made_stack(tmp_path / "ifgramStack.h5", TOLD | told))[0].crs == crs

    def test_made_radar_coordinates(self, tmp_path: Path) -> None:
        path = made_stack(tmp_path / "inputs/ifgramStack.h5", RADAR)
        frame = frames(path)[0]
        assert (frame.crs, frame.transform, frame.posting) == (None, None, None)
        made_geometry(tmp_path / "inputs/geometryRadar.h5", RADAR)
        frame = frames(path)[0]
        assert frame.spacing == pytest.approx((100 / 1.1, 20 / np.sin(np.deg2rad(39))))


class TestGeometry:
    @pytest.mark.parametrize(
        ("stack", "geometry"),
        [
            ("inputs/ifgramStack.h5", "inputs/geometryGeo.h5"),
            ("ifgramStack.h5", "inputs/geometryGeo.h5"),
            ("geo/geo_ifgramStack.h5", "geo/geo_geometryRadar.h5"),
            ("geo/ifgramStack.h5", "inputs/geometryGeo.h5"),
            ("ifgramStack.h5", "geo/geo_geometryRadar.h5"),
        ],
    )
    def test_made_line_of_sight_and_heights(self, tmp_path: Path, stack: str, geometry: str) -> None:
        made_geometry(tmp_path / geometry)
        frame = frames(made_stack(tmp_path / stack))[0]
        # 102 degrees from the north against the clock: an ascending satellite stands in the west.
        np.testing.assert_allclose(frame.los_at(20, 20), line_of_sight(-12, 39), atol=1e-6)
        los = frame.los_at(20, 20)
        assert los is not None
        assert los[0] < -0.6
        assert frame.los_at(5, 5) is None, "0 is no data"
        assert frame.elevation is not None
        assert frame.elevation[7, 11] == 7 * W + 11
        assert np.isnan(frame.elevation[3, 3])

    def test_made_geometry_of_another_grid_is_left_alone(self, tmp_path: Path) -> None:
        made_geometry(tmp_path / "inputs/geometryGeo.h5", TOLD | {"X_FIRST": "130.6"})
        made_geometry(tmp_path / "geometryRadar.h5", RADAR, (H, W + 1))
        frame = frames(made_stack(tmp_path / "ifgramStack.h5"))[0]
        assert frame.los is None
        assert frame.window(0, 0, 2, 2).elevation is None

    def test_made_damaged_geometry_costs_a_warning_and_no_interferogram(self, tmp_path: Path) -> None:
        whole = made_geometry(tmp_path / "geometryGeo.h5").read_bytes()
        (tmp_path / "geometryGeo.h5").write_bytes(whole[: len(whole) // 2])
        path = made_stack(tmp_path / "ifgramStack.h5")
        with pytest.warns(UserWarning, match=r"geometryGeo.h5: damaged HDF5 file.*; left out beside"):
            found = frames(path)
        assert found[0].valid.all()

    def test_made_damaged_layer_of_the_geometry_is_left_out_alone(self, tmp_path: Path) -> None:
        geometry = made_geometry(tmp_path / "geometryGeo.h5")
        with h5py.File(geometry, "a") as file:
            del file["azimuthAngle"]
            file["azimuthAngle"] = h5py.ExternalLink("elsewhere.h5", "/azimuthAngle")
        path = made_stack(tmp_path / "ifgramStack.h5")
        with pytest.warns(UserWarning, match=r"geometryGeo.h5: 'azimuthAngle' is a link .*; left out beside"):
            found = frames(path)
        assert found[0].los is None
        assert found[0].window(0, 0, 2, 2).elevation is not None


class TestTimeSeries:
    DISPLACEMENT = np.stack([np.zeros((H, W)), RNG.normal(0, 0.05, (H, W)), RNG.normal(0, 0.05, (H, W))])
    DATES = np.array([b"20150105", b"20150117", b"20150129"])

    def read(self, path: Path, **changes: Any) -> list[Frame]:
        content = {
            "timeseries": self.DISPLACEMENT.astype(np.float32),
            "date": self.DATES,
            "bperp": np.float32([0, 15, -5]),
        }
        told = changes.pop("told", {"UNIT": "m"})
        return frames(made(path, "timeseries", TOLD | told, **(content | changes)))

    def test_made_consecutive_dates_give_interferograms_with_the_sign_turned(self, tmp_path: Path) -> None:
        found = self.read(tmp_path / "timeseries_ERA5.h5")
        assert [frame.member for frame in found] == ["20150105_20150117", "20150117_20150129"]
        toward = self.DISPLACEMENT[2] - self.DISPLACEMENT[1]
        np.testing.assert_allclose(found[1].phase, -4 * np.pi / WAVELENGTH * toward, rtol=1e-4, atol=1e-4)
        assert found[0].valid.all(), "the date that all others refer to is 0 throughout and no lack of data"
        assert [frame.perpendicular_baseline for frame in found] == [15, -20]
        assert not found[0].wrapped

    def test_made_one_centimetre_toward_the_satellite(self, tmp_path: Path) -> None:
        stack = np.zeros((2, H, W), np.float32)
        stack[1] = 1
        path = made(
            tmp_path / "timeseries.h5",
            "timeseries",
            TOLD | {"UNIT": "cm"},
            timeseries=stack,
            date=self.DATES[:2],
        )
        np.testing.assert_allclose(read(path).phase, -2.26562, rtol=1e-5)

    def test_made_no_data_is_0_throughout_or_nan(self, tmp_path: Path) -> None:
        stack = self.DISPLACEMENT.astype(np.float32)
        stack[:, 0, 0] = 0
        stack[1, 0, 1] = np.nan
        first, second = self.read(tmp_path / "timeseries.h5", timeseries=stack)
        for frame in (first, second):
            np.testing.assert_array_equal(frame.valid[0, :3], [False, False, True])

    def test_made_dates_out_of_order(self, tmp_path: Path) -> None:
        found = self.read(tmp_path / "timeseries.h5", date=self.DATES[[2, 0, 1]])
        assert [frame.member for frame in found] == ["20150105_20150117", "20150117_20150129"]
        toward = self.DISPLACEMENT[2] - self.DISPLACEMENT[1]
        np.testing.assert_allclose(found[0].phase, -4 * np.pi / WAVELENGTH * toward, rtol=1e-4, atol=1e-4)

    def test_made_refusals(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableError, match="two dates or more"):
            self.read(tmp_path / "timeseries.h5", date=np.array([b"20150105", b"", b"20150129"]))
        with pytest.raises(UnreadableError, match="unit 'radian' is not known"):
            self.read(tmp_path / "timeseries.h5", told={"UNIT": "radian"})
        with pytest.raises(UnreadableError, match="without WAVELENGTH"):
            self.read(tmp_path / "timeseries.h5", told={"WAVELENGTH": "None"})
        with pytest.raises(UnreadableError, match="delay, tide or residual"):
            self.read(tmp_path / "ERA5.h5")

    def test_made_temporal_coherence_beside_it_is_the_coherence(self, tmp_path: Path) -> None:
        made(tmp_path / "temporalCoherence.h5", "temporalCoherence", temporalCoherence=COHERENCE[0])
        found = self.read(tmp_path / "timeseries.h5")
        np.testing.assert_array_equal(found[1].coherence, COHERENCE[0])


class TestVelocity:
    TOLD = TOLD | {"UNIT": "m/year", "START_DATE": "20150101", "END_DATE": "20170101"}

    def test_made_velocity_times_its_years_with_the_sign_turned(self, tmp_path: Path) -> None:
        velocity = RNG.normal(0, 0.02, (H, W)).astype(np.float32)
        frame = read(made(tmp_path / "velocity.h5", "velocity", self.TOLD, velocity=velocity))
        years = 731 / 365.25
        np.testing.assert_allclose(frame.phase, velocity * years * -4 * np.pi / WAVELENGTH, rtol=1e-5)
        assert (frame.reference_date, frame.secondary_date) == (date(2015, 1, 1), date(2017, 1, 1))
        assert frame.member is None
        assert "velocity map" in str(frame.provenance)

    @pytest.mark.parametrize("told", [{"START_DATE": ""}, {"END_DATE": "20150101"}])
    def test_made_without_its_years(self, tmp_path: Path, told: dict[str, str]) -> None:
        path = made(tmp_path / "velocity.h5", "velocity", self.TOLD | told, velocity=np.ones((H, W), "f4"))
        with pytest.raises(UnreadableError, match="velocity without START_DATE and END_DATE"):
            read(path)


@pytest.mark.parametrize("kind", ["temporalCoherence", "mask", "geometry", "dem", "coherence", "HDFEOS"])
def test_made_other_kinds_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path / "a.h5", kind, values=np.ones((H, W), np.float32))
    with pytest.raises(UnreadableError, match=f"is MintPy's '{kind}', not phase; give ifgramStack.h5"):
        read(path)


@pytest.mark.real
class TestKirishima:
    def test_the_velocity_map(self, shared_data: Path) -> None:
        folder = shared_data / "products" / "mintpy_kirishima"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frame = read(folder / "velocity.h5")
        with h5py.File(folder / "velocity.h5") as file:
            velocity = file["velocity"][()]
        years = 952 / 365.25
        np.testing.assert_allclose(
            frame.phase, velocity * years * (-4 * np.pi / 0.2384035), rtol=1e-5, atol=1e-6
        )
        assert frame.valid.mean() == pytest.approx((velocity != 0).mean())
        assert (frame.reference_date, frame.secondary_date) == (date(2015, 2, 9), date(2017, 9, 18))
        assert (frame.track, frame.orbit_pass, frame.crs) == ("023D", "descending", "EPSG:4326")
        assert frame.transform == pytest.approx(
            (0.000185185, 0, 130.8199074075, 0, -0.000185185, 31.9800925925)
        )
        row, col = np.unravel_index(np.argmax(velocity), velocity.shape)
        assert frame.phase[row, col] < -6, "fastest toward the satellite"
        assert frame.coherence is not None
        assert 0.9 < frame.coherence.mean() <= 1

    def test_temporal_coherence_is_refused(self, shared_data: Path) -> None:
        with pytest.raises(UnreadableError, match="is MintPy's 'temporalCoherence'"):
            read(shared_data / "products" / "mintpy_kirishima" / "temporalCoherence.h5")
