"""How large an earthquake's fault is."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import Parameter

RIGIDITY = 3e10
"""Pa, of the crust, as usual in moments of earthquakes."""


def earthquake_size(magnitude: Parameter) -> tuple[Tensor, Tensor, Tensor]:
    """Length, width and slip of a typical earthquake of a moment magnitude.

    Wells and Coppersmith (1994), Table 2A, all kinds of slip: subsurface rupture length
    ``log L = -2.44 + 0.59 M`` and width ``log W = -1.01 + 0.32 M`` in km; single earthquakes scatter
    by factors of 1.4 about them. The slip follows from the moment ``10^(1.5 M + 9.05)`` N m.

    Args:
        magnitude: moment magnitude.

    Shape:
        () or (B,) -> length, width and slip, m, each of the same shape, float64
    """
    magnitude = torch.as_tensor(magnitude, dtype=torch.float64)
    length = 1e3 * 10 ** (-2.44 + 0.59 * magnitude)
    width = 1e3 * 10 ** (-1.01 + 0.32 * magnitude)
    return length, width, 10 ** (1.5 * magnitude + 9.05) / (RIGIDITY * length * width)
