"""Phase filtering of simulated interferograms, as delivered products have had it."""

from __future__ import annotations

import torch
from torch import Tensor


def adaptive_filter(z: Tensor, radius: float = 1.5, exponent: float | Tensor = 2.0) -> Tensor:
    """Smooth the phasor where it is coherent and leave noise as it is.

    A Gaussian average replaces each pixel to the degree of its own length, the local coherence, to
    a power. That is the behaviour of Goldstein and Werner's filter (1998), in which strong spectral
    peaks are amplified by a power of themselves, with one average in place of patches.

    Args:
        z: phasor, 0 where there is no data.
        radius: standard deviation of the Gaussian, pixels.
        exponent: how much coherence a pixel needs to be smoothed; 0 smooths everywhere. One, or a tensor
            broadcastable to z.

    Shape:
        (..., H, W) complex -> the same; unit phasor, 0 where there is no data
    """
    valid = (z != 0).to(z.real.dtype)
    mean = mean_phasor(z, radius)
    length = mean.abs()
    weight = length.clamp(max=1).pow(exponent)
    smooth = mean / length.clamp_min(1e-6)
    return torch.sgn((1 - weight) * z + weight * smooth) * valid


def mean_phasor(z: Tensor, radius: float) -> Tensor:
    """Gaussian average of the valid pixels around each pixel; its length is the local coherence.

    Args:
        z: phasor, 0 where there is no data.
        radius: standard deviation of the Gaussian, pixels.

    Shape:
        (..., H, W) complex -> the same
    """
    valid = (z != 0).to(z.real.dtype)
    mean: Tensor = _blur(z, radius) / _blur(valid, radius).real.clamp_min(1e-3)
    return mean


def _blur(field: Tensor, radius: float) -> Tensor:
    """Gaussian average by FFT, zero beyond the edges."""
    margin = int(4 * radius) + 1
    height, width = field.shape[-2] + margin, field.shape[-1] + margin
    rows = torch.fft.fftfreq(height, dtype=_real_dtype(field), device=field.device)
    cols = torch.fft.fftfreq(width, dtype=_real_dtype(field), device=field.device)
    transfer = torch.exp(-2 * (torch.pi * radius) ** 2 * (rows[:, None].square() + cols[None, :].square()))
    blurred: Tensor = torch.fft.ifft2(torch.fft.fft2(field, s=(height, width)) * transfer)
    return blurred[..., : field.shape[-2], : field.shape[-1]]


def _real_dtype(field: Tensor) -> torch.dtype:
    """Real type of the same precision."""
    return torch.float64 if field.dtype in (torch.complex128, torch.float64) else torch.float32
