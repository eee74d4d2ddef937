"""Whether a flat binary image is as wide as its header says, told by its values.

A header of another image may give just the size that the file has, with rows and columns swapped for
one. Read so, every row begins where the one before it has not ended yet, and the image is sheared to
stripes without any error. But neighbouring rows of an interferogram are alike, and those of a sheared
one much less so than they are at the right width. (Rows that are told to be twice as long are alike as
well, and pass.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.phase import TWO_PI
from ssl_insar.readers.binary import Layout
from ssl_insar.readers.errors import UnreadableError

_STRETCH = 2**18
"""Values that are looked at, in one piece from the middle of the file: some rows of the widest images."""

_WIDEST = 2**17

_PAIRS, _LONGEST = 16, 512
"""Pairs of neighbouring rows that are compared, and the pixels in each."""

_ENOUGH = 200
"""Pixels with data in both rows; fewer are no evidence."""

_ALIKE = 0.99
"""Rows as alike as that are in order."""

_CLOSER = 0.3
"""Rows that are this much closer to being the same at another width are those of an image that wide. Of
140 real images, each as floats and as complex values, with and without an amplitude, none comes below
0.45 at any width but its own; of those with rows and columns swapped 96 in 100 come below 0.3."""

_RANGE = 4
"""How many times too wide or too narrow an image may be stated."""


def refuse_wrong_width(path: Path, layout: Layout, band: int = 0, by: str = "its header") -> None:
    """Refuse an image whose rows are far more alike at another width of the same size.

    Args:
        path: the file, of the layout's size.
        layout: as stated.
        band: which of its images is phase.
        by: who states it.

    Raises:
        UnreadableError: with both widths.
    """
    if layout.width > _WIDEST:
        return
    stated = _likeness(path, layout, band)
    if stated is None or stated >= _ALIKE:
        return
    for other in _others(layout):
        found = _likeness(path, other, band)
        if found is not None and 1 - found < _CLOSER * (1 - stated):
            raise UnreadableError(
                f"{path}: neighbouring rows do not match at the {layout.width} columns of {by}, but at "
                f"{other.width} they do; it is the description of another image, or rows and columns are "
                "swapped"
            )


def _others(layout: Layout) -> Iterator[Layout]:
    """Layouts of the same size; rows and columns swapped come first."""
    pixels = layout.height * layout.width
    low, high = max(layout.width // _RANGE, 2), min(layout.width * _RANGE, pixels // 2)
    widths = np.arange(low, high + 1)
    for width in dict.fromkeys([layout.height, *map(int, widths[pixels % widths == 0])]):
        if width != layout.width and low <= width <= high:
            yield dataclasses.replace(layout, height=pixels // width, width=width)


def _likeness(path: Path, layout: Layout, band: int) -> float | None:
    """Mean coherence between neighbouring rows, 0 to 1; None where there are too few pixels to tell."""
    lines = _lines(path, layout, band)
    height, width = lines.shape
    length = min(width, _LONGEST)
    rows = np.linspace(0, height - 2, min(_PAIRS, height - 1)).astype(int)
    # Places down and across the image, which do not run along its diagonal.
    cols = (np.arange(len(rows)) * 7 % _PAIRS) * (width - length) // _PAIRS
    across = cols[:, None] + np.arange(length)
    upper, lower = (lines[at[:, None], across] for at in (rows, rows + 1))
    products = _phasor(upper) * np.conj(_phasor(lower))
    # No two pixels of an interferogram are the same to the bit, unless one is a copy of the other:
    # amplitudes that are all 1, or that some programs fill with the phase, are alike at any width.
    products[upper == lower] = 0
    products[:, 1:][upper[:, 1:] == upper[:, :-1]] = 0
    count = int(np.count_nonzero(products))
    return float(np.abs(products.sum(axis=1)).sum()) / count if count >= _ENOUGH else None


def _lines(path: Path, layout: Layout, band: int) -> NDArray[Any]:
    """(n, W) some whole rows of a band, from the middle of the file."""
    values: NDArray[Any] = np.memmap(path, layout.dtype, "r")
    bands, width = layout.bands, layout.width
    if layout.scheme == "BSQ":
        size = layout.height * width
        values, bands, band = values[band * size : (band + 1) * size], 1, 0
    line = bands * width
    count = min(max(_STRETCH // line, 2), layout.height)
    start = (layout.height - count) // 2 * line
    lines = values[start : start + count * line]
    if layout.scheme == "BIP":
        return lines.reshape(count, width, bands)[:, :, band]
    return lines.reshape(count, bands, width)[:, band]


def _phasor(values: NDArray[Any]) -> NDArray[np.complex64]:
    """Phasors of length 1, and 0 where there is no data."""
    turn = TWO_PI / 256 if values.dtype.kind == "u" else 1.0
    with np.errstate(all="ignore"):
        z: NDArray[Any] = values if values.dtype.kind == "c" else np.exp(1j * turn * values)
        unit: NDArray[np.complex64] = (z / np.abs(z)).astype(np.complex64)
    unit[~np.isfinite(unit) | (values == 0)] = 0
    return unit
