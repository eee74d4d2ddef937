"""A whole interferogram small enough to look at, as a picture or in the terminal."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.archive.spacing import multilooked
from ssl_insar.maps.phase_image import phase_rgb
from ssl_insar.readers import Frame

_BAND = 64
"""Rows of the preview made at a time, which bounds the memory for a large frame."""


def preview(frame: Frame, longest: int) -> NDArray[np.complex64]:
    """The frame's phasor, multilooked until no side is longer than ``longest`` px."""
    looks = math.ceil(max(frame.shape) / longest)
    small = multilooked(frame, (looks, looks)) if looks > 1 else frame
    height, width = small.shape
    bands = [
        small.window(row, 0, min(_BAND, height - row), width) for row in range(0, height, _BAND)
    ]  # whole rows: files are laid out so
    return np.concatenate([ph.phasor(patch.phase, patch.valid) for patch in bands])


def in_terminal(z: NDArray[np.complex64], columns: int = 64) -> str:
    """A phasor field in coloured half blocks, for terminals with 24-bit colour.

    Args:
        z: (H, W) phasor, W at most ``columns`` or it is multilooked to that.
        columns: width in characters; a character shows two pixels, one above the other.
    """
    looks = math.ceil(z.shape[1] / columns)
    if looks > 1:
        z = ph.multilook(z, looks)[0].astype(np.complex64)
    rgb = phase_rgb(z[: len(z) // 2 * 2])
    lines = []
    for upper, lower in zip(rgb[::2], rgb[1::2], strict=True):
        cells = [
            "\x1b[38;2;{};{};{};48;2;{};{};{}m\N{UPPER HALF BLOCK}".format(*above, *below)
            for above, below in zip(upper, lower, strict=True)
        ]
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)
