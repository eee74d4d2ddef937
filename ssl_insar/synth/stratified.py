"""Delay that follows the terrain, and a terrain for it to follow."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.turbulence import PowerLaw, power_law_fields

TERRAIN = PowerLaw(exponents=(3.6,), outer_scale=15e3)
"""Natural terrain: 2-D exponents of 3 to 4 (Hurst exponent 0.5 to 1) at kilometre scale."""


def pseudo_dem(
    shape: tuple[int, int],
    spacing: tuple[float, float],
    *,
    relief: float,
    edifice: float = 0.0,
    edifice_radius: float = 5e3,
    centre: tuple[float, float] = (0.0, 0.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fractal terrain with a volcano on it, for where no elevation model is at hand.

    Args:
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        relief: highest minus lowest point of the fractal part, m.
        edifice: height of the cone above the plain, m; 0 for none.
        edifice_radius: distance from the summit at which the cone has fallen to 1/e, m.
        centre: of the cone, (East, North) from the middle of the field, m.
        generator: source of randomness.

    Shape:
        -> (H, W), m above the lowest point, float32
    """
    rough = power_law_fields(1, shape, spacing, TERRAIN, generator=generator)[0]
    rough = (rough - rough.min()) / (rough.max() - rough.min()) * relief
    east, north = ground(shape, spacing, device=rough.device)
    # Steep near the summit and flat at the foot, as stratovolcanoes are, with a rounded top.
    top = 0.2 * edifice_radius
    distance = torch.sqrt((east - centre[0]).square() + (north - centre[1]).square() + top**2) - top
    height = rough + (edifice * torch.exp(-distance / edifice_radius)).to(rough)
    return height - height.min()


def stratified_delay(height: Tensor, gradient: Tensor) -> Tensor:
    """Delay linear in height, relative to its mean over the scene.

    Args:
        height: m, (H, W).
        gradient: rad/km, one an acquisition or one an interferogram, (N,).

    Shape:
        (H, W), (N,) -> (N, H, W), rad
    """
    centred = (height - height.mean()) / 1000.0
    return gradient.to(height).reshape(-1, 1, 1) * centred


def ground(
    shape: tuple[int, int], spacing: tuple[float, float], *, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """East and North of pixel centres from the middle of the field, m; rows run from north to south.

    Shape:
        -> (H, W), (H, W), float64
    """
    rows = torch.arange(shape[0], dtype=torch.float64, device=device) - (shape[0] - 1) / 2
    cols = torch.arange(shape[1], dtype=torch.float64, device=device) - (shape[1] - 1) / 2
    north, east = torch.meshgrid(-rows * spacing[0], cols * spacing[1], indexing="ij")
    return east, north
