"""8-bit grey phase in PNG, as image libraries write it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ssl_insar.readers import UnreadableError, read
from ssl_insar.readers.grey import FAMILY, flat_no_data, frame_from_grey

NAME = "africa_adwa_014A_07885_131313_adwa_20151013_20151106_158_82_1.png"


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    return np.random.default_rng(8).integers(0, 256, (24, 31), dtype=np.uint8)


def phase_of_grey(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    return grey / 255 * 2 * np.pi - np.pi


def save(path: Path, pixels: NDArray[np.uint8], mode: str | None = None) -> Path:
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "LA", "RGBA"])
def test_one_grey_image_in_every_png_mode(tmp_path: Path, grey: NDArray[np.uint8], mode: str) -> None:
    frame = read(save(tmp_path / NAME, grey, mode))
    assert frame.shape == (24, 31)
    assert frame.wrapped
    assert frame.valid.all()
    np.testing.assert_allclose(frame.phase, phase_of_grey(grey), atol=1e-5)
    assert (frame.volcano, frame.frame, frame.track) == ("adwa", "014A_07885_131313", "014A")
    assert (str(frame.reference_date), str(frame.secondary_date)) == ("2015-10-13", "2015-11-06")
    assert frame.family == "grey PNG"


def test_a_palette_in_another_order_is_followed(tmp_path: Path, grey: NDArray[np.uint8]) -> None:
    """The stored indices are not the grey levels: index i stands for level 255 - i."""
    image = Image.fromarray(grey)
    image.putpalette([255 - index for index in range(256) for _ in "RGB"])
    image.save(tmp_path / "palette.png")
    assert Image.open(tmp_path / "palette.png").mode == "P"
    np.testing.assert_allclose(read(tmp_path / "palette.png").phase, phase_of_grey(255 - grey), atol=1e-5)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_is_no_data(tmp_path: Path, grey: NDArray[np.uint8], mode: str) -> None:
    pixels = np.array(Image.fromarray(grey).convert(mode))
    pixels[:5, :, -1] = 0
    frame = read(save(tmp_path / NAME, pixels))
    np.testing.assert_array_equal(frame.valid, np.broadcast_to(np.arange(24)[:, None] >= 5, (24, 31)))
    assert (frame.phase[:5] == 0).all()


def test_colour_is_refused(tmp_path: Path, grey: NDArray[np.uint8]) -> None:
    pixels = np.stack([grey, grey, grey], axis=-1)
    pixels[3, 4, 1] ^= 1  # one pixel that is not grey is enough
    with pytest.raises(UnreadableError, match="colour"):
        read(save(tmp_path / NAME, pixels))


def test_colour_of_a_pixel_that_is_transparent_does_not_count(
    tmp_path: Path, grey: NDArray[np.uint8]
) -> None:
    pixels = np.array(Image.fromarray(grey).convert("RGBA"))
    pixels[3, 4] = (200, 10, 10, 0)
    frame = read(save(tmp_path / NAME, pixels))
    assert frame.family == "grey PNG"
    assert not frame.valid[3, 4]
    assert frame.valid.sum() == grey.size - 1


def test_colour_outside_a_png_is_refused(grey: NDArray[np.uint8]) -> None:
    pixels = np.stack([grey, grey, 255 - grey], axis=-1)
    with pytest.raises(UnreadableError, match="cannot be told from grey levels"):
        frame_from_grey(Path("made.tif"), pixels, "grey TIFF")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("20180303_20180327.geo.cc.png", "LiCSAR layer 'cc' is not phase"),
        ("20180303_20180327.geo.mli.full.png", "LiCSAR layer 'mli' is not phase"),
        ("20180303_20180327.geo.unw.png", "unwrapped"),
        ("S1AA_20180303T0_20180327T0_VVP012_INT80_G_ueF_F8BF_unw_phase.png", "unwrapped"),
    ],
)
def test_pictures_of_other_layers_are_refused_and_not_walked(
    tmp_path: Path, grey: NDArray[np.uint8], name: str, reason: str
) -> None:
    path = save(tmp_path / name, grey)
    with pytest.raises(UnreadableError, match=reason):
        read(path)
    assert not FAMILY.walks(path)
    assert FAMILY.walks(tmp_path / "20180303_20180327.geo.diff.png")


def test_a_header_that_claims_more_than_the_file_can_hold_is_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = tmp_path / NAME
    header = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    )
    with pytest.raises(UnreadableError, match="claims 9000 x 9000 px, which a file of 58 bytes cannot hold"):
        read(path)


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 40000, np.uint16)).save(tmp_path / NAME)
    with pytest.raises(UnreadableError, match="8-bit grey expected"):
        read(tmp_path / NAME)


def test_one_bit_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.eye(8, dtype=bool)).save(tmp_path / NAME)
    with pytest.raises(UnreadableError, match="8-bit grey expected"):
        read(tmp_path / NAME)


@pytest.mark.parametrize("level", [128, 0])
def test_a_flat_patch_of_a_fill_level_is_no_data(tmp_path: Path, grey: NDArray[np.uint8], level: int) -> None:
    grey[grey == level] += 1
    grey[10:20, 5:15] = level
    grey[2, 3] = level  # an honest phase of this level
    frame = read(save(tmp_path / NAME, grey))
    expected = np.ones((24, 31), bool)
    expected[10:20, 5:15] = False
    np.testing.assert_array_equal(frame.valid, expected)
    assert (frame.phase[~expected] == 0).all()


def test_flat_patches_smaller_than_three_by_three_are_phase() -> None:
    grey = np.full((12, 12), 100, np.uint8)
    grey[2:4, 2:12] = 128
    assert not flat_no_data(grey).any()
    grey[4, 2:12] = 128
    assert flat_no_data(grey).sum() == 30


def test_black_and_white_are_the_same_phase(tmp_path: Path) -> None:
    frame = read(save(tmp_path / NAME, np.array([[0, 255], [255, 0]], np.uint8)))
    np.testing.assert_allclose(frame.phasor, -1, atol=1e-6)


def test_a_chunk_that_claims_more_memory_than_there_is(
    tmp_path: Path, grey: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(image: Image.Image) -> None:
        raise MemoryError

    path = save(tmp_path / NAME, grey)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    with pytest.raises(UnreadableError, match=r"damaged PNG file \(MemoryError\)"):
        read(path)
