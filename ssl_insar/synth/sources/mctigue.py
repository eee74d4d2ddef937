"""A pressurised sphere of finite size."""

from __future__ import annotations

import math

from torch import Tensor

from ssl_insar.synth.sources.arguments import POISSON, Parameter, columns, points, require
from ssl_insar.synth.sources.mogi import mogi


def mctigue(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    depth: Parameter,
    radius: Parameter,
    overpressure: Parameter,
    poisson: float = POISSON,
) -> Tensor:
    r"""Pressurised sphere: a reservoir that is not small against its depth.

    McTigue (1987), equations 52 and 53: Mogi's point source of the volume change
    ``pi a^3 dP / mu``, corrected at the third order of radius / depth. Good to some per cent up to
    ``a / d = 0.6``.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the centre, m.
        north: of the centre, m.
        depth: of the centre, m, positive down.
        radius: m.
        overpressure: change of pressure as a fraction of the shear modulus, positive for inflation.
        poisson: Poisson's ratio.

    Shape:
        x, y (\*points) -> (B, \*points, 3)

    Raises:
        ValueError: the sphere reaches the surface.
    """
    x, y = points(x, y)
    e, n, d, a, pressure = columns(x, east, north, depth, radius, overpressure)
    require((a > 0) & (a < d), "a sphere needs a radius above 0 and below its depth")
    point = mogi(
        x,
        y,
        east=e.flatten(),
        north=n.flatten(),
        depth=d.flatten(),
        volume_change=(math.pi * a.pow(3) * pressure).flatten(),
        poisson=poisson,
    )
    share = d.square() / ((x - e).square() + (y - n).square() + d.square())
    bracket = -(1 + poisson) / 2 + 15 * (2 - poisson) / 4 * share
    return point * (1 + (a / d).pow(3) * bracket / (7 - 5 * poisson)).unsqueeze(-1)
