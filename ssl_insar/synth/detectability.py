"""How far a signal stands out of the atmosphere: the bound that no detector can beat, and a simple ratio."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ssl_insar.synth.covariance import covariance, variance_within
from ssl_insar.synth.turbulence import PowerLaw

_CELLS = 28
"""Signal and covariance are compared on a grid of so many cells a side: deformation is smoother."""

_AT_ONCE = 8
"""Scenes whose covariances are in memory together."""

_LEAST_INFORMATION = 1e-6
_LEAST_RMS = 1e-3

MASK_SHARE = 0.25
"""A pixel belongs to the deformation where it moves by this share of the peak or more."""


def gls_snr(signal: Tensor, atmosphere: Atmosphere, information: Tensor) -> Tensor:
    r"""Signal-to-noise ratio of the optimal linear detector, a plane removed.

    Generalised least squares with nuisance parameters for offset and ramp, A their columns:
    :math:`\mathrm{SNR}^2 = s^T C^{-1} s - s^T C^{-1} A (A^T C^{-1} A)^{-1} A^T C^{-1} s`, C the covariance
    of the atmosphere plus the variance of decorrelation, which is independent from pixel to pixel. Five is
    where a label is worth keeping.

    Args:
        signal: unwrapped phase of the deformation, rad.
        atmosphere: of each scene.
        information: inverse variance of the decorrelation of each pixel, 1/rad^2, see `phase_information`;
            0 where there is no data.

    Shape:
        (N, H, W), atmosphere of N, (N, H, W) -> (N,); 0 where nothing moves
    """
    found = torch.zeros(len(signal), dtype=torch.float64, device=signal.device)
    moves = torch.nonzero(signal.flatten(1).any(1))[:, 0]
    shape = (int(signal.shape[-2]), int(signal.shape[-1]))
    plane = _plane(shape).to(signal.device)
    for rows in torch.split(moves, _AT_ONCE):
        weight = information[rows].to(torch.float64).unsqueeze(1)
        known = avg_pool2d(weight, _cell(shape), divisor_override=1).flatten(1)
        total = avg_pool2d(weight * signal[rows].unsqueeze(1), _cell(shape), divisor_override=1).flatten(1)
        # A cell without information has a variance beyond all others.
        known = known.clamp_min(_LEAST_INFORMATION)
        noise = atmosphere.between_cells(rows, shape)
        noise.diagonal(dim1=1, dim2=2).add_(1 / known)
        right = torch.cat([(total / known).unsqueeze(2), plane.expand(len(rows), -1, -1)], dim=2)
        white = torch.linalg.solve_triangular(torch.linalg.cholesky(noise), right, upper=False)
        products = white.mT @ white
        across = products[:, :1, 1:]
        nuisance = across @ torch.linalg.solve(products[:, 1:, 1:], across.mT)
        found[rows] = (products[:, 0, 0] - nuisance[:, 0, 0]).clamp_min(0).sqrt()
    return found


@dataclass(frozen=True)
class Atmosphere:
    """Covariance of the atmosphere of N scenes: power-law turbulence, and exponential screens.

    Attributes:
        spacing: of the pixels (north-south, east-west), m.
        law: spectrum of the turbulence.
        rms: of it over the scene, rad, (N,).
        sigma: of exponential screens, rad, (N, K); K may be 0.
        length: correlation length of those, m, (N, K).
    """

    spacing: tuple[float, float]
    law: PowerLaw
    rms: Tensor
    sigma: Tensor
    length: Tensor

    def between_cells(self, rows: Tensor, shape: tuple[int, int]) -> Tensor:
        """Covariance between the cells of some scenes, (n, cells, cells), rad^2; the caller's to change."""
        device = rows.device
        # Of scenes without atmosphere the ratio to it is still a number.
        scale = self.rms[rows].to(torch.float64).square().clamp_min(_LEAST_RMS**2)
        total = scale[:, None, None] * _screen(shape, self.spacing, self.law).to(device)
        if self.sigma.shape[1]:
            distance = _distance(shape, self.spacing).to(device)
            for sigma, length in zip(
                self.sigma[rows].double().mT, self.length[rows].double().mT, strict=True
            ):
                total = total + sigma.square()[:, None, None] * torch.exp(-distance / length[:, None, None])
        return total


def phase_information(
    coherence: Tensor, looks: Tensor | float, valid: Tensor, white: Tensor | float = 0.0
) -> Tensor:
    """Inverse variance of the phase of L looks, by the bound of Cramer and Rao: 2 L g^2 / (1 - g^2).

    Where that variance exceeds one rad^2 a pixel's phase goes round the circle, and the bound, which is
    linear, says nothing: such pixels count as noise.

    Args:
        coherence: in [0, 1].
        looks: L, broadcastable to it.
        valid: where there is data.
        white: further white noise, rad, likewise.

    Shape:
        -> 1/rad^2, that of the coherence; 0 where there is no data
    """
    squared = coherence.square().clamp(max=1 - 1e-4)
    information = 2 * looks * squared / (1 - squared)
    information = information / (1 + information * torch.as_tensor(white).square())
    return torch.where(valid & (information > 1), information, 0.0)


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
def _screen(shape: tuple[int, int], spacing: tuple[float, float], law: PowerLaw) -> Tensor:
    """Covariance of turbulence of RMS 1 between cells, (cells, cells)."""
    averaged = covariance(law, shape, spacing, _cell(shape))
    row, col = _corners(shape)
    matrix = averaged[(row[:, None] - row).abs(), (col[:, None] - col).abs()]
    # What `standardise` does to a field: its mean goes, and its variance over the scene becomes 1.
    return matrix / variance_within(covariance(law, shape, spacing), shape)


@lru_cache(maxsize=16)
def _distance(shape: tuple[int, int], spacing: tuple[float, float]) -> Tensor:
    """Distance between cells, m, (cells, cells)."""
    row, col = _corners(shape)
    return torch.hypot((row[:, None] - row).double() * spacing[0], (col[:, None] - col).double() * spacing[1])


def _plane(shape: tuple[int, int]) -> Tensor:
    """Columns of offset and ramp, (cells, 3)."""
    row, col = _corners(shape)
    columns = [torch.ones(len(row)), row / shape[0] - 0.5, col / shape[1] - 0.5]
    return torch.stack(columns, dim=1).to(torch.float64)


def _corners(shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """First row and column of each cell."""
    rows, cols = (torch.arange(n // side) * side for n, side in zip(shape, _cell(shape), strict=True))
    row, col = (axis.flatten() for axis in torch.meshgrid(rows, cols, indexing="ij"))
    return row, col
