"""The law of a random field, measured."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slope_of_spectrum(fields: torch.Tensor, spacing: float, band: tuple[float, float]) -> float:
    """Exponent fitted to the radially averaged 2-D periodogram between two wavelengths, m."""
    side = fields.shape[-1]
    window = torch.hann_window(side, periodic=False, dtype=torch.float64)
    tapered = (fields.double() - fields.double().mean((-2, -1), keepdim=True)) * window[:, None] * window
    power = torch.fft.fft2(tapered).abs().square().mean(0)
    f = torch.fft.fftfreq(side, spacing, dtype=torch.float64)
    radial = torch.hypot(f[:, None], f[None, :])
    edges = torch.logspace(math.log10(1 / band[1]), math.log10(1 / band[0]), 13, dtype=torch.float64)
    x, y = [], []
    for low, high in itertools.pairwise(edges):
        ring = (radial >= low) & (radial < high)
        x.append(math.log(float(radial[ring].mean())))
        y.append(math.log(float(power[ring].mean())))
    return -float(np.polyfit(x, y, 1)[0])


def growth_exponent(fields: torch.Tensor, lags: list[int]) -> float:
    """Exponent fitted to the structure function (mean squared difference) along rows and columns."""
    growth = [
        float((fields[..., lag:] - fields[..., :-lag]).square().mean())
        + float((fields[..., lag:, :] - fields[..., :-lag, :]).square().mean())
        for lag in lags
    ]
    return float(np.polyfit(np.log(lags), np.log(growth), 1)[0])


def correlation(one: torch.Tensor, two: torch.Tensor) -> float:
    """Correlation of two sets of values of mean 0 by law."""
    return float((one * two).mean() / (one.square().mean() * two.square().mean()).sqrt())
