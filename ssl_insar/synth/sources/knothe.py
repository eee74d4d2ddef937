"""The trough above a mined-out panel."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import Parameter, columns, points, require
from ssl_insar.synth.sources.strike import from_strike, to_strike


def knothe(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    depth: Parameter,
    strike: Parameter,
    length: Parameter,
    width: Parameter,
    influence_angle: Parameter,
    subsidence: Parameter,
) -> Tensor:
    r"""Mining trough above a level rectangular panel, with the motion toward its centre.

    Knothe (1953) and Budryk: every mined element subsides as a Gaussian of the radius of influence
    ``r = depth / tan(influence_angle)``, so a panel's trough is a product of differences of error
    functions; horizontal displacement is ``r / sqrt(2 pi)`` times the gradient of the subsidence.
    This is the final trough: Knothe's law of time ``1 - exp(-c t)`` is
    `ssl_insar.synth.time_functions.exponential` with ``tau = 1 / c``.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the centre of the panel, m.
        north: of the centre of the panel, m.
        depth: of the seam, m, positive down.
        strike: of the length of the panel, degrees clockwise from north.
        length: m.
        width: m.
        influence_angle: of main influence, from the horizontal, degrees; its tangent is 1.5 to 2.5.
        subsidence: the largest possible, that of an endless panel (mining factor times thickness),
            m, positive down.

    Shape:
        x, y (\*points) -> (B, \*points, 3)

    Raises:
        ValueError: depth is not positive, or the angle of influence not between 0 and 90 degrees.
    """
    x, y = points(x, y)
    e, n, d, strike_, long, wide, angle, most = columns(
        x, east, north, depth, strike, length, width, influence_angle, subsidence
    )
    require(
        (d > 0) & (angle > 0) & (angle < 90),
        "a mining trough needs a depth above 0 and an angle of influence between 0 and 90 degrees",
    )
    radius = d / torch.tan(torch.deg2rad(angle))
    along, left = to_strike(x - e, y - n, strike_)
    (share_along, slope_along), (share_left, slope_left) = (
        _profile(along, long, radius),
        _profile(left, wide, radius),
    )
    factor = most * radius / math.sqrt(2 * math.pi)
    level = from_strike(factor * slope_along * share_left, factor * share_along * slope_left, strike_)
    return torch.stack([*level, -most * share_along * share_left], dim=-1)


def _profile(place: Tensor, length: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Subsidence across an endless strip of a length, as a share of the largest, and its slope, 1/m."""
    to_ends = [math.sqrt(math.pi) * (place + end * length / 2) / radius for end in (1, -1)]
    share = (torch.erf(to_ends[0]) - torch.erf(to_ends[1])) / 2
    slope = (torch.exp(-to_ends[0].square()) - torch.exp(-to_ends[1].square())) / radius
    return share, slope
