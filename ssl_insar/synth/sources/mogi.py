"""A point source of volume change."""

from __future__ import annotations

import math

from torch import Tensor

from ssl_insar.synth.sources.arguments import POISSON, Parameter, columns, offset, points


def mogi(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    depth: Parameter,
    volume_change: Parameter,
    poisson: float = POISSON,
) -> Tensor:
    r"""Point source of volume change: a small, deep, inflating or deflating reservoir.

    Mogi (1958), in the volume form ``u = (1 - nu) dV / pi * (x, y, d) / R^3``.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the source, m.
        north: of the source, m.
        depth: of the source, m, positive down.
        volume_change: m^3, positive for inflation.
        poisson: Poisson's ratio.

    Shape:
        x, y (\*points) -> (B, \*points, 3)
    """
    x, y = points(x, y)
    e, n, d, volume = columns(x, east, north, depth, volume_change)
    relative = offset(x, y, e, n, d)
    cubed = relative.square().sum(-1, keepdim=True).pow(1.5)
    return ((1 - poisson) / math.pi) * volume.unsqueeze(-1) * relative / cubed
