"""Gauss-Legendre nodes as tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def gauss_legendre(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [0, 1].

    Shape:
        -> (count,), (count,), float64
    """
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (
        torch.as_tensor((nodes + 1) / 2, dtype=torch.float64, device=device),
        torch.as_tensor(weights / 2, dtype=torch.float64, device=device),
    )
