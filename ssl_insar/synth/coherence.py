r"""Coherence of interferograms, by ground and by time.

.. math:: \gamma = \mathrm{sigmoid}(a + b\, t - c\, s - d\, v)\,
          \left[(\gamma_0 - \gamma_\infty)\, e^{-B/\tau} + \gamma_\infty\right]

with t a smooth texture, s the slope, v the vegetation and B the temporal baseline. The factor in
time is the exponential decay to a floor of Morishita and Hanssen (2015) and Kellndorfer et al.
(2022); that in space is ours: steep and overgrown ground is less coherent, and ground varies.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_insar.synth.batch import per_field
from ssl_insar.synth.turbulence import smooth_fields


@dataclass(frozen=True)
class CoherenceLaw:
    """Weights of the ground inside the sigmoid, numbers or (N, 1, 1); the values are ours.

    Attributes:
        offset: a; 3 gives flat bare ground 0.95 of what time leaves.
        texture: b, per standard deviation of the texture.
        slope: c, per unit of the slope's tangent: 3 is one at 18 degrees.
        vegetation: d, from bare ground to full cover.
    """

    offset: float | Tensor = 3.0
    texture: float | Tensor = 0.7
    slope: float | Tensor = 3.0
    vegetation: float | Tensor = 2.5


def coherence_field(
    texture: Tensor,
    slope: Tensor,
    vegetation: Tensor,
    days: Tensor,
    *,
    tau: Tensor | float = 40.0,
    initial: Tensor | float = 0.95,
    floor: Tensor | float = 0.2,
    law: CoherenceLaw | None = None,
) -> Tensor:
    """Coherence of N interferograms.

    Args:
        texture: mean 0 and deviation 1, (H, W) or (N, H, W).
        slope: tangent of the slope (`terrain.slope`), (H, W) or (N, H, W).
        vegetation: cover from 0 to 1 (`vegetation_cover`), (H, W) or (N, H, W).
        days: temporal baseline of each interferogram, (N,).
        tau: days in which what can be lost falls to 1/e, 10 to 100; one, (N,), or (..., H, W).
        initial: coherence at no baseline, likewise.
        floor: coherence that stays, 0 to 0.2 where vegetated, 0.5 to 0.9 where arid or urban;
            likewise, so that a floor by land cover is a field.
        law: weights of the ground; the default is `CoherenceLaw()`.

    Shape:
        -> (N, H, W), in [0, 1]

    Raises:
        ValueError: a tau is not positive, a baseline is negative, or levels are not in
            0 <= floor <= initial <= 1.
    """
    law = law or CoherenceLaw()
    tau, initial, floor = (per_field(values, texture) for values in (tau, initial, floor))
    if not (bool((tau > 0).all()) and bool((days >= 0).all())):
        raise ValueError("tau must be positive and temporal baselines not negative, in days")
    if not bool(((floor >= 0) & (floor <= initial) & (initial <= 1)).all()):
        raise ValueError("coherence levels must be 0 <= floor <= initial <= 1")
    place = law.offset + law.texture * texture - law.slope * slope - law.vegetation * vegetation
    left = (initial - floor) * torch.exp(-per_field(days, texture) / tau) + floor
    return torch.sigmoid(place) * left


def vegetation_cover(
    share: Tensor,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    *,
    patch: float = 10e3,
    sharpness: float = 4.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Smooth vegetation cover of which a given share of the ground is more than half covered.

    Args:
        share: of the ground, 0 to 1, (N,).
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        patch: size of patches, m.
        sharpness: how abruptly cover ends.
        generator: source of randomness.

    Shape:
        (N,) -> (N, H, W), in [0, 1], float32

    Raises:
        ValueError: a share is outside 0 to 1.
    """
    if not bool(((share >= 0) & (share <= 1)).all()):
        raise ValueError("shares of vegetation go from 0 to 1")
    fields = smooth_fields(len(share), shape, spacing, patch, generator=generator)
    # Each field's own border between bare and covered: its pixels in order, and the share of them.
    ordered = fields.flatten(1).sort(dim=1, descending=True).values
    pixels = ordered.shape[1]
    index = (share.to(fields) * pixels).long().clamp(max=pixels - 1)
    border = ordered.gather(1, index[:, None])
    return torch.sigmoid(sharpness * (fields - border[..., None]))
