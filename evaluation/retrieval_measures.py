"""Numbers of rankings: average precision and precision of each query, what chance has, medians of draws."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ssl_insar.phase import BoolArray

Floats: TypeAlias = NDArray[np.float64]


def ranking_scores(
    cosines: NDArray[np.floating[Any]], relevant: BoolArray, allowed: BoolArray, k: int
) -> tuple[Floats, Floats]:
    """Average precision and precision at ``k`` of rankings; NaN where nothing relevant may be found.

    Average precision is the mean, over the relevant ones, of the precision at their rank, as in TREC
    (Manning, Raghavan and Schütze 2008, "Introduction to Information Retrieval", section 8.4). Where fewer
    than ``k`` may be found, precision is of those.

    Args:
        cosines: of each query with each tile.
        relevant: whether the tile is what the query is after.
        allowed: whether it may be an answer.
        k: how many answers precision is of.

    Shape:
        all (q, n) -> (q,), (q,)
    """
    order = np.argsort(np.where(allowed, -cosines, np.inf), axis=1, kind="stable")
    hits = np.take_along_axis(relevant & allowed, order, 1)
    rank = np.arange(1, hits.shape[1] + 1)
    found = hits.cumsum(axis=1)
    wanted = found[:, -1]
    shown = np.clip(allowed.sum(axis=1), 1, k)
    with np.errstate(invalid="ignore"):
        average = (hits * found / rank).sum(axis=1) / np.where(wanted > 0, wanted, np.nan)
    precision = np.where(wanted > 0, hits[:, :k].sum(axis=1) / shown, np.nan)
    return average, precision


def chance_scores(relevant: BoolArray, allowed: BoolArray) -> tuple[Floats, Floats]:
    """What a random order has on average: its average precision, and its precision at any k.

    Of R relevant among N: (H + (R - 1) (N - H) / (N - 1)) / N, H being the N-th harmonic number, as every
    rank is relevant with probability R / N and then has (R - 1) / (N - 1) of those before it. It is above
    R / N.

    Shape:
        (q, n), (q, n) -> (q,), (q,); NaN where nothing relevant may be found
    """
    count = allowed.sum(axis=1).astype(float)
    wanted = (relevant & allowed).sum(axis=1)
    harmonic = np.cumsum(1 / np.arange(1, allowed.shape[1] + 1))[np.maximum(count, 1).astype(int) - 1]
    before = np.divide(wanted - 1, count - 1, out=np.zeros(len(count)), where=count > 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        average = (harmonic + before * (count - harmonic)) / count
        return np.where(wanted > 0, average, np.nan), np.where(wanted > 0, wanted / count, np.nan)


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Mean of what is known, for each weighting; NaN where nothing is.

    Shape:
        (q,), (draws, q) -> (draws,)
    """
    known = np.isfinite(values)
    total = weights[:, known].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: Floats = weights[:, known] @ values[known] / total
    return mean


def macro_mean(values: Floats, weights: Floats, kinds: NDArray[Any]) -> Floats:
    """Mean over kinds of the mean of each, so that a frequent kind counts no more than a rare one.

    Shape:
        (q,), (draws, q), (q,) -> (draws,); a kind that a draw lacks is left out of it
    """
    each = np.stack([weighted_mean(values[kinds == k], weights[:, kinds == k]) for k in np.unique(kinds)])
    known = np.isfinite(each)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(known, each, 0).sum(axis=0) / known.sum(axis=0)
    return mean


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """The value that half the weight does not exceed, for each weighting; NaN where nothing is known.

    Shape:
        (q,), (draws, q) -> (draws,)
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(weights), np.nan)
    order = np.argsort(values[known])
    sums = weights[:, known][:, order].cumsum(axis=1)
    place = (sums < sums[:, -1:] / 2).sum(axis=1)
    median: Floats = np.where(
        sums[:, -1] > 0, values[known][order][np.minimum(place, known.sum() - 1)], np.nan
    )
    return median
