"""Flat binaries by a layout that the user gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.errors import UserError
from ssl_insar.readers import ReadOptions, UnreadableError, looks_readable, read
from ssl_insar.readers.raw import parse_layout
from ssl_insar.readers.registry import family_of

HEIGHT, WIDTH = 40, 30
PHASE = np.random.default_rng(9).normal(0, 6, (HEIGHT, WIDTH)).astype(np.float32)


def write(path: Path, values: Any, dtype: str) -> Path:
    path.write_bytes(np.ascontiguousarray(values.astype(dtype)).tobytes())
    return path


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("raw:float32:40x30", "<f4"),
        ("raw:float64:40x30", "<f8"),
        ("raw:complex64:40x30", "<c8"),
        ("raw:>f4:40x30", ">f4"),
        (" raw:>c8:40x30 ", ">c8"),
        ("raw:uint8:40x30", "u1"),
        ("diapason:40x30", "u1"),
    ],
)
def test_layouts(text: str, dtype: str) -> None:
    layout, diapason = parse_layout(text)
    assert layout.dtype == np.dtype(dtype)
    assert layout.shape == (40, 30)  # rows, then columns
    assert diapason == ("diapason" in text)


@pytest.mark.parametrize(
    "text",
    ["", "raw", "raw:float32", "raw:float32:40", "raw:float33:40x30", "raw:float32:0x30", "raw:float32:-4x30",
     "float32:40x30", "diapason:40", "raw:float32:40x30x2", "raw:object:4x4", "raw:float32:4e3x30"],
)  # fmt: skip
def test_other_layouts_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"raw:float32:2685x3338") as caught:
        parse_layout(text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "dtype"),
    [("float32", "<f4"), (">f4", ">f4"), ("<f4", "<f4"), ("float64", "<f8"), (">f8", ">f8")],
)
def test_made_float_is_radians(tmp_path: Path, given: str, dtype: str) -> None:
    path = write(tmp_path / "20190105_20190117.unw", PHASE, dtype)
    frame = read(path, ReadOptions(layout=f"raw:{given}:{HEIGHT}x{WIDTH}"))
    np.testing.assert_array_equal(frame.phase, PHASE)
    assert not frame.wrapped
    assert frame.family == "raw"
    assert str(frame.reference_date) == "2019-01-05"


def test_made_float_within_pi_is_wrapped(tmp_path: Path) -> None:
    wrapped = np.angle(np.exp(1j * PHASE))
    frame = read(write(tmp_path / "a.bin", wrapped, "<f4"), ReadOptions(layout="raw:float32:40x30"))
    assert frame.wrapped


@pytest.mark.parametrize(("given", "dtype"), [("complex64", "<c8"), (">c8", ">c8")])
def test_made_complex_gives_its_argument(tmp_path: Path, given: str, dtype: str) -> None:
    path = write(tmp_path / "a.int", 5 * np.exp(1j * PHASE), dtype)
    frame = read(path, ReadOptions(layout=f"raw:{given}:40x30"))
    assert frame.wrapped
    np.testing.assert_allclose(np.exp(1j * frame.phase), np.exp(1j * PHASE), atol=1e-5)


def test_made_bytes_are_grey_levels(tmp_path: Path) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH))
    frame = read(write(tmp_path / "a.raw", grey, "u1"), ReadOptions(layout="raw:uint8:40x30"))
    np.testing.assert_allclose(frame.phase, grey / 255 * 2 * np.pi - np.pi, atol=1e-5)


def test_made_diapason(tmp_path: Path) -> None:
    levels = np.random.default_rng(1).integers(1, 256, (HEIGHT, WIDTH))
    levels[0, :4] = 0, 64, 128, 192
    path = write(tmp_path / "psp_11176_21540.pha", levels, "u1")
    frame = read(path, ReadOptions(layout="diapason:40x30"))
    assert frame.wrapped
    np.testing.assert_array_equal(frame.valid, levels != 0)
    np.testing.assert_allclose(frame.phase[0, :4], [0, np.pi / 2, -np.pi, -np.pi / 2], atol=1e-6)
    np.testing.assert_allclose(np.exp(1j * frame.phase), np.exp(2j * np.pi * levels / 256), atol=1e-5)
    part = frame.window(3, 4, 5, 6)
    np.testing.assert_array_equal(part.phase, frame.phase[3:8, 4:10])


@pytest.mark.parametrize("layout", ["raw:float32:41x30", "raw:float64:40x30", "diapason:40x30"])
def test_made_size_that_does_not_fit_is_refused_with_both_numbers(tmp_path: Path, layout: str) -> None:
    path = write(tmp_path / "a.unw", PHASE, "<f4")
    with pytest.raises(
        UnreadableError, match=rf"a\.unw: holds 4800 bytes, but {layout} says .* which take \d+"
    ):
        read(path, ReadOptions(layout=layout))


@pytest.mark.parametrize(("given", "dtype"), [("float32", ">f4"), (">f4", "<f4"), ("complex64", ">c8")])
def test_made_wrong_byte_order_is_refused(tmp_path: Path, given: str, dtype: str) -> None:
    values = PHASE if "f4" in dtype else np.exp(1j * PHASE)
    path = write(tmp_path / "a.unw", values, dtype)
    with pytest.raises(
        UnreadableError, match=rf"a\.unw: its values make sense as .* but the layout raw:{given}"
    ):
        read(path, ReadOptions(layout=f"raw:{given}:40x30"))


def test_made_coherence_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", np.abs(np.sin(PHASE)), "<f4")
    with pytest.raises(UnreadableError, match="which is coherence and not phase"):
        read(path, ReadOptions(layout="raw:float32:40x30"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("geo.unw", r"needs its header geo\.unw\.xml \(ISCE2\) or geo\.unw\.rsc \(ROI_PAC\)"),
        ("a.int", r"--as raw:float32:ROWSxCOLUMNS"),
        ("a.pha", r"--as diapason:ROWSxCOLUMNS"),
    ],
)
def test_made_file_without_header_or_layout_says_what_is_missing(
    tmp_path: Path, name: str, hint: str
) -> None:
    with pytest.raises(UnreadableError, match=hint):
        read(write(tmp_path / name, PHASE, "<f4"))


@pytest.mark.parametrize("layout", ["raw:float33:40x30", "nonsense", ""])
def test_a_layout_that_is_none_is_told_before_any_file_is_read(layout: str) -> None:
    with pytest.raises(UserError, match="give one such as raw:float32:2685x3338"):
        ReadOptions(layout=layout)


@pytest.mark.parametrize(
    ("beside", "text"),
    [
        ("other.dem_par", "width: 7\nnlines: 9\n"),
        ("20190105_20190117.unw.rsc", "WIDTH 7\nFILE_LENGTH 9\n"),
        ("20190105_20190117.unw.rsc", f"WIDTH {WIDTH}\nFILE_LENGTH {HEIGHT // 2}\n"),
    ],
    ids=["a stray par", "a header that does not fit", "a header that fits"],
)
def test_made_layout_counts_before_headers(tmp_path: Path, beside: str, text: str) -> None:
    path = write(tmp_path / "20190105_20190117.unw", PHASE, "<f4")
    (tmp_path / beside).write_text(text)
    assert read_family(path) != "raw"
    frame = read(path, ReadOptions(layout=f"raw:float32:{HEIGHT}x{WIDTH}"))
    assert frame.family == "raw"
    np.testing.assert_array_equal(frame.phase, PHASE)


def read_family(path: Path) -> str:
    return family_of(path).name


def test_made_file_with_a_signature_is_read_by_it(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PHASE)
    (tmp_path / "a.npy").rename(tmp_path / "a.unw")
    assert read(tmp_path / "a.unw", ReadOptions(layout="raw:float32:40x30")).family == "npy"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("20190105_20190117.unw.cc", "coherence"),
        ("20190105_20190117.unw.cor.geo", "coherence"),
        ("filt_fine.unw.conncomp", "connected components"),
    ],
)
def test_made_other_layers_are_refused_by_name_in_spite_of_a_layout(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = write(tmp_path / name, PHASE, "<f4")
    options = ReadOptions(layout="raw:float32:40x30")
    for given in (options, None):
        with pytest.raises(UnreadableError, match=f"is {kind} by its name, not phase"):
            read(path, given)
    assert not looks_readable(path, options)


@pytest.mark.parametrize("name", ["pair_unw_coh.bin", "pair.unw.coherence.dat"])
def test_made_unw_in_the_name_of_a_coherence_layer_is_no_excuse(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, np.abs(np.sin(PHASE)), "<f4")
    with pytest.raises(UnreadableError, match="which is coherence and not phase"):
        read(path, ReadOptions(layout="raw:float32:40x30"))


def test_walks(tmp_path: Path) -> None:
    names = ["a.unw", "a.int", "a.pha", "a.bin", "a.cor", "a.diff"]
    found = [looks_readable(write(tmp_path / name, PHASE, "<f4")) for name in names]
    assert found == [True, True, False, False, False, False]
