"""Cubes made to the layout that the Hephaestus minicubes loaders read; no real one is at hand."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers import UnreadableError, registry
from ssl_insar.readers.family import ReadOptions
from ssl_insar.readers.minicubes import FAMILY
from ssl_insar.readers.pixels import Window

SHAPE = (60, 50)
DAYS = ["2015-01-01", "2015-01-13", "2015-02-06"]
PAIRS = [(0, 1), (0, 2), (1, 2)]
DIMS = ("primary_date", "secondary_date", "y", "x")
AXES_2_OR_3 = int(zarr.__version__[0]) >= 3
FORMATS = [2, 3] if AXES_2_OR_3 else [2]


def add(store: Path, name: str, values: np.ndarray, dims: tuple[str, ...], kind: int = 2, **more: Any) -> Any:
    """One array as xarray writes it: named axes, and fill value NaN for floats."""
    fill = {"f": np.nan, "U": ""}.get(values.dtype.kind, 0)
    facts: dict[str, Any] = {"shape": values.shape, "dtype": values.dtype, "fill_value": fill, **more}
    facts.setdefault("chunks", values.shape)
    if AXES_2_OR_3:
        named = {"dimension_names": dims} if kind == 3 else {}
        array = zarr.create_array(store=str(store), name=name, zarr_format=kind, **named, **facts)
    else:
        array = zarr.open_group(str(store), mode="a").create_dataset(name, **facts)
    if kind == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = list(dims)
    array[...] = values
    return array


def phase_of(i: int, j: int) -> np.ndarray:
    rng = np.random.default_rng(10 * i + j)
    phase = rng.uniform(-3, 3, SHAPE).astype(np.float32)
    phase[:5] = 0  # no data, as LiCSAR marks it
    phase[5, 0] = np.nan
    return phase


def made_cube(folder: Path, kind: int = 2, name: str = "124D_05291_081406.zarr", **more: Any) -> Path:
    """Three acquisitions, three interferograms, the other pairs empty."""
    store = folder / name
    shape = (3, 3, *SHAPE)
    phase = np.full(shape, np.nan, np.float32)
    coherence = np.zeros(shape, np.uint8)
    mask = np.zeros(shape, np.uint8)
    for i, j in PAIRS:
        phase[i, j] = phase_of(i, j)
        coherence[i, j] = 51
    mask[0, 1, 20:30, 10:20] = 1
    mask[0, 1, 50:52, 40:42] = 2
    dem = np.full(SHAPE, 700, np.float32)
    dem[0, 0] = -32768
    chunks = {"chunks": (1, 1, 32, 32), **more}
    zarr.open_group(str(store), mode="w", **({"zarr_format": kind} if AXES_2_OR_3 else {}))
    add(store, "insar_difference", phase, DIMS, kind, **chunks)
    add(store, "insar_coherence", coherence, DIMS, kind, **chunks)
    add(store, "deformation_mask", mask, DIMS, kind, **chunks)
    add(store, "dem", dem, DIMS[2:], kind)
    add(
        store, "total_column_water_vapour", np.ones((3, *SHAPE), np.float32), ("primary_date", "y", "x"), kind
    )
    days = np.array([0, 12, 36])
    for date_name in DIMS[:2]:
        add(store, date_name, days, (date_name,), kind).attrs["units"] = "days since 2015-01-01"
    add(store, "y", 38.0 - 0.001 * np.arange(SHAPE[0]), ("y",), kind)
    add(store, "x", 14.5 + 0.001 * np.arange(SHAPE[1]), ("x",), kind)
    return store


def frames(store: Path) -> list[Any]:
    return list(FAMILY.frames(store, ReadOptions()))


@pytest.fixture
def registry_frames(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Frames by way of the registry, which turns whatever a library raises into one line."""
    monkeypatch.setattr(registry, "FAMILIES", (FAMILY,))
    return registry.frames


