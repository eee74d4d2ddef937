"""Subsidence without a mechanism: Gaussian bowls."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import Parameter, columns, points
from ssl_insar.synth.sources.ellipse import gaussian_ellipse


def bowls(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    strike: Parameter,
    sigma_along: Parameter,
    sigma_across: Parameter,
    subsidence: Parameter,
) -> Tensor:
    r"""Elliptical Gaussian bowls of purely vertical motion, one a source.

    A common stand-in for compaction whose depth nobody knows (no paper of its own). Sum over the
    first dimension for an area of several bowls.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the centre, m.
        north: of the centre, m.
        strike: of the first axis, degrees clockwise from north.
        sigma_along: standard deviation along the strike, m.
        sigma_across: standard deviation across it, m.
        subsidence: at the centre, m, positive down.

    Shape:
        x, y (\*points) -> (B, \*points, 3)

    Raises:
        ValueError: a standard deviation is not positive.
    """
    x, y = points(x, y)
    e, n, strike_, along, across, depth = columns(
        x, east, north, strike, sigma_along, sigma_across, subsidence
    )
    up = -depth * gaussian_ellipse(x - e, y - n, strike_, along, across)
    return torch.stack([torch.zeros_like(up), torch.zeros_like(up), up], dim=-1)
