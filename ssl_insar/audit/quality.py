"""Tiles that hold nothing to learn from: no data, one constant, noise alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssl_insar.audit.scan import Scan

CONSTANT = 0.99
"""Share of the valid pixels that hold one phase count: no measured phase is that even."""

NOISE = 0.35
"""Mean local coherence that nine 5 x 5 boxes of noise do not reach together.

Of independent phases a box of 25 shows 0.177 on average with a standard deviation of 0.093 (a Rayleigh
length), nine boxes together 0.031; the highest of the 1,800 squares of a tile reaches 0.30 as a rule. On
2,558 crops of volcanoes every tile below 0.35 was noise to the eye; from 0.36 on there are islands of a
few pixels with fringes, though the tile's mean lies at the noise floor.
"""


@dataclass(frozen=True)
class Quality:
    """Which tiles are empty, constant or noise; a tile is one of these at most.

    Shape:
        (N,) each
    """

    empty: NDArray[np.bool_]
    constant: NDArray[np.bool_]
    noise: NDArray[np.bool_]

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Tiles in which a copy can be told: noise has a pattern of its own, too."""
        usable: NDArray[np.bool_] = ~(self.empty | self.constant)
        return usable


def judge(scan: Scan) -> Quality:
    """Which tiles of a scanned archive are empty, constant or noise."""
    empty = scan.valid == 0
    constant = ~empty & (scan.commonest >= CONSTANT)
    noise = ~empty & ~constant & (scan.peak < NOISE)
    return Quality(empty, constant, noise)
