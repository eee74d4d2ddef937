"""A point source given by its potency tensor: any sum of small cracks at one place."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def potency_displacement(relative: Tensor, potency: Tensor, poisson: float) -> Tensor:
    r"""Surface displacement of a point that opens by a potency tensor.

    Okada (1985), equation 10, for a tensile crack of any strike and dip, written with the tensor
    :math:`P = \sum_i V_i\, n_i n_i^T` of cracks with normals :math:`n_i` and potencies :math:`V_i`
    (area times opening): then three orthogonal cracks cost no more than one, and no strike is special.

    Args:
        relative: from the source to the surface points, (East, North, Up), m: (B, \*points, 3).
        potency: symmetric, m^3, East, North, Up: (B, 3, 3).
        poisson: Poisson's ratio.

    Shape:
        -> (B, \*points, 3), m
    """
    p = potency.reshape(-1, *(1,) * (relative.ndim - 2), 3, 3)
    flat, depth = relative[..., :2], relative[..., 2:]
    r = relative.square().sum(-1, keepdim=True).sqrt()
    below = r + depth
    opening = _quadratic(p, relative)
    # In Okada's terms, for one crack: trace = sin^2 dip, along = sin dip y (y is up the dip).
    level = p[..., :2, :2]
    trace = (level[..., 0, 0] + level[..., 1, 1]).unsqueeze(-1)
    turned = (level @ flat.unsqueeze(-1)).squeeze(-1)
    along = _quadratic(level, flat)
    distance2 = flat.square().sum(-1, keepdim=True)

    first = 1 / (r * below.square())
    second = (3 * r + depth) / (r * below).pow(3)
    free_flat = (
        (r.pow(-3) - first) * (trace * flat - turned)
        + first * turned
        + second * (along * flat - distance2 * turned)
    )
    free_up = trace / (r * below) - (trace * distance2 - along) * (2 * r + depth) / (
        r.pow(3) * below.square()
    )
    # What an incompressible half-space (nu = 1/2) does, and what compressibility adds.
    incompressible = 3 * opening * relative / r.pow(5)
    return (incompressible - (1 - 2 * poisson) * torch.cat([free_flat, free_up], dim=-1)) / (2 * math.pi)


def _quadratic(matrix: Tensor, vector: Tensor) -> Tensor:
    product = matrix @ vector.unsqueeze(-1)
    return (product.squeeze(-1) * vector).sum(-1, keepdim=True)
