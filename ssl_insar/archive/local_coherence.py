"""Coherence of a tile from its own phase, which every product has and no product need tell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive.store import COS_SIN

COHERENT = 0.5
"""Local coherence of a coherent pixel; pure noise exceeds it in a 5 x 5 box twice in a thousand."""

_BOX = 5
"""Side of the boxes that local coherence is estimated in, px."""

_UNIT = 1024
_PACKED = (np.rint(_UNIT * COS_SIN.real + _UNIT).astype(np.uint32) << 16) + np.rint(
    _UNIT * COS_SIN.imag + _UNIT
).astype(np.uint32)
"""Cosine and sine of a count as two 16-bit numbers in one, moved to 0..2048 so that the sum of 25 fits:
one table look-up and one sum instead of two, which is most of what ingest computes."""


def local_coherence(
    counts: NDArray[np.integer[Any]], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean local coherence of tiles over their valid pixels, and the share of coherent pixels in them.

    Local coherence is the length of the mean phasor in boxes of 5 x 5 px; every second row of boxes is
    looked at, whose mean over a tile differs from that over all by less than a hundredth.

    Shape:
        (n, T, T) counts of 1/256 cycle, (n, T, T) validity -> (n,), (n,)
    """
    tiles, side = len(valid), valid.shape[2]
    width, height = side // _BOX * _BOX, side // (2 * _BOX) * (2 * _BOX)

    def rows_of_boxes(field: NDArray[Any]) -> NDArray[Any]:
        return field[:, :height, :width].reshape(-1, 2 * _BOX, width)[:, :_BOX]

    data = rows_of_boxes(valid)
    packed = np.take(_PACKED, rows_of_boxes(counts).astype(np.uint8, copy=False))
    packed *= data
    total = _box_sums(packed)
    count = _box_sums(data.view(np.uint8)).astype(np.float32)  # at most 25: no overflow
    real = (total >> 16).astype(np.float32) - _UNIT * count
    imag = (total & 0xFFFF).astype(np.float32) - _UNIT * count
    length = np.hypot(real, imag) / _UNIT  # coherence times the number of valid pixels
    coherent = np.where((length >= COHERENT * count) & (count > 0), count, 0)
    length, coherent, count = (field.reshape(tiles, -1).sum(axis=1) for field in (length, coherent, count))
    mean = np.divide(length, count, out=np.zeros(tiles), where=count > 0)
    return mean, coherent / (data.size / tiles)


def _box_sums(field: NDArray[Any]) -> NDArray[Any]:
    """Sums over boxes in the field's own type; five strided additions are four times as fast as a sum.

    Shape:
        (n, 5, W) -> (n, W / 5)
    """
    rows = field.sum(axis=1, dtype=field.dtype)
    sums: NDArray[Any] = rows[:, 0::_BOX].copy()
    for i in range(1, _BOX):
        sums += rows[:, i::_BOX]
    return sums
