"""Signs of life of an embedding: a falling loss proves nothing, these do."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

COLLAPSED = 0.05
"""Spread, as `feature_std`, below which nothing is left to tell tiles apart."""
ONE_LINE = 2.0
"""Effective rank below which the features vary along one direction alone."""

_CURES = {
    "vicreg": "raise objective.variance",
    "barlow_twins": "raise data.batch_size or objective.redundancy",
    "byol": "raise objective.momentum",
    "moco": "raise objective.momentum",
    "dino": "lower objective.teacher_temperature",
}
_CONTRASTIVE = "raise data.batch_size"


def feature_std(features: NDArray[np.float32]) -> float:
    """Mean standard deviation of unit-length features, times sqrt(D): about 1 healthy, 0 collapsed.

    Source: Chen & He (2021), "Exploring Simple Siamese Representation Learning", sec. 4.

    Shape:
        (N, D)
    """
    unit = F.normalize(torch.from_numpy(features), dim=1)
    return float(unit.std(0).mean() * features.shape[1] ** 0.5)


def rank_me(features: NDArray[np.float32]) -> float:
    """Effective rank: exp of the entropy of the normalised singular values.

    Source: Garrido et al. (2023), "RankMe", eq. 1.

    Shape:
        (N, D) -> between 1 and min(N, D)
    """
    values = torch.linalg.svdvals(torch.from_numpy(features))
    p = values / values.sum().clamp_min(1e-12)
    return float(torch.exp(-(p * (p + 1e-7).log()).sum()))


def alignment(first: Tensor, second: Tensor) -> float:
    """Mean squared distance of the unit features of two views: 0 the same, 2 unrelated on average.

    Source: Wang & Isola (2020), "Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere", eq. 4 with alpha = 2.

    Shape:
        (N, D), (N, D)
    """
    distance = F.normalize(first, dim=1) - F.normalize(second, dim=1)
    return float(distance.square().sum(1).mean())


def uniformity(features: Tensor) -> float:
    """Log of the mean Gaussian potential of all pairs: 0 one point, about -4 evenly over a large sphere.

    Features behind a ReLU have no negative parts and end above about -2.

    Source: Wang & Isola (2020), eq. 5 with t = 2.

    Shape:
        (N, D), N at least 2
    """
    squared = torch.pdist(F.normalize(features, dim=1)).square()
    return float(squared.mul(-2).exp().mean().log())


def collapse(
    std: float, rank: float, before: tuple[float, float], objective: str, *, whole: bool = True
) -> str | None:
    """Why the features are past saving, and what to change; None if they are not.

    An untrained network may be as low: only what has not risen since is a collapse.

    Args:
        std: `feature_std` now.
        rank: `rank_me` now.
        before: both before training.
        objective: name of it in the recipe.
        whole: whether the objective is trained; heads alone may do with one direction.
    """
    state = f"(std {std:.2g}, healthy about 1, {before[0]:.2g} before training; effective rank {rank:.1f})"
    if std < COLLAPSED and std <= before[0]:
        return (
            f"all tiles embed alike {state}. The likely cause is a step too large, or an objective for "
            f"which one answer to everything costs least: {cure(objective)}, or check the archive for "
            "empty tiles"
        )
    if whole and rank < ONE_LINE and rank <= before[1]:
        return (
            f"they vary along one direction alone {state}. The likely cause is that little more survives "
            f"in both views of a tile: see pictures/views.png, weaken the views, or {cure(objective)}"
        )
    return None


def cure(objective: str) -> str:
    """What to change in the recipe when an objective, by its name there, has collapsed."""
    return f"lower optim.lr, {_CURES.get(objective, _CONTRASTIVE)}"


def knn_scores(
    features: NDArray[np.float32], positive: NDArray[np.bool_], groups: NDArray[np.str_], k: int
) -> NDArray[np.float64]:
    """Share of positives among the k nearest tiles of *other* groups, weighted by similarity.

    Neighbours of the same volcano are left out: they would say where a tile is, not what it shows.

    Shape:
        (N, D), (N,), (N,) -> (N,) in [0, 1]
    """
    unit = F.normalize(torch.from_numpy(features), dim=1)
    _, group = np.unique(groups, return_inverse=True)
    group_ = torch.from_numpy(group)
    label = torch.from_numpy(positive.astype(np.float32))
    scores = []
    for start in range(0, len(unit), 512):
        chunk = slice(start, start + 512)
        cosine = unit[chunk] @ unit.T
        cosine[group_[chunk].unsqueeze(1) == group_] = -torch.inf
        best, index = cosine.topk(min(k, len(unit) - 1), dim=1)
        weight = torch.where(torch.isfinite(best), torch.exp(best / 0.1), 0.0)
        scores.append((weight * label[index]).sum(1) / weight.sum(1).clamp_min(1e-12))
    return torch.cat(scores).double().numpy()
