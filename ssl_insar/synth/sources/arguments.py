"""What all sources take: points of the surface, and parameters of one source or of many."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

Parameter: TypeAlias = float | Tensor
"""One number for all sources, or one a source: shape (B,)."""

POISSON = 0.25
"""Poisson's ratio of a half-space with equal Lame constants, the usual assumption."""


def points(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """East and North of the surface points, broadcast to one shape, in float64."""
    x, y = x.to(torch.float64), y.to(torch.float64)
    return x + torch.zeros_like(y), y + torch.zeros_like(x)


def columns(surface: Tensor, *parameters: Parameter) -> list[Tensor]:
    r"""Parameters as (B, 1, ..., 1), so that they broadcast against the surface points to (B, \*points)."""
    flat = [
        torch.as_tensor(value, dtype=torch.float64, device=surface.device).reshape(-1) for value in parameters
    ]
    count = max(len(value) for value in flat)
    return [value.expand(count).reshape(-1, *(1,) * surface.ndim) for value in flat]


def offset(x: Tensor, y: Tensor, east: Tensor, north: Tensor, depth: Tensor) -> Tensor:
    r"""From sources to surface points, East, North, Up: (B, \*points, 3), m."""
    dx = x - east
    return torch.stack([dx, y - north, depth.expand_as(dx)], dim=-1)


def require(holds: Tensor, otherwise: str) -> None:
    """Refuse parameters outside the range in which a formula is valid.

    Raises:
        ValueError: ``holds`` is false for a source; the message is ``otherwise``.
    """
    if not bool(holds.all()):
        raise ValueError(otherwise)