@pytest.mark.parametrize("kind", FORMATS)
def test_made_cube_gives_one_frame_an_interferogram_with_its_facts(tmp_path: Path, kind: int) -> None:
    store = made_cube(tmp_path, kind)
    assert FAMILY.claims(store, b"")
    assert FAMILY.walks(store)
    found = frames(store)
    assert [f.member for f in found] == ["20150101_20150113", "20150101_20150206", "20150113_20150206"]
    frame = found[1]
    assert (frame.reference_date, frame.secondary_date) == (date(2015, 1, 1), date(2015, 2, 6))
    assert (frame.frame, frame.track, frame.orbit_pass) == ("124D_05291_081406", "124D", "descending")
    assert frame.wavelength == WAVELENGTHS["C"]
    assert (frame.wrapped, frame.sign, frame.shape) == (True, 1, SHAPE)
    assert frame.crs == "EPSG:4326"
    assert np.allclose(frame.transform, (0.001, 0, 14.4995, 0, -0.001, 38.0005), atol=1e-9)


def test_made_cube_that_begins_in_the_south_is_turned_with_its_labels(
    tmp_path: Path, registry_frames: Any
) -> None:
    store = made_cube(tmp_path)
    south = 38.0 - 0.001 * np.arange(SHAPE[0])[::-1]
    zarr.open_array(str(store / "y"), mode="r+")[...] = south
    frame = registry_frames(store, ReadOptions())[0]
    assert np.allclose(frame.transform, (0.001, 0, 14.4995, 0, -0.001, 38.0005), atol=1e-9)
    truth = phase_of(0, 1)[::-1]
    assert np.array_equal(frame.phase, np.where(np.isfinite(truth), truth, 0))
    # Drawn in rows 20 to 30 of 60, counted from the south.
    assert frame.annotations(Window(28, 8, 14, 14))["deformation"] == 1
    assert frame.annotations(Window(18, 8, 12, 14))["deformation"] == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_made_cube_pixels_are_those_written(tmp_path: Path, kind: int) -> None:
    for (i, j), frame in zip(PAIRS, frames(made_cube(tmp_path, kind)), strict=True):
        truth = phase_of(i, j)
        valid = np.isfinite(truth) & (truth != 0)
        patch = frame.window(0, 0, *SHAPE)
        assert np.array_equal(patch.valid, valid)
        assert np.array_equal(patch.phase, np.where(valid, truth, 0))
        # Across four chunks, not at their edges.
        part = frame.window(20, 13, 30, 25)
        assert np.array_equal(part.phase, patch.phase[20:50, 13:38])
        assert np.unique(patch.coherence).tolist() == [np.float32(0.2)]
        assert np.isnan(patch.elevation[0, 0])
        assert patch.elevation[1, 1] == 700


LAYOUTS: dict[str, dict[str, Any]] = {
    "several_pairs_a_chunk": {"chunks": (2, 3, 64, 64)},
    "uncompressed": {"compressors": None} if AXES_2_OR_3 else {"compressor": None},
    "blank_chunks_written": {"config": {"write_empty_chunks": True}}
    if AXES_2_OR_3
    else {"write_empty_chunks": True},
}
if not AXES_2_OR_3:
    LAYOUTS["nested"] = {"dimension_separator": "/"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_made_cubes_of_other_chunks_hold_the_same_interferograms(tmp_path: Path, layout: str) -> None:
    found = frames(made_cube(tmp_path, 2, **LAYOUTS[layout]))
    assert [f.member for f in found] == ["20150101_20150113", "20150101_20150206", "20150113_20150206"]
    assert np.nanmax(np.abs(found[2].window(6, 0, 54, 50).phase - phase_of(1, 2)[6:])) == 0


@pytest.mark.skipif(not AXES_2_OR_3, reason="zarr 2 knows no shards")
def test_made_sharded_cube(tmp_path: Path) -> None:
    found = frames(made_cube(tmp_path, 3, shards=(3, 3, 64, 64)))
    assert [f.member for f in found] == ["20150101_20150113", "20150101_20150206", "20150113_20150206"]
    assert np.array_equal(found[0].window(30, 20, 20, 20).phase, phase_of(0, 1)[30:50, 20:40])


def test_made_cube_with_one_faint_interferogram_finds_it(tmp_path: Path) -> None:
    """A handful of pixels packs as tightly as nothing does."""
    store = made_cube(tmp_path, chunks=(1, 1, 60, 50), **LAYOUTS["blank_chunks_written"])
    array = zarr.open_array(str(store / "insar_difference"), mode="r+")
    only = np.full(SHAPE, np.nan, np.float32)
    only[40, 40] = 1.5
    array[1, 2] = only
    found = frames(store)
    assert len(found) == 3
    assert found[2].window(40, 40, 1, 1).phase.tolist() == [[1.5]]
    array[1, 2] = np.nan
    assert len(frames(store)) == 2


def test_made_mask_labels_tiles(tmp_path: Path) -> None:
    first, second, _ = frames(made_cube(tmp_path))
    assert first.annotations(Window(15, 5, 20, 20)) == {"deformation": 1}
    assert first.annotations(Window(0, 30, 20, 20)) == {"deformation": 0}
    # The whole of a small earthquake in a tile it hardly covers.
    assert first.annotations(Window(48, 38, 12, 12)) == {"deformation": 1}
    # A tile that holds 1 of the 10 columns of the deformation, 2 % of itself.
    assert first.annotations(Window(15, 19, 24, 24)) == {}
    assert second.annotations(Window(15, 5, 20, 20)) == {"deformation": 0}


def test_made_annotations_of_whole_interferograms_go_with_the_mask(tmp_path: Path) -> None:
    store = made_cube(tmp_path)
    add(store, "no_info", np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]]), DIMS[:2])
    add(store, "confidence", np.array([[0, 0.8, 0.5], [0, 0, np.nan], [0, 0, 0]]).T, DIMS[1::-1])
    first, second, third = frames(store)
    assert first.annotations(Window(15, 5, 20, 20)) == {"deformation": 1, "no_info": 0, "confidence": 0.8}
    # Quiet in an image that shows nothing is not known to be quiet.
    assert second.annotations(Window(15, 5, 20, 20)) == {"no_info": 1, "confidence": 0.5}
    assert third.annotations(Window(15, 5, 20, 20)) == {"deformation": 0, "no_info": 0}


