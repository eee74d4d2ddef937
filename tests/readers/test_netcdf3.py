"""netCDF classic files as scipy writes them, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import netcdf_file

from ssl_insar.readers import UnreadableError
from ssl_insar.readers.netcdf3 import Netcdf3

VALUES = np.random.default_rng(2).normal(size=(7, 5)).astype(np.float32)


def made(path: Path, version: int = 1) -> Path:
    with netcdf_file(path, "w", version=version) as file:
        file.title = b"a grid"
        file.node_offset = np.int32(1)
        file.createDimension("time", None)
        file.createDimension("x", 5)
        file.createDimension("y", 7)
        for name, kind, dims in (("x", "d", ("x",)), ("odd", "b", ("x",)), ("z", "f", ("y", "x"))):
            file.createVariable(name, kind, dims)
        file.createVariable("growing", "f", ("time", "x"))[:2] = np.ones((2, 5))
        file.variables["x"][:] = np.arange(5) / 4
        file.variables["odd"][:] = np.arange(5)
        file.variables["z"][:] = VALUES
        file.variables["z"].actual_range = np.array([-1.0, 2.0])
        file.variables["z"].units = b"rad"
    return path


@pytest.mark.parametrize("version", [1, 2])
def test_made_values_and_attributes(tmp_path: Path, version: int) -> None:
    file = Netcdf3.open(made(tmp_path / "a.grd", version))
    assert file.attributes == {"title": "a grid", "node_offset": 1}
    z = file.variables["z"]
    assert (z.dims, z.shape, z.dtype) == (("y", "x"), (7, 5), np.dtype(">f4"))
    assert z.attributes["units"] == "rad"
    np.testing.assert_array_equal(z.attributes["actual_range"], [-1, 2])
    np.testing.assert_array_equal(file.array("z"), VALUES)
    np.testing.assert_array_equal(file.array("x"), np.arange(5) / 4)
    np.testing.assert_array_equal(file.array("odd"), np.arange(5))


def test_values_that_grow_with_the_file_are_refused(tmp_path: Path) -> None:
    file = Netcdf3.open(made(tmp_path / "a.grd"))
    with pytest.raises(UnreadableError, match="no variable 'growing' of fixed size"):
        file.array("growing")
    with pytest.raises(UnreadableError, match="no variable 'w'"):
        file.array("w")


def test_a_file_that_was_cut_short(tmp_path: Path) -> None:
    path = made(tmp_path / "a.grd")
    raw = path.read_bytes()
    at = raw.index(VALUES.astype(">f4").tobytes())
    path.write_bytes(raw[: at + VALUES.nbytes - 1])
    with pytest.raises(UnreadableError, match="cut short"):
        Netcdf3.open(path)


def test_lengths_that_the_file_cannot_hold_ask_for_no_memory(tmp_path: Path) -> None:
    path = made(tmp_path / "a.grd")
    raw = path.read_bytes()
    at = raw.find(b"\0\0\0\x01y\0\0\0\0\0\0\x07")
    path.write_bytes(raw[: at + 8] + (2**31 - 1).to_bytes(4, "big") + raw[at + 12 :])
    with pytest.raises(UnreadableError, match="damaged netCDF file"):
        Netcdf3.open(path).array("z")


def test_any_flipped_bit_of_the_header_is_survived(tmp_path: Path) -> None:
    raw = made(tmp_path / "a.grd").read_bytes()
    begin = raw.index((np.arange(5) / 4).astype(">f8").tobytes())
    messages = []
    for bit in range(32, 8 * begin):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "b.grd").write_bytes(damaged)
        try:
            Netcdf3.open(tmp_path / "b.grd").array("z")
        except UnreadableError as error:
            messages.append(str(error))
    assert len(messages) > begin
    assert all(message.startswith(f"{tmp_path / 'b.grd'}: ") for message in messages)


@pytest.mark.parametrize("length", [4, 9, 40, 100])
def test_a_header_that_was_cut_short(tmp_path: Path, length: int) -> None:
    path = made(tmp_path / "a.grd")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(UnreadableError, match="header makes no sense"):
        Netcdf3.open(path)


@pytest.mark.parametrize("step", [-8, 8])
def test_values_in_the_place_of_the_header_or_of_others(tmp_path: Path, step: int) -> None:
    """One flipped bit moves a variable by some values."""
    path = made(tmp_path / "a.nc")
    raw = path.read_bytes()
    place = raw.find(VALUES.astype(">f4").tobytes()).to_bytes(4, "big")
    assert raw.count(place) == 1
    path.write_bytes(raw.replace(place, (int.from_bytes(place, "big") + step).to_bytes(4, "big")))
    with pytest.raises(UnreadableError, match=r"a\.nc: damaged netCDF file"):
        Netcdf3.open(path)
