"""Displacement seen along the line of sight, scaled to a wanted peak."""

from __future__ import annotations

import torch
from torch import Tensor


def line_of_sight_scaled(displacement: Tensor, los: Tensor, peak: Tensor) -> tuple[Tensor, Tensor]:
    r"""Line-of-sight displacement whose largest value in either direction is as wanted.

    Sources are linear in their strength (see `ssl_insar.synth.sources.catalogue`), so the result is
    exactly that of the source with its strength multiplied by the factor that is returned.

    Args:
        displacement: East, North, Up, m: (B, \*points, 3).
        los: unit vector from the ground to the satellite, one for all (3,) or one a source (B, 3).
        peak: m, positive, (B,).

    Shape:
        -> (B, \*points), m, positive toward the satellite; (B,), the factor, positive

    Raises:
        ValueError: a source moves nothing along the line of sight, or a peak is not positive.
    """
    peak = peak.to(displacement)
    if not bool((peak > 0).all()):
        raise ValueError("the peak of a displacement has to be positive, in metres")
    los = los.to(displacement).reshape(-1, *(1,) * (displacement.ndim - 2), 3)
    toward = (displacement * los).sum(-1)
    largest = toward.flatten(1).abs().amax(1)
    if not bool((torch.isfinite(largest) & (largest > 0)).all()):
        raise ValueError("a source without displacement along the line of sight cannot be scaled to a peak")
    factor = peak / largest
    return toward * factor.reshape(-1, *(1,) * (toward.ndim - 1)), factor
