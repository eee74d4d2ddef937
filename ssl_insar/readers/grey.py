"""PNG pictures of wrapped phase: 8-bit grey phase, and quick-looks in colour.

Grey level g stands for ``phi = 2 pi g / 255 - pi`` (black and white are the same phase).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.quicklook import frame_from_colours
from ssl_insar.readers.solid import solid
from ssl_insar.readers.values import named_unwrapped

_NO_DATA_LEVELS = (128, 0)
"""Mid grey is what phase 0, the usual fill, turns into; black is page padding."""

_FILL_SIDE = 3
"""Pixels; nine equal neighbours are no phase, because real phase carries noise of more than one level."""

_LAYER = re.compile(r"\.geo\.(cc|filt\.cc|mag_cc|mli|E|N|U|hgt|landmask)(\.full)?\.png$", re.IGNORECASE)

_DEFLATE = 1032
"""Bytes that one byte of a PNG can at most stand for (the bound of the deflate format)."""


def read_png(path: Path) -> Frame:
    """Read a picture of wrapped phase.

    Equal channels are grey phase; others are a quick-look in one of the colourings that
    `ssl_insar.readers.quicklook` inverts.

    Raises:
        UnreadableError: not 8 bits a channel, colours of no known colouring, or by its name another
            layer of a product than wrapped phase.
    """
    reason = _not_phase(path.name)
    if reason:
        raise UnreadableError(f"{path}: {reason}")
    pixels = _decoded(path)
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        colours, opaque = _without_alpha(pixels)
        if not _is_grey(colours[opaque]):
            return frame_from_colours(path, colours, opaque)
    return frame_from_grey(path, pixels, "grey PNG")


def _decoded(path: Path) -> NDArray[np.uint8]:
    """The picture's pixels, (H, W) or (H, W, channels); Pillow's own copy of them is gone on return."""
    from PIL import Image

    with Image.open(path) as opened:
        width, height = opened.size
        # One bit a pixel is the least; a damaged header must not make Pillow ask for its memory.
        if width * height / 8 > _DEFLATE * path.stat().st_size:
            raise UnreadableError(
                f"{path}: damaged PNG: its header claims {width} x {height} px, which a file of "
                f"{path.stat().st_size} bytes cannot hold; fetch it again"
            )
        try:
            opened.load()
        except MemoryError as error:  # a chunk that claims gigabytes, for the image itself was looked at
            raise damaged(path, "PNG", error) from error
        image: Image.Image = opened
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        pixels = np.asarray(image)
        mode = image.mode
    if pixels.dtype != np.uint8:
        raise UnreadableError(f"{path}: 8-bit grey expected, found mode {mode}")
    return pixels


def frame_from_grey(path: Path, pixels: NDArray[np.uint8], family: str) -> Frame:
    """Grey levels to a wrapped frame.

    Args:
        path: where the pixels came from; its name gives dates and frame.
        pixels: (H, W), or (H, W, 2..4) with equal colour channels; a last even channel is alpha.
        family: what to call the reader.

    Raises:
        UnreadableError: colour channels differ: turning colour to grey would fold the phase.
    """
    opaque = np.ones(pixels.shape[:2], bool)
    if pixels.ndim == 3:
        pixels, opaque = _without_alpha(pixels)
        if not _is_grey(pixels[opaque]):
            raise UnreadableError(
                f"{path}: a colour image; its phase cannot be told from grey levels. "
                "Give the grey phase image or the float product (diff_pha.tif)"
            )
        pixels = pixels[..., 0]
    valid = opaque & ~flat_no_data(pixels)
    phase = pixels.astype(np.float32)
    phase *= np.float32(2 * np.pi / 255)
    phase -= np.float32(np.pi)
    if not valid.all():
        phase[~valid] = 0
    return Frame.of(
        phase,
        valid,
        wrapped=True,
        source=path,
        family=family,
        **facts_of(path)._asdict(),
    )


def flat_no_data(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of a fill level that lie in a constant patch of at least 3 x 3.

    Mid grey is also an honest phase of 0, so the level alone decides nothing; a flat patch does.

    Shape:
        (H, W) -> (H, W)
    """
    levels = [grey == level for level in _NO_DATA_LEVELS]
    flat = solid(np.logical_or(*levels), _FILL_SIDE)
    if flat.any():  # of either level, or of both mixed
        flat = np.logical_or(*(solid(level, _FILL_SIDE) for level in levels))
    return flat


def _without_alpha(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colour channels and opacity of (H, W, 1..4); a last even channel is alpha."""
    if pixels.shape[2] % 2:
        return pixels, np.ones(pixels.shape[:2], bool)
    return pixels[..., :-1], pixels[..., -1] > 0


def _is_grey(colours: NDArray[np.uint8]) -> bool:
    return bool((colours == colours[..., :1]).all())


def _not_phase(name: str) -> str | None:
    """Why a picture is not wrapped phase, by its name; or None."""
    layer = _LAYER.search(name)
    if layer:
        return f"LiCSAR layer '{layer[1]}' is not phase; give diff_pha.tif or diff.png"
    if named_unwrapped(name):
        return "a picture of unwrapped phase, whose range it does not tell; give the float product (unw.tif)"
    return None


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    return [read_png(path)]


FAMILY = Family(
    name="PNG",
    claims=lambda path, head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    frames=_frames,
    walks=lambda path: path.suffix.lower() == ".png" and not _not_phase(path.name),
)
