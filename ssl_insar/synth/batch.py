"""Parameters that differ from field to field of a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def per_field(values: Tensor | float, like: Tensor) -> Tensor:
    """Bring a parameter into a shape that broadcasts over (N, H, W).

    Args:
        values: one number for all fields, (N,) with one a field, or (..., H, W) with one a pixel.
        like: gives dtype and device.

    Shape:
        () or (N,) -> (1, 1, 1) or (N, 1, 1); (..., H, W) -> the same
    """
    tensor = torch.as_tensor(values, dtype=like.dtype, device=like.device)
    return tensor if tensor.ndim >= 2 else tensor.reshape(-1, 1, 1)


def relative_to_mean(fields: Tensor) -> Tensor:
    """Subtract from each field its mean: the constant of an interferogram is arbitrary.

    Shape:
        (..., H, W) -> the same
    """
    return fields - fields.mean(dim=(-2, -1), keepdim=True)
