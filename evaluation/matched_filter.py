"""The limit: the detector that knows the shape of the source and the covariance of all noise."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from torch import Tensor
from torch.nn import functional as F

from evaluation.injected import plane
from ssl_insar.synth.detectability import Atmosphere
from ssl_insar.synth.turbulence import HANSSEN, power_law_fields

SIDE = 28
"""Cells a side of the simulated scenes."""


def probability(snr: ArrayLike, false_alarms: float) -> NDArray[np.float64]:
    """Probability that the matched filter detects a known source in Gaussian noise.

    Its statistic is normal with variance 1 and mean SNR, so that P_D = Q(Q^-1(P_FA) - SNR), Q the
    normal's upper tail (Kay 1998, "Fundamentals of Statistical Signal Processing" II, ch. 4). Offset
    and ramp are unknown to it; see `ssl_insar.synth.detectability.gls_snr`. Sign and place of the source
    are known to it: no detector can do better.

    Args:
        snr: GLS ratio.
        false_alarms: P_FA.
    """
    detected: NDArray[np.float64] = norm.sf(norm.isf(false_alarms) - np.asarray(snr, np.float64))
    return detected


def simulated(
    patterns: Tensor,
    spacing: float,
    levels: ArrayLike,
    false_alarms: float,
    generator: torch.Generator,
    *,
    draws: int = 4000,
    white: float = 0.05,
) -> NDArray[np.float64]:
    """The same by counting: the filter run on simulated atmosphere, to check the theory.

    Turbulence of 1 rad RMS from the simulator, and white noise; the threshold from scenes without a
    source, the detections from as many others.

    Args:
        patterns: (K, T, T) sources of any amplitude.
        spacing: of their pixels, m.
        levels: (L,) GLS ratios to which the sources are scaled.
        false_alarms: P_FA.
        generator: of the noise.
        draws: scenes.
        white: RMS of the white noise in a cell, rad.

    Shape:
        -> (L,), mean over the patterns
    """
    signal = F.adaptive_avg_pool2d(patterns.double().unsqueeze(1), SIDE).flatten(1)
    step = spacing * patterns.shape[-1] / SIDE
    one = Atmosphere((step, step), HANSSEN, torch.ones(1), torch.zeros(1, 0), torch.zeros(1, 0))
    covariance = one.between_cells(torch.zeros(1, dtype=torch.long), (SIDE, SIDE))[0]
    inverse = torch.linalg.inv(covariance + white**2 * torch.eye(SIDE**2, dtype=torch.float64))
    nuisance = plane(SIDE)
    weighted = inverse @ nuisance
    # What is blind to offset and ramp.
    filtering = inverse - weighted @ torch.linalg.solve(nuisance.T @ weighted, weighted.T)
    weights = signal @ filtering
    ratio = (weights * signal).sum(1).sqrt()
    air = power_law_fields(
        2 * draws, (SIDE, SIDE), (step, step), generator=generator, dtype=torch.float64
    ).flatten(1)
    noise = air + white * torch.randn(air.shape, generator=generator, dtype=torch.float64)
    quiet, other = (noise @ (weights / ratio[:, None]).T).split(draws)
    threshold = torch.quantile(quiet, 1 - false_alarms, dim=0)
    # A source of ratio s adds s to the statistic, by construction.
    counted = [(other + level > threshold).double().mean() for level in np.asarray(levels, float)]
    return torch.stack(counted).numpy()
