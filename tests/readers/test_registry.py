"""Choosing a reader, and what a file can do to it."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from ssl_insar.errors import UserError
from ssl_insar.readers import Frame, UnreadableError, looks_readable, read

SIDE = 48
PHASE = np.random.default_rng(11).uniform(-3, 3, (SIDE, SIDE)).astype(np.float32)
GREY = ((PHASE + 3) * 42).astype(np.uint8)


def tiff(path: Path, values: np.ndarray, **profile: object) -> bytes:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=SIDE,
        width=SIDE,
        dtype=values.dtype,
        crs="EPSG:4326",
        transform=from_origin(40, 13, 0.001, 0.001),
        **profile,
    ) as dataset:
        dataset.write(values, 1)
    return path.read_bytes()


def every_family(folder: Path) -> dict[str, bytes]:
    """File name -> whole file, for each way of storing one scene."""
    complex_phase = np.exp(1j * PHASE).astype(np.complex64)
    files = {
        "plain.tif": tiff(folder / "s.tif", PHASE),
        "deflate.tif": tiff(folder / "s.tif", PHASE, compress="deflate", predictor=3),
        "tiled.tif": tiff(folder / "s.tif", complex_phase, tiled=True, blockxsize=16, blockysize=16),
        "grey.tif": tiff(folder / "s.tif", GREY, compress="lzw"),
        "big.tif": tiff(folder / "s.tif", PHASE, BIGTIFF="YES"),
    }
    (folder / "s.tif").unlink()
    for name, mode in (("grey.png", "L"), ("palette.png", "P"), ("alpha.png", "LA")):
        buffer = io.BytesIO()
        Image.fromarray(GREY).convert(mode).save(buffer, "PNG")
        files[name] = buffer.getvalue()
    for name, values in (("float.npy", PHASE), ("complex.npy", complex_phase), ("grey.npy", GREY)):
        buffer = io.BytesIO()
        np.save(buffer, values)
        files[name] = buffer.getvalue()
    return files


def damage(raw: bytes, rng: np.random.Generator) -> bytes:
    """Cut the file short, or flip a few bits, anywhere or in its header."""
    kind = rng.integers(3)
    if kind == 0:
        return raw[: rng.integers(1, len(raw))]
    flipped = bytearray(raw)
    reach = len(raw) if kind == 1 else min(512, len(raw))
    for _ in range(rng.integers(1, 6)):
        flipped[rng.integers(reach)] ^= 1 << rng.integers(8)
    return bytes(flipped)


def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    outcome: Counter[str] = Counter()
    files = every_family(tmp_path)
    for name, raw in files.items():
        path = tmp_path / name
        path.write_bytes(raw)
        assert read(path).shape == (SIDE, SIDE)
        for _ in range(40):
            path.write_bytes(damage(raw, rng))
            with warnings.catch_warnings():
                # Libraries warn about what they repair; only what is raised counts here.
                warnings.simplefilter("ignore")
                try:
                    frame = read(path)
                except UnreadableError as error:
                    outcome["refused"] += 1
                    message = str(error)
                else:
                    message = str(path)
                    assert np.isfinite(frame.phase).all()
                    assert (frame.phase[~frame.valid] == 0).all()
                    outcome["read"] += 1
            assert message.startswith(str(path))
            assert "\n" not in message
    assert outcome["refused"] + outcome["read"] == 40 * len(files)
    assert outcome["refused"] > 100


def test_contents_decide_not_the_suffix(tmp_path: Path) -> None:
    files = every_family(tmp_path)
    path = tmp_path / "scene.dat"
    path.write_bytes(files["grey.png"])
    assert read(path).family == "grey PNG"
    path.write_bytes(files["plain.tif"])
    assert read(path).family == "GeoTIFF"
    path = tmp_path / "scene.png"
    path.write_bytes(files["float.npy"])
    assert read(path).family == "npy"
    assert read(str(path)).source == path


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.png", True), ("a.TIF", True), ("a.tiff", True), ("a.npy", True), ("a.csv", False), ("png", False)],
)
def test_looks_readable(name: str, expected: bool) -> None:
    assert looks_readable(Path(name)) is expected


def test_refusals_are_user_errors_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.tif").write_text("not an image at all, though named like one")
    (tmp_path / "folder.png").mkdir()
    for name, reason in (
        ("absent.png", "no such file"),
        ("empty.png", "is empty"),
        ("text.tif", "none of the known kinds"),
        ("folder.png", "is a folder"),
        ("text.tif/below.png", "cannot be opened"),
    ):
        with pytest.raises(UnreadableError, match=reason) as caught:
            read(tmp_path / name)
        assert isinstance(caught.value, UserError)
        assert "\n" not in str(caught.value)


def test_later_date_first_is_reversed(tmp_path: Path) -> None:
    """Positive phase is motion away between the earlier and the later date, whatever the name's order."""

    def saved(name: str) -> Frame:
        np.save(tmp_path / name, PHASE)
        return read(tmp_path / name)

    forward, backward = saved("20190105_20190117.npy"), saved("20190117_20190105.npy")
    for frame in (forward, backward):
        assert (frame.reference_date, frame.secondary_date) == (date(2019, 1, 5), date(2019, 1, 17))
    np.testing.assert_allclose(forward.phase, PHASE)
    np.testing.assert_allclose(backward.phase, -PHASE, atol=1e-6)
