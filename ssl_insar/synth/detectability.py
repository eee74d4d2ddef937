"""How far a signal stands out of the atmosphere: the bound that no detector can beat, and a simple ratio."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ssl_insar.synth.covariance import covariance, variance_within
from ssl_insar.synth.turbulence import HANSSEN, PowerLaw

_CELLS = 28
"""Signal and covariance are compared on a grid of so many cells a side: deformation is smoother."""

MASK_SHARE = 0.25
"""A pixel belongs to the deformation where it moves by this share of the peak or more."""


def gls_snr(
    signal: Tensor,
    rms: Tensor,
    spacing: tuple[float, float],
    law: PowerLaw = HANSSEN,
    *,
    white: Tensor | float = 0.02,
) -> Tensor:
    r"""Signal-to-noise ratio of the optimal linear detector, a plane removed.

    Generalised least squares with nuisance parameters for offset and ramp:
    :math:`\mathrm{SNR}^2 = s^T C^{-1} s` in the space orthogonal to them, C the covariance of turbulence.
    Five is where a label is worth keeping.

    Args:
        signal: unwrapped phase of the deformation, rad.
        rms: of the atmosphere over the scene, rad.
        spacing: of the pixels (north-south, east-west), m.
        law: spectrum of the atmosphere.
        white: variance of uncorrelated noise in a cell of the grid, rad^2.

    Shape:
        (N, H, W), (N,) -> (N,)
    """
    shape = (int(signal.shape[-2]), int(signal.shape[-1]))
    basis, variances = _modes(shape, spacing, law)
    coarse = avg_pool2d(signal.to(torch.float64).unsqueeze(1), _cell(shape)).flatten(1).cpu()
    amplitudes = coarse @ basis
    noise = rms.cpu().to(torch.float64).reshape(-1, 1).square() * variances
    noise = noise + torch.as_tensor(white, dtype=torch.float64).reshape(-1, 1)
    return (amplitudes.square() / noise).sum(dim=1).sqrt().to(signal.device)


def variance_ratio(signal: Tensor, noise: Tensor, mask: Tensor) -> Tensor:
    """Variance of the deformation over that of all else, inside the deformation (Gaddes et al. 2024).

    Args:
        signal: unwrapped phase of the deformation, rad.
        noise: unwrapped phase of all else, rad.
        mask: where it deforms.

    Shape:
        (N, H, W) three times -> (N,); NaN where nothing deforms
    """

    def variance(field: Tensor) -> Tensor:
        inside = mask.to(field.dtype)
        count = inside.sum(dim=(-2, -1))
        mean = (field * inside).sum(dim=(-2, -1)) / count
        return ((field - mean[:, None, None]).square() * inside).sum(dim=(-2, -1)) / count

    return variance(signal) / variance(noise)


def deformation_mask(displacement: Tensor) -> Tensor:
    """Where a scene deforms: by a quarter of its largest displacement or more.

    Shape:
        (N, H, W), m -> (N, H, W) bool; all False where nothing moves
    """
    size = displacement.abs()
    peak = size.amax(dim=(-2, -1), keepdim=True)
    return (size >= MASK_SHARE * peak) & (peak > 0)


def _cell(shape: tuple[int, int]) -> tuple[int, int]:
    """Pixels that are averaged; a remainder at the lower and right edge is left out."""
    return -(-shape[0] // _CELLS), -(-shape[1] // _CELLS)


@lru_cache(maxsize=16)
def _modes(shape: tuple[int, int], spacing: tuple[float, float], law: PowerLaw) -> tuple[Tensor, Tensor]:
    """Orthonormal modes of the atmosphere without mean and plane, and their variances at an RMS of 1.

    Shape:
        -> (cells, cells - 3), (cells - 3,)
    """
    cell = _cell(shape)
    averaged = covariance(law, shape, spacing, cell)
    rows, cols = (torch.arange(n // side) * side for n, side in zip(shape, cell, strict=True))
    row, col = (axis.flatten() for axis in torch.meshgrid(rows, cols, indexing="ij"))
    matrix = averaged[(row[:, None] - row).abs(), (col[:, None] - col).abs()]
    # What `standardise` does to a field: its mean goes, and its variance over the scene becomes 1.
    cells = len(row)
    matrix = matrix / variance_within(covariance(law, shape, spacing), shape)
    plane = torch.stack([torch.ones(cells, dtype=torch.float64), row.double(), col.double()], dim=1)
    orthogonal = torch.linalg.qr(plane, mode="complete").Q[:, 3:]
    variances, vectors = torch.linalg.eigh(orthogonal.T @ matrix @ orthogonal)
    return orthogonal @ vectors, variances.clamp_min(0)
