"""Which tiles to label next, and what that saves against choosing at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import kmeans_plusplus
from sklearn.metrics import pairwise_distances_argmin_min

from ssl_insar.classify.few_shot import draws_of
from ssl_insar.classify.frozen import FrozenClassifier
from ssl_insar.classify.metrics import auroc, average_precision
from ssl_insar.classify.prototypes import Prototypes

Strategy: TypeAlias = Literal["badge", "k-center", "uncertain", "random"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


def suggest(
    features: ArrayLike,
    count: int,
    labelled: ArrayLike | None = None,
    probability: ArrayLike | None = None,
    strategy: Strategy = "badge",
    seed: int = 0,
) -> NDArray[np.intp]:
    """The most useful tiles to label next.

    - ``badge``: diverse and uncertain: k-means++ among the gradients that a tile would send into a linear
      layer were the likeliest class true (Ash et al. 2020, "Deep Batch Active Learning by Diverse,
      Uncertain Gradient Lower Bounds", algorithm 1). Needs probabilities.
    - ``k-center``: diverse only: each the farthest from all labelled and chosen ones (Sener & Savarese
      2018, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", algorithm 1).
    - ``uncertain``: smallest margin between the two likeliest classes.
    - ``random``.

    Args:
        features: (n, D) unlabelled tiles.
        count: how many; all, if there are fewer.
        labelled: (m, D) tiles that have a label; None: none has.
        probability: (n, K) of a classifier.
        strategy: see above.
        seed: of what is random.

    Returns:
        (count,) row numbers, no row twice; the most useful first, but for ``badge`` and ``random``.

    Raises:
        ValueError: a strategy that needs probabilities, without.
    """
    matrix = np.asarray(features, np.float64)
    count = min(count, len(matrix))
    rng = np.random.default_rng(seed)
    if count < 1:
        return np.array([], np.intp)
    if strategy == "random":
        return rng.permutation(len(matrix))[:count]
    if strategy == "k-center":
        return _k_center(matrix, count, None if labelled is None else np.asarray(labelled, np.float64), rng)
    if probability is None:
        raise ValueError(f"strategy {strategy} needs the probabilities of a classifier")
    told = np.asarray(probability, np.float64)
    if strategy == "uncertain":
        best = np.sort(told, axis=1)
        return np.argsort(best[:, -1] - best[:, -2], kind="stable")[:count]
    slope = told - np.eye(told.shape[1])[told.argmax(axis=1)]
    gradients = (slope[:, :, None] * matrix[:, None, :]).reshape(len(matrix), -1)
    _, chosen = kmeans_plusplus(gradients, count, random_state=int(rng.integers(2**31)))
    # Equal gradients may be drawn twice; others then take their place.
    distinct = pd.unique(np.asarray(chosen, np.intp))
    rest = np.setdiff1d(rng.permutation(len(matrix)), distinct, assume_unique=True)
    return np.concatenate([distinct, rest])[:count].astype(np.intp)


def simulate(
    features: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    make: Callable[[], FrozenClassifier] = Prototypes,
    strategies: Sequence[Strategy] = STRATEGIES,
    *,
    start: int = 1,
    step: int = 10,
    rounds: int = 4,
    draws: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Play the analyst: label what is suggested at half of the volcanoes, score the other half.

    Every strategy begins a draw with the same few labels of each class and meets the same volcanoes; the
    draws are those of `few_shot`.

    Args:
        features: (n, D).
        y: (n,) labels, which are shown as they are asked for.
        groups: (n,) volcanoes.
        make: gives the classifier that is fitted again in each round.
        strategies: which to compare.
        start: labels of each class at the beginning.
        step: labels a round.
        rounds: number of rounds.
        draws: repetitions with other volcanoes.
        seed: of the draws.

    Returns:
        a row a draw, strategy and round: ``draw``, ``strategy``, ``labels`` given, ``rarest`` (labels of
        the rarest class among them), ``average_precision`` and ``auroc`` at the other volcanoes.

    Raises:
        NotEvaluableError: a class occurs in one group only.
    """
    matrix, labels, names = np.asarray(features), np.asarray(y), np.asarray(groups)
    classes, codes = np.unique(labels, return_inverse=True)
    records = []
    for i, draw in enumerate(draws_of(labels, names, start, draws, seed)):
        first = draw.shots(start)
        if first is None:
            continue
        for strategy in strategies:
            known = first
            for turn in range(rounds + 1):
                model = make().fit(matrix[known], labels[known], names[known], matrix[draw.support])
                scores = model.scores(matrix[draw.query])
                truth = codes[draw.query]
                records.append(
                    {
                        "draw": i,
                        "strategy": strategy,
                        "labels": len(known),
                        "rarest": int(np.bincount(codes[known], minlength=len(classes)).min()),
                        "average_precision": average_precision(truth, scores),
                        "auroc": auroc(truth, scores),
                    }
                )
                pool = np.setdiff1d(draw.support, known)
                chosen = suggest(
                    matrix[pool],
                    step,
                    matrix[known],
                    model.predict_proba(matrix[pool]),
                    strategy,
                    seed + turn,
                )
                known = np.concatenate([known, pool[chosen]])
    return pd.DataFrame(records)


def gain_over_random(table: pd.DataFrame, metric: str = "average_precision") -> pd.DataFrame:
    """Mean of a metric by strategy and number of labels, and its paired difference from random choice.

    Returns:
        columns ``strategy``, ``labels``, ``rarest``, ``mean``, ``gain`` and ``better`` (share of draws in
        which it was above random).
    """
    wide = table.pivot_table(index=["draw", "labels"], columns="strategy", values=metric)
    rows = []
    for (strategy, labels), part in table.groupby(["strategy", "labels"], sort=False):
        apart = (wide[strategy] - wide["random"]).xs(labels, level="labels").dropna()
        rows.append(
            {
                "strategy": strategy,
                "labels": labels,
                "rarest": part["rarest"].mean(),
                "mean": part[metric].mean(),
                "gain": apart.mean(),
                "better": (apart > 0).mean(),
            }
        )
    return pd.DataFrame(rows)


def _k_center(
    matrix: NDArray[np.float64], count: int, labelled: NDArray[np.float64] | None, rng: np.random.Generator
) -> NDArray[np.intp]:
    chosen: list[int] = []
    if labelled is None or not len(labelled):
        chosen = [int(rng.integers(len(matrix)))]
        gap = np.linalg.norm(matrix - matrix[chosen[0]], axis=1)
    else:
        gap = np.asarray(pairwise_distances_argmin_min(matrix, labelled)[1])
    gap[chosen] = -1
    while len(chosen) < count:
        farthest = int(gap.argmax())
        chosen.append(farthest)
        gap = np.minimum(gap, np.linalg.norm(matrix - matrix[farthest], axis=1))
        gap[chosen] = -1  # copies of a chosen tile lie at 0, the chosen ones below
    return np.asarray(chosen, np.intp)
