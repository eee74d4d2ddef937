"""What a spectrum says of two pixels: their covariance, by the distance between them."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.turbulence import PowerLaw


def covariance(
    law: PowerLaw, shape: tuple[int, int], spacing: tuple[float, float], cell: tuple[int, int] = (1, 1)
) -> Tensor:
    """Covariance of fields as `power_law_fields` makes them, before they are scaled; arbitrary unit.

    Args:
        law: the spectrum.
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        cell: (rows, columns) of pixels that are averaged.

    Shape:
        -> (2 H, 2 W), float64; [i, j] at a lag of i rows and j columns
    """
    north, east = (
        torch.fft.fftfreq(2 * side, step, dtype=torch.float64)
        for side, step in zip(shape, spacing, strict=True)
    )
    power = law.density(torch.hypot(north[:, None], east))
    power = power * torch.sinc(north * spacing[0] * cell[0]).square()[:, None]
    power = power * torch.sinc(east * spacing[1] * cell[1]).square()
    field: Tensor = torch.fft.ifft2(power).real
    return field


def variance_within(field: Tensor, shape: tuple[int, int]) -> float:
    """Expected variance over the pixels of a scene, each scene's mean taken off.

    Args:
        field: of `covariance`, for single pixels.
        shape: (H, W), pixels.
    """
    # A lag occurs as often as it fits, and to both sides.
    rows, cols = (1 - torch.arange(side, dtype=torch.float64) / side for side in shape)
    weights = rows[:, None] * cols
    weights[1:] *= 2
    weights[:, 1:] *= 2
    mean = (field[: shape[0], : shape[1]] * weights).sum() / (shape[0] * shape[1])
    return float(field[0, 0] - mean)
