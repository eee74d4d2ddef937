"""8-bit grey phase images: PNG and TIFF exports of wrapped phase.

Grey level g stands for ``phi = 2 pi g / 255 - pi`` (black and white are the same phase).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.names import facts_of

_NO_DATA_LEVELS = (128, 0)
"""Mid grey is what phase 0, the usual fill, turns into; black is page padding."""


def read_png(path: Path) -> Frame:
    """Read a grey PNG (or a colour PNG whose three channels are equal) as wrapped phase."""
    from PIL import Image

    with Image.open(path) as opened:
        opened.load()
        image: Image.Image = opened
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        pixels = np.asarray(image)
        mode = image.mode
    if pixels.dtype != np.uint8:
        raise UnreadableError(f"{path}: 8-bit grey expected, found mode {mode}")
    return frame_from_grey(path, pixels, "grey PNG")


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
        if pixels.shape[2] in (2, 4):
            opaque = pixels[..., -1] > 0
            pixels = pixels[..., :-1]
        if pixels.shape[2] == 3 and not (pixels == pixels[..., :1]).all():
            raise UnreadableError(
                f"{path}: a colour image; its phase cannot be told from grey levels. "
                "Give the grey phase image or the float product (diff_pha.tif)"
            )
        pixels = pixels[..., 0]
    valid = opaque & ~flat_no_data(pixels)
    phase = pixels.astype(np.float32) * np.float32(2 * np.pi / 255) - np.float32(np.pi)
    return Frame.of(
        np.where(valid, phase, np.float32(0)),
        valid,
        wrapped=True,
        source=path,
        family=family,
        **facts_of(path)._asdict(),
    )


def flat_no_data(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of a fill level that lie in a constant patch of at least 3 x 3.

    Mid grey is also an honest phase of 0, so the level alone decides nothing; nine equal
    neighbours do, because real phase carries noise of more than one level.

    Shape:
        (H, W) -> (H, W)
    """
    from scipy.ndimage import binary_opening

    flat = np.zeros(grey.shape, bool)
    for level in _NO_DATA_LEVELS:
        flat |= binary_opening(grey == level, structure=np.ones((3, 3), bool))
    return flat


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    return [read_png(path)]


FAMILY = Family(
    name="grey PNG",
    claims=lambda path, head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    frames=_frames,
    walks=lambda path: path.suffix.lower() == ".png",
)
