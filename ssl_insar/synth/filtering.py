"""Phase filtering of simulated interferograms, as delivered products have had it."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.turbulence import fast_length


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
    mean = mean_phasor(z, radius)
    length = mean.abs()
    weight = length.clamp(max=1).pow(exponent)
    mixed = z * (1 - weight) + mean * (weight / length.clamp_min(1e-6))
    # Where there is no data the average of the neighbours stands, and goes.
    return mixed * ((z != 0) / mixed.abs().clamp_min(1e-12))


def mean_phasor(z: Tensor, radius: float) -> Tensor:
    """Gaussian average of the valid pixels around each pixel; its length is the local coherence.

    Args:
        z: phasor, 0 where there is no data.
        radius: standard deviation of the Gaussian, pixels.

    Shape:
        (..., H, W) complex -> the same
    """
    valid = z != 0
    # One mask serves all fields that have data everywhere.
    mask = valid if not bool(valid.all()) else valid.reshape(-1, *z.shape[-2:])[0]
    size = [fast_length(side + int(4 * radius) + 1) for side in z.shape[-2:]]
    rows = _transfer(torch.fft.fftfreq(size[0], dtype=z.real.dtype, device=z.device), radius)
    cols = _transfer(torch.fft.fftfreq(size[1], dtype=z.real.dtype, device=z.device), radius)
    total = torch.fft.ifft2(torch.fft.fft2(z, s=size) * (rows[:, None] * cols))
    share = torch.fft.irfft2(
        torch.fft.rfft2(mask.to(z.real.dtype), s=size) * (rows[:, None] * cols[: size[1] // 2 + 1]), s=size
    )
    height, width = z.shape[-2:]
    mean: Tensor = total[..., :height, :width] / share[..., :height, :width].clamp_min(1e-3)
    return mean


def moved_east(z: Tensor, share: Tensor) -> Tensor:
    """The phasor moved by a share of a pixel, by linear interpolation: what geocoding does to products.

    It ties neighbours to the east and west to each other and smooths the shortest wavelengths.

    Args:
        z: phasor, 0 where there is no data.
        share: of a pixel, 0 to 1, (N,).

    Shape:
        (N, H, W) complex -> the same; unit phasor, 0 where there is no data
    """
    other = torch.roll(z, 1, dims=-1)
    other[..., 0] = z[..., 0]
    mixed = z + share[:, None, None] * (other - z) * (other != 0)
    return mixed * ((z != 0) / mixed.abs().clamp_min(1e-12))


def _transfer(frequency: Tensor, radius: float) -> Tensor:
    """Transfer function of a Gaussian along one axis; frequency in cycles a pixel."""
    return torch.exp(-2 * (torch.pi * radius * frequency).square())
