"""Long-wavelength noise as a polynomial and a few waves: the recipe of Zhu et al. (2024).

Their simulated interferograms carry a second-order polynomial and sinusoids of several scales
beside spatially correlated and white noise; `exponential_fields` and decorrelation give the latter.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssl_insar.synth.batch import relative_to_mean
from ssl_insar.synth.stratified import ground


def second_order(coefficients: Tensor, shape: tuple[int, int]) -> Tensor:
    """Polynomial c0 x + c1 y + c2 x^2 + c3 x y + c4 y^2, relative to its mean.

    Args:
        coefficients: rad, (N, 5); x (East) and y (North) run from -1 to 1 between the outermost
            pixel centres.
        shape: (H, W), pixels.

    Shape:
        (N, 5) -> (N, H, W), rad, float32, mean 0
    """
    steps = 2 / max(shape[0] - 1, 1), 2 / max(shape[1] - 1, 1)
    x, y = ground(shape, steps, device=coefficients.device)
    basis = torch.stack([x, y, x * x, x * y, y * y])
    surface = torch.einsum("nk,khw->nhw", coefficients.to(basis), basis)
    return relative_to_mean(surface).to(torch.float32)


def sinusoids(
    amplitude: Tensor,
    wavelength: Tensor,
    azimuth: Tensor,
    phase: Tensor,
    shape: tuple[int, int],
    spacing: tuple[float, float],
) -> Tensor:
    """Sum of K sinusoids a field, relative to its mean.

    Args:
        amplitude: rad, (N, K).
        wavelength: m, (N, K).
        azimuth: direction in which each wave runs, degrees clockwise from north, (N, K).
        phase: of each at the middle of the field, rad, (N, K).
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.

    Shape:
        (N, K) four times -> (N, H, W), rad, float32, mean 0

    Raises:
        ValueError: a wavelength is not positive.
    """
    if not bool((wavelength > 0).all()):
        raise ValueError("wavelengths must be positive, in metres")
    angle = torch.deg2rad(azimuth.to(torch.float64))
    frequency = torch.stack([torch.sin(angle), torch.cos(angle)], dim=-1) / wavelength[..., None]
    waves = torch.polar(amplitude.to(torch.float64), phase.to(torch.float64))
    return relative_to_mean(plane_waves(waves, frequency, shape, spacing))


def plane_waves(
    amplitude: Tensor, frequency: Tensor, shape: tuple[int, int], spacing: tuple[float, float]
) -> Tensor:
    """Real part of a sum of complex plane waves, at wave vectors that need not fit the field.

    A wave is a product of a function of North and one of East, so the sum is one matrix product.

    Args:
        amplitude: complex, with the phase at the middle of the field, (N, K).
        frequency: (East, North) components, cycles/m, (K, 2), or (N, K, 2) if fields differ.
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.

    Shape:
        (N, K) -> (N, H, W), float32, in the unit of the amplitude
    """
    x, y = ground(shape, spacing, device=amplitude.device)
    turns = 2 * math.pi * frequency.to(x)
    down = torch.polar(torch.ones_like(x[:, :1]), y[:, :1] * turns[..., None, :, 1])
    right = torch.polar(torch.ones_like(x[:1]), x[:1] * turns[..., :, None, 0])
    down = down * amplitude[:, None, :]
    # Re(ab) = Re a Re b - Im a Im b, as one real product; phases are formed in float64 above.
    left = torch.cat([down.real, -down.imag], dim=-1).to(torch.float32)
    return left @ torch.cat([right.real, right.imag], dim=-2).to(torch.float32)
