"""Orbital ramps: what errors of the satellite's track leave across an interferogram."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssl_insar.synth.batch import per_field
from ssl_insar.synth.stratified import ground


def orbital_ramp(
    east: Tensor, north: Tensor, shape: tuple[int, int], *, twist: Tensor | float = 0.0
) -> Tensor:
    r"""Phase :math:`2 \pi (a x + b y + c x y)`, x and y in widths and heights of the scene.

    Baseline errors are of this form (Hanssen 2001, chapter 4). Sentinel-1 has 0 to 2 fringes
    across a frame, 0 to 1 across a patch.

    Args:
        east: a, fringes gained from the west edge to the east edge, (N,).
        north: b, fringes gained from the south edge to the north edge, (N,).
        shape: (H, W), pixels.
        twist: c, how much a grows from the south edge to the north edge, fringes, one or (N,).

    Shape:
        (N,), (N,) -> (N, H, W), rad, float32, mean 0
    """
    return (2 * math.pi * bilinear(east, north, shape, twist=twist)).to(torch.float32)


def bilinear(east: Tensor, north: Tensor, shape: tuple[int, int], *, twist: Tensor | float = 0.0) -> Tensor:
    """Surface a x + b y + c x y with x and y from -1/2 to 1/2 between the outermost pixel centres.

    Args:
        east: a, (N,).
        north: b, (N,).
        shape: (H, W), pixels.
        twist: c, one or (N,).

    Shape:
        (N,), (N,) -> (N, H, W), float64, mean 0, in the unit of the coefficients
    """
    x, y = ground(shape, (1 / max(shape[0] - 1, 1), 1 / max(shape[1] - 1, 1)), device=east.device)
    return per_field(east, x) * x + per_field(north, x) * y + per_field(twist, x) * (x * y)
