"""A compacting disc-shaped reservoir."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import POISSON, Parameter, columns, points, require
from ssl_insar.synth.sources.quadrature import gauss_legendre
from ssl_insar.synth.sources.radial import radial_displacement

_NODES = 96


def geertsma(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    depth: Parameter,
    radius: Parameter,
    compaction: Parameter,
    poisson: float = POISSON,
) -> Tensor:
    r"""Disc-shaped reservoir that compacts evenly: withdrawal of gas, oil or water.

    Geertsma (1973): ``u_z = -2 (1 - nu) dH R int exp(-D k) J1(k R) J0(k r) dk``, and with J1(k r) for
    the motion toward the centre. Both are computed as integrals around the rim of the disc, to
    which they reduce by the divergence theorem (the vertical one is the solid angle of the disc).

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the centre, m.
        north: of the centre, m.
        depth: m, positive down.
        radius: m.
        compaction: loss of thickness, m, positive for subsidence.
        poisson: Poisson's ratio.

    Shape:
        x, y (\*points) -> (B, \*points, 3)

    Raises:
        ValueError: depth or radius is not positive.
    """
    x, y = points(x, y)
    e, n, d, size, loss = columns(x, east, north, depth, radius, compaction)
    require((d > 0) & (size > 0), "a reservoir needs a depth and a radius above 0")
    deep, rim = d.reshape(-1, 1), size.reshape(-1, 1)
    factor = -(1 - poisson) / math.pi * loss.reshape(-1, 1)

    def profile(squared: Tensor) -> tuple[Tensor, Tensor]:
        outward, solid_angle = _rim_integrals(squared, deep, rim)
        return factor * outward, factor * solid_angle

    return radial_displacement(x, y, (e, n), d, profile)


def _rim_integrals(squared: Tensor, depth: Tensor, rim: Tensor) -> tuple[Tensor, Tensor]:
    """Integrals of (offset / r) / distance^3 and depth / distance^3 over the disc.

    Args:
        squared: squared radii of the surface points, m^2, (B, R).
        depth: of the disc, m, (B, 1).
        rim: radius of the disc, m, (B, 1).

    Shape:
        -> (B, R), (B, R)
    """
    radius = squared.sqrt()
    level = depth.square()
    # Nodes gather on the part of the rim that is near: tan(angle / 2) = narrow tan(even / 2) keeps
    # their number small for shallow reservoirs too. The result does not depend on `narrow`.
    narrow = ((level + (radius - rim).square()) / (level + (radius + rim).square())).pow(0.25)
    narrow = narrow.detach().unsqueeze(-1)
    nodes, weights = gauss_legendre(_NODES, squared.device)
    half_sin, half_cos = torch.sin(nodes * math.pi / 2), torch.cos(nodes * math.pi / 2)
    spread = half_cos.square() + narrow.square() * half_sin.square()
    cos = (half_cos.square() - narrow.square() * half_sin.square()) / spread
    # Twice the half circle.
    steps = 2 * math.pi * weights * narrow / spread

    radius, rim, depth = radius.unsqueeze(-1), rim.unsqueeze(-1), depth.unsqueeze(-1)
    from_axis = squared.unsqueeze(-1) + rim.square() + depth.square()
    distance = torch.sqrt(from_axis - 2 * radius * rim * cos)
    # On the axis the integral of cos / distance vanishes as r; that of its excess over
    # 1 / sqrt(from_axis), by which it is replaced, can be divided by r.
    mean = from_axis.sqrt()
    excess = 2 * rim * cos / (distance * mean * (distance + mean))
    outward = rim * cos * excess * steps
    solid_angle = rim * (rim - radius * cos) / (distance * (distance + depth)) * steps
    return outward.sum(-1), solid_angle.sum(-1)
