"""Signs of life of an embedding: a falling loss proves nothing, these do."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F


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