def test_made_deformation_that_is_not_drawn_leaves_its_tiles_unknown(tmp_path: Path) -> None:
    store = made_cube(tmp_path)
    said = np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    add(store, "corrupted", 0 * said, DIMS[:2])
    add(store, "label", np.where(said, "Deformation", "Non_Deformation"), DIMS[:2])
    first, second, third = frames(store)
    assert first.annotations(Window(15, 5, 20, 20)) == {"deformation": 1, "corrupted": 0}
    assert second.annotations(Window(15, 5, 20, 20)) == {"corrupted": 0}
    assert third.annotations(Window(15, 5, 20, 20)) == {"deformation": 0, "corrupted": 0}


def test_made_cube_without_annotations_has_none(tmp_path: Path) -> None:
    store = made_cube(tmp_path)
    shutil.rmtree(store / "deformation_mask")
    assert frames(store)[0].annotations is None


def test_made_float_coherence_counts_to_255_or_to_1(tmp_path: Path) -> None:
    for top in (204.0, 0.8):
        store = made_cube(tmp_path, name=f"124D_05291_08140{int(top)}.zarr")
        shutil.rmtree(store / "insar_coherence")
        coherence = np.full((3, 3, *SHAPE), top, np.float32)
        coherence[..., :30, :] = np.nan
        add(store, "insar_coherence", coherence, DIMS, chunks=(1, 1, 32, 32))
        values = frames(store)[0].window(0, 0, *SHAPE).coherence
        assert np.allclose(np.unique(values), [0, 0.8])


def test_made_cube_of_southward_dates_and_projected_axes(tmp_path: Path) -> None:
    store = made_cube(tmp_path, name="144A_SM_REUN_S6.zarr")
    for name, start, step in (("x", 335050.0, 100.0), ("y", 7650050.0, 100.0)):
        array = zarr.open_array(str(store / name), mode="r+")
        array[...] = start + step * np.arange(array.shape[0])
    frame = frames(store)[0]
    assert (frame.frame, frame.track) == ("144A_SM_REUN_S6", "144A")
    assert frame.crs is None  # metres, of what projection it does not say
    assert frame.transform == (100.0, 0, 335000.0, 0, 100.0, 7650000.0)
    add(store, "spatial_ref", np.zeros((), np.int64), ()).attrs["crs_wkt"] = "EPSG:32740"
    assert frames(store)[0].crs == "EPSG:32740"


