"""Coherence of a tile from its own phase, which every product has and no product need tell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive.kernels import UNIT, box_coherence
from ssl_insar.archive.store import COS_SIN

_PACKED = (np.rint(UNIT * COS_SIN.real + UNIT).astype(np.uint32) << 16) + np.rint(
    UNIT * COS_SIN.imag + UNIT
).astype(np.uint32)


def local_coherence(
    counts: NDArray[np.integer[Any]], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean local coherence of tiles over their valid pixels, and the share of coherent pixels in them.

    Local coherence is the length of the mean phasor in boxes of 5 x 5 px; every second row of boxes is
    looked at, whose mean over a tile differs from that over all by less than a hundredth. A pixel is
    coherent from 0.5 on, which pure noise exceeds in such a box twice in a thousand.

    Shape:
        (n, T, T) counts of 1/256 cycle, (n, T, T) validity -> (n,), (n,)
    """
    mean, coherent = np.empty(len(valid)), np.empty(len(valid))
    box_coherence(counts, valid.view(np.uint8), _PACKED, mean, coherent)
    return mean, coherent
