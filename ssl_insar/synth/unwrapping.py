"""Unwrapping errors: whole cycles too many or too few on patches that low coherence cuts off."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from torch import Tensor

_SEEDS = 24
"""Patches a field is divided into, of which some are chosen: 4 % of the area each on average."""


def unwrapping_errors(
    coherence: Tensor,
    patches: Tensor,
    *,
    area: tuple[float, float] = (0.01, 0.2),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Phase to add to unwrapped interferograms; on wrapped phase it has no effect at all.

    A field is divided among seeds so that the way from a seed to its pixels crosses as little
    incoherent ground as it can (a watershed cut: Cousty et al. 2009), and of the parts those with
    the least coherent borders are chosen. Each gets one of +-1 and +-2 cycles.

    Args:
        coherence: in [0, 1], (N, H, W).
        patches: how many errors to put in each field, 0 to 3, (N,). Fewer come where the parts of
            suitable size are used up or would cover more than ``area`` allows.
        area: least share of the field that a patch covers, and most that all its patches do.
        generator: source of randomness, on the device of ``coherence``. The division itself runs
            on the CPU.

    Shape:
        (N, H, W), (N,) -> (N, H, W), float32, multiples of 2 pi; patches are 4-connected

    Raises:
        ValueError: ``area`` is not 0 < least <= most <= 1.
    """
    if not 0 < area[0] <= area[1] <= 1:
        raise ValueError(f"areas must be 0 < least <= most <= 1, not {area}")
    device = coherence.device
    count, height, width = coherence.shape
    pixels = height * width
    seeds = torch.randint(pixels, (count, _SEEDS), generator=generator, device=device)
    jitter = torch.rand(coherence.shape, generator=generator, dtype=torch.float64, device=device)
    size, turns = torch.randint(0, 2, (2, count * _SEEDS), generator=generator, device=device).cpu().numpy()

    # Jitter decides where the coherence does not.
    cost = (1 - coherence.to(torch.float64) + 1e-3 * jitter).cpu().numpy()
    part = _watershed(cost, (seeds + pixels * torch.arange(count, device=device)[:, None]).cpu().numpy())
    border = _border_cost(cost, part)
    share = np.bincount(part.ravel()) / pixels
    field = np.empty(len(share), int)
    field[part.reshape(count, -1)] = np.arange(count)[:, None]

    order = np.lexsort((-border, field))
    order = order[(share[order] >= area[0]) & (share[order] <= area[1])]
    # Within its field: how many better parts there are, and what they and this one cover.
    first = np.searchsorted(field[order], field[order])
    covered = np.cumsum(share[order])
    before = np.concatenate([[0.0], covered])[first]
    wanted = patches.cpu().numpy()[field[order]]
    order = order[(np.arange(len(order)) - first < wanted) & (covered - before <= area[1] * (1 + 1e-9))]
    cycles = np.zeros(len(share), np.float32)
    cycles[order] = ((1 + size) * (2 * turns - 1))[: len(order)]
    return torch.from_numpy(2 * math.pi * cycles[part]).to(device, torch.float32)


def _watershed(cost: NDArray[np.float64], seeds: NDArray[np.int64]) -> NDArray[np.int32]:
    """Divide fields among their seeds by a minimum spanning forest; labels are unique in the batch.

    Args:
        cost: above 0, (N, H, W).
        seeds: flat indices into the batch.

    Shape:
        -> (N, H, W), labels from 0
    """
    index = np.arange(cost.size).reshape(cost.shape)
    pairs = [(index[:, 1:], index[:, :-1]), (index[:, :, 1:], index[:, :, :-1])]
    one, two = (np.concatenate([pair[end].ravel() for pair in pairs]) for end in (0, 1))
    step = np.maximum(cost.ravel()[one], cost.ravel()[two])
    # All seeds hang on one more node by edges cheaper than any other: the tree that holds them all
    # falls, without that node, into one tree a seed.
    root = cost.size
    seeds = np.unique(seeds)
    rows, cols = np.concatenate([one, seeds]), np.concatenate([two, np.full(len(seeds), root)])
    weights = np.concatenate([1 + step, np.full(len(seeds), 0.5)])
    tree = minimum_spanning_tree(coo_matrix((weights, (rows, cols)), shape=(root + 1, root + 1)).tocsr())
    labels: NDArray[np.int32] = connected_components(tree[:root, :root], directed=False)[1]
    return labels.reshape(cost.shape)


def _border_cost(cost: NDArray[np.float64], part: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mean cost along the border of each part with the others; 0 for a part without."""
    total, length = np.zeros(part.max() + 1), np.zeros(part.max() + 1)
    for here, there in (
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
        ((..., slice(1, None)), (..., slice(None, -1))),
    ):
        differ = part[here] != part[there]
        crossing = np.maximum(cost[here], cost[there])[differ]
        for side in (part[here][differ], part[there][differ]):
            np.add.at(total, side, crossing)
            np.add.at(length, side, 1)
    return np.divide(total, length, out=np.zeros_like(total), where=length > 0)
