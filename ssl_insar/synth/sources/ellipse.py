"""A Gaussian with an ellipse for its contours."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import require
from ssl_insar.synth.sources.strike import to_strike


def gaussian_ellipse(east: Tensor, north: Tensor, strike: Tensor, along: Tensor, across: Tensor) -> Tensor:
    """Gaussian of 1 at its centre, with standard deviations along its strike and across it.

    Args:
        east: from the centre, m.
        north: from the centre, m.
        strike: of the first axis, degrees clockwise from north.
        along: standard deviation along the strike, m.
        across: standard deviation across it, m.

    Raises:
        ValueError: a standard deviation is not positive.
    """
    require((along > 0) & (across > 0), "an ellipse needs standard deviations above 0")
    first, second = to_strike(east, north, strike)
    return torch.exp(-((first / along).square() + (second / across).square()) / 2)
