"""Flat binary layouts: where values lie, in which byte order, and what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.readers import UnreadableError
from ssl_insar.readers.binary import Layout, band, byte_order, companion, count, header_text, settled
from ssl_insar.readers.pixels import Window

BANDS = np.random.default_rng(3).normal(0, 4, (2, 5, 7)).astype("<f4")
ORDERS = {"BSQ": (0, 1, 2), "BIL": (1, 0, 2), "BIP": (1, 2, 0)}


def write(path: Path, values: Any) -> Path:
    path.write_bytes(np.ascontiguousarray(values).tobytes())
    return path


@pytest.mark.parametrize("scheme", list(ORDERS))
def test_every_interleaving_gives_the_same_bands(tmp_path: Path, scheme: str) -> None:
    path = write(tmp_path / "a", BANDS.transpose(ORDERS[scheme]))
    layout = Layout(np.dtype("<f4"), 5, 7, 2, scheme)
    for index in range(2):
        layer = band(path, layout, index)
        assert layer.shape == (5, 7)
        np.testing.assert_array_equal(layer.values(Window(1, 2, 3, 4)), BANDS[index, 1:4, 2:6])


def test_big_endian_values_come_out_native_and_writable(tmp_path: Path) -> None:
    path = write(tmp_path / "a", BANDS[0].astype(">f4"))
    values = band(path, Layout(np.dtype(">f4"), 5, 7)).values(Window(0, 0, 5, 7))
    assert values.dtype == np.dtype("=f4")
    np.testing.assert_array_equal(values, BANDS[0])
    values[0, 0] = 1  # the caller's to change, the file stays
    assert np.fromfile(path, ">f4")[0] == BANDS[0, 0, 0]


def test_levels_become_shares(tmp_path: Path) -> None:
    path = write(tmp_path / "a", np.array([[0, 51, 255]], "u1"))
    layer = companion(path, Layout(np.dtype("u1"), 1, 3), levels=255)
    assert layer is not None
    np.testing.assert_allclose(layer.values(Window(0, 0, 1, 3)), [[0, 0.2, 1]])


@pytest.mark.parametrize("change", [-1, 1, 4 * 7, -4 * 7])
def test_another_size_is_refused_with_both_numbers(tmp_path: Path, change: int) -> None:
    raw = BANDS[0].tobytes() + b"\0" * 64
    path = tmp_path / "a.unw"
    path.write_bytes(raw[: 140 + change])
    with pytest.raises(UnreadableError, match=rf"a\.unw: holds {140 + change} bytes, .* which take 140;"):
        band(path, Layout(np.dtype("<f4"), 5, 7))


@pytest.mark.parametrize("shape", [(0, 7), (5, 0), (10**6, 10**6)])
def test_an_impossible_size_is_refused_before_memory_is_asked_for(tmp_path: Path, shape: Any) -> None:
    with pytest.raises(UnreadableError, match="holds 140 bytes"):
        band(write(tmp_path / "a", BANDS[0]), Layout(np.dtype("<f4"), *shape))


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_values_tell_their_byte_order(tmp_path: Path, order: str, dtype: str) -> None:
    phase = np.random.default_rng(1).normal(0, 5, (40, 50))
    values = phase if dtype[0] == "f" else 1e4 * np.exp(1j * phase)
    path = write(tmp_path / "a", values.astype(order + dtype))
    assert byte_order(path, np.dtype("<" + dtype)) == order
    # Both statements of the layout end in the order of the file.
    for said in "<>":
        layout = settled(path, Layout(np.dtype(said + dtype), 40, 50))
        assert layout.dtype == np.dtype(order + dtype)


@pytest.mark.parametrize("fill", [0.0, np.nan, -9999.0, 3.4028235e38])
def test_fills_do_not_vote_on_the_byte_order(tmp_path: Path, fill: float) -> None:
    # A few pixels of data in the last rows of a large file: a sample of places meets hardly any.
    values = np.full((1500, 1000), fill, ">f4")
    values[1200, 100:130] = np.random.default_rng(1).normal(0, 3, 30)
    assert byte_order(write(tmp_path / "a", values), np.dtype("<f4")) == ">"


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_no_data_at_all_keeps_the_order_of_the_layout(tmp_path: Path, value: float) -> None:
    path = write(tmp_path / "a", np.full((9, 9), value, "<f4"))
    assert byte_order(path, np.dtype("<f4")) is None
    assert settled(path, Layout(np.dtype(">f4"), 9, 9)).dtype == np.dtype(">f4")


def test_a_stated_order_that_the_values_contradict_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.unw", np.random.default_rng(1).normal(0, 5, (40, 50)).astype(">f4"))
    with pytest.raises(UnreadableError, match=r"big-endian numbers only, but a\.unw\.xml says little-endian"):
        settled(path, Layout(np.dtype("<f4"), 40, 50), stated="a.unw.xml")


def test_values_without_sense_in_either_order_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.unw"
    path.write_bytes(np.random.default_rng(1).bytes(40000))
    with pytest.raises(UnreadableError, match=r"a\.unw: its values make no sense in either byte order"):
        settled(path, Layout(np.dtype("<f4"), 100, 100))


def test_a_companion_of_another_size_is_left_out_with_a_warning(tmp_path: Path) -> None:
    # A mask one column wider than its raster.
    path = write(tmp_path / "a.cc", np.full((5, 8), 0.5, "<f4"))
    with pytest.warns(UserWarning, match=r"a\.cc: holds 160 bytes, .* left out"):
        assert companion(path, Layout(np.dtype("<f4"), 5, 7)) is None
    assert companion(tmp_path / "absent.cc", Layout(np.dtype("<f4"), 5, 7)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("300", 300),
        ("300.0", 300),
        ("47 px", 47),
        ("", 0),
        (None, 0),
        ("-3", 0),
        ("2.5", 0),
        ("1e300", 0),
        ("nan", 0),
    ],
)
def test_counts_of_headers(text: str | None, expected: int) -> None:
    assert count(text) == expected


def test_a_data_file_under_the_name_of_a_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.rsc").write_bytes(b"\0" * (2**20 + 1))
    with pytest.raises(UnreadableError, match=r"a\.rsc: longer than any header"):
        header_text(tmp_path / "a.rsc")
