"""How steep terrain is, and which way it faces."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gradient(height: Tensor, spacing: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Rise of the terrain per metre to the east and to the north.

    Args:
        height: m; rows run from north to south; 2 pixels or more each way.
        spacing: of the pixels (north-south, east-west), m.

    Shape:
        (..., H, W) -> east, north: (..., H, W) each
    """
    south, east = torch.gradient(height, spacing=spacing, dim=(-2, -1))
    return east, -south


def slope(height: Tensor, spacing: tuple[float, float]) -> Tensor:
    """Tangent of the slope: length of the gradient, 0 where it is flat, 1 at 45 degrees.

    Shape:
        (..., H, W) -> the same
    """
    return torch.hypot(*gradient(height, spacing))


def along(east: Tensor, north: Tensor, azimuth: Tensor) -> Tensor:
    """Component of a vector, or of a position, in a direction on the map.

    Args:
        east: component to the east.
        north: component to the north.
        azimuth: degrees clockwise from north, broadcastable to both.
    """
    angle = azimuth * (math.pi / 180)
    return east * torch.sin(angle) + north * torch.cos(angle)
