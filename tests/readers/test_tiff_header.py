"""TIFF files whose header misplaces the values; GDAL reads them without a word."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from made_rasters import wrapped_phase, write_tiff

from ssl_insar.readers import UnreadableError, read
from ssl_insar.readers.tiff_header import header_places

PHASE = wrapped_phase((40, 32))
WIDTH, OFFSETS = 256, 273


def entry_of(raw: bytes, tag: int) -> int:
    """Where the directory of a small-endian classic TIFF has a tag."""
    (directory,) = struct.unpack_from("<I", raw, 4)
    (count,) = struct.unpack_from("<H", raw, directory)
    return next(
        at
        for at in range(directory + 2, directory + 2 + 12 * count, 12)
        if struct.unpack_from("<H", raw, at)[0] == tag
    )


def changed(path: Path, tag: int, value: int) -> Path:
    """Give the tag another value."""
    raw = bytearray(path.read_bytes())
    struct.pack_into("<H" if raw[entry_of(raw, tag) + 2] == 3 else "<I", raw, entry_of(raw, tag) + 8, value)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("profile", "tag", "value"),
    [
        ({}, OFFSETS, 200),  # of the values, now among the tags
        ({}, WIDTH, 24),
        ({"dtype": "uint8"}, OFFSETS, 200),
    ],
    ids=["place", "width", "grey"],
)
def test_a_header_that_moves_or_shears_the_image(
    tmp_path: Path, profile: dict[str, Any], tag: int, value: int
) -> None:
    bands = PHASE.astype(profile["dtype"]) if "dtype" in profile else PHASE
    path = changed(write_tiff(tmp_path / "a.tif", bands, **profile), tag, value)
    with rasterio.open(path) as dataset:  # GDAL makes no trouble
        assert dataset.read(1).size
    with pytest.raises(
        UnreadableError, match=r"a\.tif: damaged TIFF file \(its header misplaces the values\)"
    ):
        read(path)


def test_a_hole_in_the_header_that_makes_strips_of_tiles(tmp_path: Path) -> None:
    """Without the width and height of its tiles, GDAL reads them one behind the other as rows."""
    path = write_tiff(tmp_path / "a.tif", PHASE, tiled=True, blockxsize=16, blockysize=16)
    raw = bytearray(path.read_bytes())
    for tag in (322, 323):
        at = entry_of(raw, tag)
        raw[at : at + 12] = bytes(12)
    path.write_bytes(raw)
    with rasterio.open(path) as dataset:
        assert not np.array_equal(dataset.read(1), PHASE)
    with pytest.raises(UnreadableError, match="a tag of no known type in its header"):
        read(path)


def test_values_without_a_place(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", PHASE)
    raw = bytearray(path.read_bytes())
    raw[entry_of(raw, OFFSETS) + 3] ^= 2  # a type that there is not
    path.write_bytes(raw)
    with pytest.raises(UnreadableError, match="damaged TIFF file"):
        read(path)


def test_grey_of_one_bit(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", (PHASE > 0).astype(np.uint8), NBITS=1)
    with pytest.raises(UnreadableError, match="1 bits a pixel; a grey image of 8 expected"):
        read(path)


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"blockysize": 7},
        {"tiled": True, "blockxsize": 16, "blockysize": 16},
        {"compress": "lzw", "blockysize": 7},
        {"compress": "deflate", "predictor": 3, "tiled": True, "blockxsize": 16, "blockysize": 16},
        {"BIGTIFF": "YES"},
        {"ENDIANNESS": "BIG"},
        {"BIGTIFF": "YES", "ENDIANNESS": "BIG", "compress": "zstd"},
        {"driver": "COG"},
    ],
    ids=str,
)
def test_sound_files_of_every_make(tmp_path: Path, profile: dict[str, Any]) -> None:
    if profile.get("driver") == "COG":
        with rasterio.open(write_tiff(tmp_path / "plain.tif", PHASE)) as dataset:
            rasterio.shutil.copy(dataset, tmp_path / "a.tif", driver="COG")
    else:
        write_tiff(tmp_path / "a.tif", PHASE, **profile)
    np.testing.assert_array_equal(read(tmp_path / "a.tif").phase, PHASE)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_sound_colour_channels(tmp_path: Path, interleave: str) -> None:
    grey = np.stack([(PHASE * 40 + 128).astype(np.uint8)] * 3)
    assert read(write_tiff(tmp_path / "a.tif", grey, interleave=interleave)).valid.mean() > 0.9


def test_blocks_that_were_never_written_are_no_data(tmp_path: Path) -> None:
    phase = PHASE.copy()
    phase[:, 16:] = 0
    profile = {"tiled": True, "blockxsize": 16, "blockysize": 16, "SPARSE_OK": "TRUE"}
    path = write_tiff(tmp_path / "a.tif", phase, **profile)
    assert path.stat().st_size < write_tiff(tmp_path / "b.tif", PHASE, **profile).stat().st_size - 2000
    np.testing.assert_array_equal(read(path).valid, phase != 0)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
def test_places_lie_before_the_values_that_gdal_puts_behind_them(
    tmp_path: Path, big: bool, order: str
) -> None:
    path = write_tiff(tmp_path / "a.tif", PHASE, BIGTIFF="YES" if big else "NO", ENDIANNESS=order)
    places = header_places(path)
    assert places[0] == (0, 16 if big else 8)
    assert max(end for _, end in places) <= path.stat().st_size - PHASE.nbytes
    assert len(places) >= 5, "place, scale and reference system lie outside the directory"


@pytest.mark.parametrize("raw", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II+\0" + bytes(4) + b"\xff" * 8])
def test_no_header(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(raw)
    with pytest.raises(UnreadableError, match="no directory in its header"):
        header_places(tmp_path / "a.tif")


@pytest.mark.real
def test_real_files_are_sound(shared_data: Path) -> None:
    from ssl_insar.readers.raster import Raster

    paths = sorted(shared_data.rglob("*.tif"))
    assert len(paths) > 50
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths:
            assert min(Raster(path).shape) > 0
