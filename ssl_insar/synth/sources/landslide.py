"""A body of ground that moves down its slope."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import Parameter, columns, points
from ssl_insar.synth.sources.ellipse import gaussian_ellipse

LEAST_SLOPE = 5.0
"""Degrees; flatter ground does not slide."""


def landslide(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    strike: Parameter,
    sigma_along: Parameter,
    sigma_across: Parameter,
    slide: Parameter,
    slope_east: Tensor,
    slope_north: Tensor,
) -> Tensor:
    r"""Landslide: motion straight down the slope, Gaussian over an ellipse, none on flat ground.

    The direction is ``(-h_x, -h_y, -|grad h|^2)``, normalised: along the surface of the terrain.
    Only kinematics (no paper of its own); ground flatter than `LEAST_SLOPE` does not move.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the centre, m.
        north: of the centre, m.
        strike: of the first axis, degrees clockwise from north.
        sigma_along: standard deviation along the strike, m.
        sigma_across: standard deviation across it, m.
        slide: displacement at the centre, m, positive downslope.
        slope_east: rise of the terrain toward East at the points, m/m: (\*points) or (B, \*points).
        slope_north: rise toward North, alike.

    Shape:
        x, y (\*points) -> (B, \*points, 3)

    Raises:
        ValueError: a standard deviation is not positive.
    """
    x, y = points(x, y)
    e, n, strike_, along, across, amount = columns(x, east, north, strike, sigma_along, sigma_across, slide)
    amount = amount * gaussian_ellipse(x - e, y - n, strike_, along, across)
    to_east, to_north = points(slope_east, slope_north)
    squared = to_east.square() + to_north.square()
    steep = squared >= math.tan(math.radians(LEAST_SLOPE)) ** 2
    length = torch.sqrt(torch.where(steep, squared * (1 + squared), 1.0))
    rate = torch.where(steep, amount / length, 0.0)
    return torch.stack([-rate * to_east, -rate * to_north, -rate * squared], dim=-1)
