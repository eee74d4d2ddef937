"""A horizontal frame turned to a strike, and back."""

from __future__ import annotations

import torch
from torch import Tensor


def to_strike(east: Tensor, north: Tensor, strike: Tensor) -> tuple[Tensor, Tensor]:
    """Components along the strike (degrees clockwise from north) and to its left, broadcast."""
    azimuth = torch.deg2rad(strike)
    sin, cos = torch.sin(azimuth), torch.cos(azimuth)
    return east * sin + north * cos, north * sin - east * cos


def from_strike(along: Tensor, left: Tensor, strike: Tensor) -> tuple[Tensor, Tensor]:
    """East and North of a vector given by `to_strike`'s components."""
    azimuth = torch.deg2rad(strike)
    sin, cos = torch.sin(azimuth), torch.cos(azimuth)
    return along * sin - left * cos, along * cos + left * sin
