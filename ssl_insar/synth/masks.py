"""Where an interferogram has no data or no signal: water, layover, shadow, incoherent ground."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.batch import per_field
from ssl_insar.synth.terrain import along, gradient
from ssl_insar.synth.turbulence import smooth_fields


def water_mask(height: Tensor, level: Tensor | float = 0.0) -> Tensor:
    """Ground at or below the water.

    Args:
        height: m, (H, W) or (N, H, W).
        level: of the water, m, one or (N,).

    Shape:
        -> (N, H, W), True on water
    """
    return height <= per_field(level, height)


def flood(coherence: Tensor, water: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
    """Put water into interferograms, as no data or as noise: real products do either.

    Args:
        coherence: in [0, 1], (N, H, W).
        water: True on water, (N, H, W) or (1, H, W).
        masked: True for interferograms whose water is no data, (N,).

    Shape:
        -> coherence, 0 on water, (N, H, W), and valid, False on water that is no data, (N, H, W)
    """
    dry = ~water
    return coherence * dry, dry | ~masked.to(water.device).reshape(-1, 1, 1)


def layover_shadow(
    height: Tensor, spacing: tuple[float, float], heading: Tensor | float, incidence: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Where a right-looking radar sees layover, and where it sees nothing.

    With alpha the angle at which terrain rises away from the radar, layover is alpha > incidence
    and shadow alpha < incidence - 90 degrees (Hanssen 2001, chapter 2). These are the slopes
    themselves (active layover and shadow), not what lies beneath or behind them.

    Args:
        height: m, (H, W) or (N, H, W); 2 pixels or more each way.
        spacing: of the pixels (north-south, east-west), m.
        heading: flight direction, degrees clockwise from north, one or (N,).
        incidence: degrees from the vertical, one, (N,), or (N, H, W) where it varies.

    Shape:
        -> layover, shadow: bool, (N, H, W) each

    Raises:
        ValueError: an incidence is not between 0 and 90 degrees.
    """
    incidence = per_field(incidence, height)
    if not bool(((incidence > 0) & (incidence < 90)).all()):
        raise ValueError("incidence must be between 0 and 90 degrees from the vertical")
    east, north = gradient(height, spacing)
    rise = torch.rad2deg(torch.atan(along(east, north, per_field(heading, height) + 90)))
    return rise > incidence, rise < incidence - 90


def incoherence_mask(
    threshold: Tensor,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    *,
    patch: float = 10e3,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Patches of incoherent ground: a smooth field from 0 to 1, above a threshold (SyInterferoPy).

    Where the scene is about twice a patch, thresholds of 0.7, 0.75 and 0.8 mask 17, 12 and 8 % on
    average, seldom (1 in 20) more than 33, 24 and 16 %, and never more than 65 % of 6,000 drawn.

    Args:
        threshold: 0.7 to 0.8 in SyInterferoPy; 0 masks all but a pixel and 1 none, (N,).
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        patch: size of patches, m.
        generator: source of randomness.

    Shape:
        (N,) -> (N, H, W), True where incoherent
    """
    fields = smooth_fields(len(threshold), shape, spacing, patch, generator=generator)
    low, high = fields.amin((-2, -1), keepdim=True), fields.amax((-2, -1), keepdim=True)
    return (fields - low) / (high - low).clamp_min(1e-30) > per_field(threshold, fields)
