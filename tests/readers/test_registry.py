"""Choosing a reader, and what a file can do to it."""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from ssl_insar.errors import UserError
from ssl_insar.readers import Frame, UnreadableError, frames, looks_readable, npy, read, registry
from ssl_insar.readers.pixels import Window

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
        **({"crs": "EPSG:4326", "transform": from_origin(40, 13, 0.001, 0.001)} | profile),
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


def test_one_date_twice_in_a_name_is_no_pair(tmp_path: Path) -> None:
    np.save(tmp_path / "20190105_20190105.npy", PHASE)
    frame = read(tmp_path / "20190105_20190105.npy")
    assert (frame.reference_date, frame.secondary_date) == (None, None)


def test_one_date_twice_in_the_product_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ifg.tif"
    tiff(path, PHASE)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(FIRST_DATE="2019-01-05", SECOND_DATE="2019-01-05")
    with pytest.raises(UnreadableError, match=r"reference and secondary date are the same \(2019-01-05\)"):
        read(path)


def test_of_several_only_those_of_one_date_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "20190105_20190117.npy"
    np.save(path, PHASE)
    (good,) = frames(path)
    bad = replace(good, secondary_date=good.reference_date)
    several = replace(npy.FAMILY, frames=lambda path, options: [good, bad])
    monkeypatch.setattr(registry, "FAMILIES", (several,))
    with pytest.warns(UserWarning, match=r"are the same \(2019-01-05\) in 1 interferograms; left out"):
        assert frames(path) == [good]


def test_rasters_that_begin_in_the_south_are_turned_north_up(tmp_path: Path) -> None:
    north = from_origin(40, 13, 0.001, 0.002)
    south = rasterio.Affine(0.001, 0, 40, 0, 0.002, 13 - 0.002 * SIDE)
    tiff(tmp_path / "20190105_20190117_up.tif", PHASE, transform=north)
    tiff(tmp_path / "20190105_20190117_down.tif", PHASE[::-1], transform=south)
    up, down = (read(tmp_path / f"20190105_20190117_{way}.tif") for way in ("up", "down"))
    assert down.transform == pytest.approx(up.transform)
    np.testing.assert_array_equal(down.phase, PHASE)
    np.testing.assert_array_equal(down.window(3, 5, 7, 9).phase, PHASE[3:10, 5:14])
    tiff(tmp_path / "radar.tif", PHASE, transform=south, crs=None)
    np.testing.assert_array_equal(read(tmp_path / "radar.tif").phase, PHASE)


def test_what_belongs_to_the_phase_is_turned_with_it() -> None:
    los = np.arange(12.0).reshape(3, 4, 1)
    layers = {"coherence": np.abs(PHASE) / 4, "elevation": PHASE * 100}
    frame = Frame.of(
        PHASE,
        PHASE > -2,
        **layers,
        wrapped=True,
        source=Path("made"),
        family="made",
        los=los,
        crs="EPSG:4326",
        transform=(0.001, 0.0001, 40, 0, 0.002, 12),
        annotations=lambda window: {"window": window},
    )
    turned = frame.north_up()
    assert turned.transform == pytest.approx(
        (0.001, -0.0001, 40 + 0.0001 * SIDE, 0, -0.002, 12 + 0.002 * SIDE)
    )
    np.testing.assert_array_equal(turned.los, los[:, ::-1])
    patch = turned.window(0, 0, 2, SIDE)
    np.testing.assert_array_equal(patch.valid, (PHASE > -2)[:-3:-1])
    np.testing.assert_array_equal(patch.coherence, layers["coherence"][:-3:-1])
    np.testing.assert_array_equal(patch.elevation, layers["elevation"][:-3:-1])
    assert turned.annotations is not None
    assert turned.annotations(Window(1, 2, 4, 8)) == {"window": Window(SIDE - 5, 2, 4, 8)}
    assert turned.north_up() is turned


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scene.tif")
    with pytest.raises(UnreadableError, match=r"scene\.tif: is a pipe or a device"):
        read(tmp_path / "scene.tif")
