"""Where an interferogram has no data or no signal: water, layover, shadow, incoherent ground."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.batch import per_field
from ssl_insar.synth.terrain import along, gradient


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
