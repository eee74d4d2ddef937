"""Delay that follows the terrain, and a terrain for it to follow."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.batch import per_field, relative_to_mean
from ssl_insar.synth.turbulence import PowerLaw, smooth_fields

TERRAIN = PowerLaw(exponents=(3.6,), outer_scale=15e3)
"""Natural terrain: 2-D exponents of 3 to 4 (Hurst exponent 0.5 to 1) at kilometre scale."""


def cone(east: Tensor, north: Tensor, height: Tensor | float, radius: Tensor | float) -> Tensor:
    """A volcano: steep near the summit and flat at the foot, as stratovolcanoes are, with a rounded top.

    Args:
        east: from the summit, m.
        north: from the summit, m.
        height: of the summit, m.
        radius: distance from the summit at which the cone has fallen to 1/e, m.

    Shape:
        broadcast of all, m
    """
    top = 0.2 * radius
    distance = torch.sqrt(east.square() + north.square() + top**2) - top
    return height * torch.exp(-distance / radius)


def stratified_delay(height: Tensor, gradient: Tensor) -> Tensor:
    """Delay linear in height, relative to its mean over the scene.

    Args:
        height: m, (H, W) or (N, H, W).
        gradient: rad/km, one an acquisition or one an interferogram, (N,).

    Shape:
        (H, W), (N,) -> (N, H, W), rad
    """
    return per_field(gradient, height) * (relative_to_mean(height) / 1000.0)


def quadratic_delay(height: Tensor, linear: Tensor, quadratic: Tensor) -> Tensor:
    """Delay a h + b h^2, relative to its mean over the scene (Rouet-Leduc et al. 2021).

    Args:
        height: m, (H, W) or (N, H, W).
        linear: a, rad/km, (N,).
        quadratic: b, rad/km^2, (N,).

    Shape:
        (H, W), (N,), (N,) -> (N, H, W), rad
    """
    kilometres = height / 1000.0
    delay = per_field(linear, height) * kilometres + per_field(quadratic, height) * kilometres.square()
    return relative_to_mean(delay)


def power_law_delay(
    height: Tensor,
    coefficient: Tensor,
    *,
    exponent: Tensor | float = 1.4,
    top: Tensor | float = 7000.0,
) -> Tensor:
    """Delay K (h0 - h)^alpha, relative to its mean over the scene (Bekaert et al. 2015).

    Args:
        height: m, (H, W) or (N, H, W).
        coefficient: K, rad/m^alpha, (N,); for positive K the delay falls with height.
        exponent: alpha, one or (N,).
        top: h0, m, one or (N,): the height above which nothing differs between dates; higher
            ground has the delay of this height.

    Shape:
        (H, W), (N,) -> (N, H, W), rad
    """
    below = (per_field(top, height) - height).clamp_min(0)
    return relative_to_mean(per_field(coefficient, height) * below.pow(per_field(exponent, height)))


def exponential_delay(height: Tensor, gradient: Tensor, *, scale: Tensor | float = 2000.0) -> Tensor:
    """Delay k H (1 - exp(-h / H)), relative to its mean over the scene.

    Args:
        height: m, (H, W) or (N, H, W).
        gradient: k, rad/km at height 0, (N,).
        scale: H, m, one or (N,); 1000 to 4000, the scale height of water vapour.

    Shape:
        (H, W), (N,) -> (N, H, W), rad

    Raises:
        ValueError: a scale height is not positive.
    """
    scale = per_field(scale, height)
    if not bool((scale > 0).all()):
        raise ValueError("scale heights must be positive, in metres")
    delay = per_field(gradient, height) * scale / 1000.0 * -torch.expm1(-height / scale)
    return relative_to_mean(delay)


def varying_delay(
    height: Tensor,
    mean: Tensor,
    deviation: Tensor,
    spacing: tuple[float, float],
    *,
    patch: float = 20e3,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Delay linear in height with a gradient k0 + k1 s(x, y) that changes across the scene.

    Heights count from their mean, so that the changing gradient adds no signal where it is flat.

    Args:
        height: m, (H, W) or (N, H, W), on the device of the generator.
        mean: k0, rad/km, (N,).
        deviation: k1, rad/km, (N,); s is smooth, with mean 0 and standard deviation 1.
        spacing: of the pixels (north-south, east-west), m.
        patch: size of the largest structures of s, m.
        generator: source of randomness.

    Shape:
        (H, W), (N,), (N,) -> (N, H, W), rad
    """
    shape = (height.shape[-2], height.shape[-1])
    field = smooth_fields(len(mean), shape, spacing, patch, generator=generator).to(height)
    gradient = per_field(mean, height) + per_field(deviation, height) * field
    return relative_to_mean(gradient * (relative_to_mean(height) / 1000.0))


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
