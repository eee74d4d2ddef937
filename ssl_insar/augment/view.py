"""What one view consists of."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class View(NamedTuple):
    """Views of B tiles.

    Attributes:
        phasor: unit phasors (B, 2, S, S), 0 = no data.
        coherence: local coherence that the resampling yields (B, 1, S, S).
        deformation: (B, 1, S, S), not 0 where the view is known to deform; None where nothing is known.
    """

    phasor: Tensor
    coherence: Tensor
    deformation: Tensor | None = None
