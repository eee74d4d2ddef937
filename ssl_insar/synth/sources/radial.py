"""Sources with an axis: the costly profile is computed at some radii only, and interpolated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_RADII = 4096
_STENCIL = 6
"""Points of the interpolating polynomial: with this many radii its error, of sixth order, is below 1e-7
of the local displacement for every source deeper than 0.02 of its radius."""


def radial_displacement(
    x: Tensor,
    y: Tensor,
    centre: tuple[Tensor, Tensor],
    scale: Tensor,
    profile: Callable[[Tensor], tuple[Tensor, Tensor]],
) -> Tensor:
    r"""Displacement of sources with a vertical axis, from their profile.

    The profile is tabulated evenly in ``log(1 + (r / scale)^2)``: dense where it bends, and a smooth
    function of ``r^2``, so that nothing special happens on the axis.

    Args:
        x: East of the surface points, m, float64.
        y: North of the surface points, m, float64.
        centre: East and North of the axis, m, each as `columns` gives them.
        scale: length over which the profile bends at the centre (the depth), m, as `columns` gives it.
        profile: takes squared radii, m^2, (B, R), and gives the outward displacement divided by the
            radius, 1, and the upward displacement, m, each (B, R).

    Shape:
        x, y (\*points) -> (B, \*points, 3), m
    """
    dx, dy = x - centre[0], y - centre[1]
    # The table's own geometry carries no gradient: what is interpolated does not depend on it.
    squared_scale = scale.detach().square()
    place = torch.log1p((dx.square() + dy.square()) / squared_scale).flatten(1)
    # Not 0 where all points lie on the axis.
    farthest = place.detach().amax(1, keepdim=True).clamp_min(1e-6)
    table = torch.linspace(0, 1, _RADII, dtype=x.dtype, device=x.device) * farthest
    values = torch.stack(profile(squared_scale.flatten(1) * torch.expm1(table)), dim=1)
    interpolated = _interpolate(values, place / farthest * (_RADII - 1))
    outward, up = interpolated.reshape(len(values), 2, *dx.shape[1:]).unbind(1)
    return torch.stack([dx * outward, dy * outward, up], dim=-1)


def _interpolate(values: Tensor, place: Tensor) -> Tensor:
    """Lagrange's polynomial through the nearest entries of a table.

    Args:
        values: the table at 0, 1, 2, ..., (B, K, R).
        place: where to evaluate, (B, M), within [0, R - 1].

    Shape:
        -> (B, K, M)
    """
    first = (place.detach().floor().long() - (_STENCIL // 2 - 1)).clamp(0, values.shape[-1] - _STENCIL)
    within = place - first
    result = values.new_zeros(())
    for node in range(_STENCIL):
        weight = torch.ones_like(within)
        for other in range(_STENCIL):
            if other != node:
                weight = weight * (within - other) / (node - other)
        entry = (first + node).unsqueeze(1).expand(-1, values.shape[1], -1)
        result = result + values.gather(-1, entry) * weight.unsqueeze(1)
    return result
