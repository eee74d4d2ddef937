"""A rectangle of any orientation that opens: Okada's has to have two level edges."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssl_insar.synth.sources.quadrature import gauss_legendre

_NODES = 24
_NEAREST = 1e-6
"""m; surface points in line with an edge are taken to be this far from the line."""


def opening_displacement(
    relative: Tensor, first: Tensor, second: Tensor, halves: tuple[Tensor, Tensor], poisson: float
) -> Tensor:
    r"""Surface displacement of a buried rectangle that opens by 1 m.

    The point crack of Okada (1985), equation 10, integrated over the rectangle. What an
    incompressible half-space would do is integrated in closed form. What compressibility adds is
    :math:`-(1 - 2\nu)\,(h\cdot\nabla)^2 U` with h the horizontal direction in the plane (its length
    the sine of the dip) and :math:`U = (-x, -y, (R + d) \ln(R + d)) / (R + d)`: a divergence in the
    plane, hence an integral along the edges that are not level. That is done by Gauss-Legendre nodes
    in :math:`\sinh^{-1}(s / \delta)`, where s runs along the edge from the foot of the perpendicular
    from the surface point and :math:`\delta` is its length; it is then smooth however near the edge.

    Args:
        relative: from the centre to the surface points, East, North, Up, m: (B, \*points, 3).
        first: unit vector along one pair of sides, (B, 1, ..., 1, 3).
        second: unit vector along the other, (B, 1, ..., 1, 3).
        halves: half lengths of the sides along ``first`` and ``second``, m, each (B, 1, ..., 1).
        poisson: Poisson's ratio.

    Shape:
        -> (B, \*points, 3), m
    """
    normal = torch.linalg.cross(first, second, dim=-1)
    strike = torch.stack([-normal[..., 1], normal[..., 0], torch.zeros_like(normal[..., 0])], dim=-1)
    total = _incompressible(relative, (first, second, normal), halves)
    sides = ((first, second, halves), (second, first, halves[::-1]))
    for outward, along, (reach, half) in sides:
        flux = _dot(strike, outward)
        if not bool(flux.any()):  # level edges, as two of Okada's are
            continue
        for sign in (1.0, -1.0):
            to_edge = sign * reach.unsqueeze(-1) * outward - relative
            free = _edge_integral(to_edge, along, half, strike)
            total = total - (1 - 2 * poisson) * sign * flux.unsqueeze(-1) * free
    return total / (2 * math.pi)


def _incompressible(
    relative: Tensor, axes: tuple[Tensor, Tensor, Tensor], halves: tuple[Tensor, Tensor]
) -> Tensor:
    """Integral of 3 q^2 r / R^5, with q the distance from the plane, by its value at the corners."""
    xi0, eta0, q = (_dot(relative, axis) for axis in axes)
    on_plane = q == 0
    q_safe = torch.where(on_plane, 1.0, q)
    q2 = q_safe.square()
    parts = [torch.zeros_like(q) for _ in axes]
    for sign in (1.0, -1.0):
        for other in (1.0, -1.0):
            xi, eta = xi0 + sign * halves[0], eta0 + other * halves[1]
            r = torch.sqrt(xi.square() + eta.square() + q2)
            near_xi, near_eta = xi.square() + q2, eta.square() + q2
            weight = sign * other
            parts[0] = parts[0] - weight * q2 * eta / (near_xi * r)
            parts[1] = parts[1] - weight * q2 * xi / (near_eta * r)
            angle = torch.atan(xi * eta / (q_safe * r))
            parts[2] = parts[2] + weight * (
                angle + q_safe * xi * eta * (r.square() + q2) / (r * near_xi * near_eta)
            )
    # In the plane of a crack, but off it, this part is 0.
    kept = [torch.where(on_plane, 0.0, part) for part in parts]
    result = torch.zeros_like(relative)
    for part, axis in zip(kept, axes, strict=True):
        result = result + part.unsqueeze(-1) * axis
    return result


def _edge_integral(to_middle: Tensor, along: Tensor, half: Tensor, strike: Tensor) -> Tensor:
    r"""Integral of :math:`h\cdot\nabla U` along an edge.

    Args:
        to_middle: from the surface points to the middle of the edge, m, (B, \*points, 3).
        along: unit vector, (B, 1, ..., 1, 3).
        half: half of the length, m, (B, 1, ..., 1).
        strike: the vector h, (B, 1, ..., 1, 3).

    Shape:
        -> (B, \*points, 3)
    """
    middle = _dot(to_middle, along)
    foot = to_middle - middle.unsqueeze(-1) * along
    nearest = foot.square().sum(-1).clamp_min(_NEAREST**2).sqrt()
    start, end = torch.asinh((middle - half) / nearest), torch.asinh((middle + half) / nearest)
    sums = [torch.zeros_like(nearest) for _ in range(4)]
    foot_strike, along_strike = _dot(foot, strike), _dot(along, strike)
    for node, weight in zip(*gauss_legendre(_NODES, to_middle.device), strict=True):
        grown = torch.exp(start + node * (end - start))
        s, r = nearest / 2 * (grown - 1 / grown), nearest / 2 * (grown + 1 / grown)
        per_below = weight / (r - foot[..., 2] - s * along[..., 2])  # 1 / (R + d)
        slope = (foot_strike + s * along_strike) * per_below
        bent = slope * per_below / weight
        for index, term in enumerate((slope, r * per_below, bent, s * bent)):
            sums[index] = sums[index] + term
    level, straight, bent, turned = (((end - start) * total).unsqueeze(-1) for total in sums)
    flat = strike * straight - foot * bent - along * turned
    return torch.cat([flat[..., :2], level], dim=-1)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(-1)