@pytest.mark.parametrize(
    ("units", "values"),
    [
        ("hours since 2014-12-31 12:00:00", [12, 300, 876]),
        ("nanoseconds since 1970-01-01", [1420070400 * 10**9, 1421107200 * 10**9, 1423180800 * 10**9]),
        ("", [20150101, 20150113, 20150206]),
    ],
)
def test_made_dates_counted_in_other_units(tmp_path: Path, units: str, values: list[int]) -> None:
    store = made_cube(tmp_path)
    for name in DIMS[:2]:
        array = zarr.open_array(str(store / name), mode="r+")
        array[...] = values
        array.attrs["units"] = units
    assert frames(store)[2].member == "20150113_20150206"


def test_made_cube_decodes_each_chunk_once_a_row_of_tiles(tmp_path: Path, monkeypatch) -> None:
    frame = frames(made_cube(tmp_path, chunks=(1, 1, 60, 50)))[0]
    kind = type(frame.pixels._cube.phase.values)
    read, reads = kind.__getitem__, []
    monkeypatch.setattr(kind, "__getitem__", lambda array, key: reads.append(key) or read(array, key))
    for row in range(0, 50, 10):
        for col in range(0, 50, 10):
            frame.window(row, col, 10, 10)
    assert len(reads) == 3  # phase, coherence, elevation


def rename_axis(store: Path) -> None:
    zarr.open_array(str(store / "insar_difference"), mode="r+").attrs["_ARRAY_DIMENSIONS"] = [*"tbyx"]


def claim(store: Path, **what: Any) -> None:
    path = store / "insar_difference" / ".zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | what))


def blank(store: Path) -> None:
    for chunk in (store / "insar_difference").glob("[0-9]*"):
        chunk.unlink()


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            lambda s: shutil.rmtree(s / "insar_difference"),
            "holds no 'insar_difference'.* it holds deformation_mask",
        ),
        (rename_axis, r"has the axes \(t, b, y, x\); expected primary_date"),
        (lambda s: shutil.rmtree(s / "primary_date"), "no usable coordinate 'primary_date'"),
        (
            lambda s: claim(s, chunks=[1, 1, 10**6, 10**6], shape=[3, 3, 10**6, 10**6]),
            "more than can be read",
        ),
        (lambda s: claim(s, shape=[3, 3, 10**6, 10**6]), "is no frame"),
        (lambda s: claim(s, shape=[10**9, 3, *SHAPE]), "no usable coordinate 'primary_date'"),
        (blank, "holds no interferogram"),
        (lambda s: (s / "insar_difference" / ".zarray").write_text("{"), "damaged minicube"),
    ],
)
def test_made_damage_is_named_in_one_line(
    tmp_path: Path, registry_frames: Any, harm: Any, message: str
) -> None:
    store = made_cube(tmp_path)
    harm(store)
    with pytest.raises(UnreadableError, match=message) as raised:
        registry_frames(store)
    assert str(raised.value).startswith(f"{store}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("layer", ["insar_difference", "deformation_mask"])
def test_made_truncated_chunk_is_named(tmp_path: Path, registry_frames: Any, layer: str) -> None:
    store = made_cube(tmp_path, chunks=(1, 1, 60, 50))
    chunk = store / layer / "0.1.0.0"
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(UnreadableError, match=r"081406.zarr: damaged minicube"):
        registry_frames(store)[0].annotations(Window(0, 0, 10, 10))


def test_other_folders_are_not_claimed_and_a_packed_cube_says_so(tmp_path: Path) -> None:
    (tmp_path / "plain.zarr").mkdir()
    assert not FAMILY.claims(tmp_path / "plain.zarr", b"")
    packed = tmp_path / "124D_05291_081406.zarr.tar"
    packed.write_bytes(b"x" * 600)
    assert FAMILY.claims(packed, b"x" * 16)
    with pytest.raises(UnreadableError, match="packed minicube; unpack it with: tar -xf 124D"):
        frames(packed)


def test_made_heights_beyond_all_mountains_are_unknown(tmp_path: Path) -> None:
    """Packed values have no checksum: a flipped bit makes any number of them."""
    store = made_cube(tmp_path)
    dem = zarr.open_array(str(store / "dem"), mode="r+")
    dem[0, 1:4] = 9500, -800, 8848
    elevation = frames(store)[0].window(0, 0, 1, 6).elevation
    np.testing.assert_array_equal(elevation[0], [np.nan, np.nan, np.nan, 8848, 700, 700])
