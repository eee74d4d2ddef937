"""Loops over the pixels of tiles, compiled: one pass each where numpy needs a dozen.

They run without the interpreter's lock, so that the threads of an ingest do not wait for each other there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.compiled import compiled
from ssl_insar.phase import STEPS_PER_CYCLE, TWO_PI

BOX = 5
"""Side of the boxes that local coherence is estimated in, px."""

UNIT = 1024
"""What stands for 1 in packed cosines and sines; the sum of 25 of them, moved to 0..2 UNIT, fits 16 bits."""

_STEPS_PER_RADIAN = np.float32(STEPS_PER_CYCLE / TWO_PI)


# The inner loops run over one-dimensional views: those, and no others, the compiler turns into vectors.


@compiled()
def cut_counts(
    phase: NDArray[np.float32], firsts: NDArray[np.int64], counts: NDArray[np.integer[Any]]
) -> None:
    """Cut tiles out of a strip as counts of 1/256 cycle, rounded as `ssl_insar.phase.encode_wrapped` does.

    Args:
        phase: (T, W) rad, all of it finite and small enough for 32 bits.
        firsts: (n,) first columns of the tiles.
        counts: (n, T, T) to be filled; uint8, which wraps, or int16, which the counts must fit.
    """
    tiles, side, _ = counts.shape
    for i in range(tiles):
        first = firsts[i]
        for row in range(side):
            line = phase[row]
            source, target = line[first : first + side], counts[i, row]
            for x in range(side):
                target[x] = np.int32(np.rint(source[x] * _STEPS_PER_RADIAN))


@compiled(fastmath={"reassoc"})  # sums in any order, as numpy's own are
def cut_shares(
    shares: NDArray[np.float32],
    valid: NDArray[np.uint8],
    firsts: NDArray[np.int64],
    levels: NDArray[np.uint8],
    sums: NDArray[np.float64],
) -> None:
    """Cut tiles out of a layer of shares as levels of 1/255, and sum the shares of valid pixels.

    Args:
        shares: (T, W) in [0, 1].
        valid: (n, T, T) 1 where the phase of the tiles is valid, else 0.
        firsts: (n,) first columns of the tiles.
        levels: (n, T, T) to be filled, rounded half up.
        sums: (n,) to be filled.
    """
    tiles, side, _ = levels.shape
    for i in range(tiles):
        first = firsts[i]
        total = 0.0
        for row in range(side):
            line = shares[row]
            source, target, mask = line[first : first + side], levels[i, row], valid[i, row]
            part = np.float32(0)
            for x in range(side):
                target[x] = np.int32(source[x] * np.float32(255) + np.float32(0.5))
            for x in range(side):
                part += source[x] * np.float32(mask[x])
            total += float(part)
        sums[i] = total


@compiled()
def box_coherence(
    counts: NDArray[np.integer[Any]],
    valid: NDArray[np.uint8],
    packed: NDArray[np.uint32],
    mean: NDArray[np.float64],
    coherent: NDArray[np.float64],
) -> None:
    """Local coherence of tiles in every second row of boxes of 5 x 5 px.

    Args:
        counts: (n, T, T) of 1/256 cycle.
        valid: (n, T, T) 1 where there is data, else 0.
        packed: (256,) cosine and sine of a count, each times `UNIT` plus `UNIT`, in the high and the low
            16 bits of one number: one look-up and one sum instead of two.
        mean: (n,) to be filled: over the valid pixels; 0 where there is none.
        coherent: (n,) to be filled: share of pixels that are valid and in boxes of 0.5 or more.
    """
    tiles, side, _ = counts.shape
    width, bands = side // BOX * BOX, side // (2 * BOX)
    sums, numbers = np.empty(width, np.uint32), np.empty(width, np.uint32)
    for i in range(tiles):
        length, total, good = 0.0, 0, 0
        for band in range(bands):
            sums[:] = 0
            numbers[:] = 0
            for row in range(2 * BOX * band, 2 * BOX * band + BOX):
                line, mask = counts[i, row][:width], valid[i, row][:width]
                for x in range(width):
                    sums[x] += packed[np.uint8(line[x])] * np.uint32(mask[x])
                for x in range(width):
                    numbers[x] += mask[x]
            for x in range(0, width, BOX):
                both, number = 0, 0
                for k in range(x, x + BOX):
                    both += int(sums[k])
                    number += int(numbers[k])
                real = (both >> 16) - UNIT * number
                imag = (both & 0xFFFF) - UNIT * number
                square = real * real + imag * imag
                length += math.sqrt(square)
                total += number
                if 4 * square >= (UNIT * number) ** 2:
                    good += number
        mean[i] = length / UNIT / total if total else 0.0
        coherent[i] = good / (bands * BOX * width) if bands else 0.0
