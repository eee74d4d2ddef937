"""Which tiles to label next, and what that saves against choosing at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import pairwise_distances_argmin_min

from ssl_insar.classify.few_shot import draws_of
from ssl_insar.classify.frozen import FrozenClassifier
from ssl_insar.classify.metrics import auroc, average_precision
from ssl_insar.classify.prototypes import Prototypes
from ssl_insar.models.embeddings import unit_rows

Strategy: TypeAlias = Literal["auto", "spread", "badge", "k-center", "uncertain", "random"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

FEW = 5
"""Labels of the rarest class from which on ``auto`` listens to the classifier."""


def suggest(
    features: ArrayLike,
    count: int,
    labelled: ArrayLike | None = None,
    probability: ArrayLike | None = None,
    strategy: Strategy = "badge",
    seed: int | Sequence[int] = 0,
    labels: ArrayLike | None = None,
) -> NDArray[np.intp]:
    """The most useful tiles to label next.

    - ``spread``: diverse: each is drawn with a chance that goes as the squared distance from all labelled
      and chosen ones (k-means++; Arthur & Vassilvitskii 2007, section 2.2). Dense places get more than one,
      and single odd tiles no more than their share.
    - ``badge``: diverse and uncertain: k-means++ among the gradients that a tile would send into a linear
      layer were the likeliest class true (Ash et al. 2020, "Deep Batch Active Learning by Diverse,
      Uncertain Gradient Lower Bounds", algorithm 1), begun at 0, the gradient of a tile that the
      classifier is sure of. Needs probabilities.
    - ``auto``: ``spread`` while the rarest class has fewer than `FEW` labels, then ``badge``: what a
      classifier of one or two positives is unsure of is chance.
    - ``k-center``: diverse only: each the farthest from all labelled and chosen ones (Sener & Savarese
      2018, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", algorithm 1).
    - ``uncertain``: smallest margin between the two likeliest classes.
    - ``random``.

    ``spread`` and ``badge`` take features from their mean and of unit length, as `Prototypes` does: the
    embeddings of an encoder crowd about a common direction, beside which all that sets tiles apart is
    small, and gradients would differ in how uncertain a tile is and in little else.

    Args:
        features: (n, D) unlabelled tiles.
        count: how many; all, if there are fewer.
        labelled: (m, D) tiles that have a label; None: none has.
        probability: (n, K) of a classifier.
        strategy: see above.
        seed: of what is random.
        labels: (m,) classes of ``labelled``, which ``auto`` looks at; None: it takes them as few.

    Returns:
        (count,) row numbers, no row twice; the most useful first for ``k-center`` and ``uncertain``.

    Raises:
        ValueError: a strategy that needs probabilities, without.
    """
    matrix = np.asarray(features, np.float64)
    count = min(count, len(matrix))
    rng = np.random.default_rng(seed)
    if count < 1:
        return np.array([], np.intp)
    if strategy == "auto":
        strategy = "spread" if probability is None or _rarest(labels) < FEW else "badge"
    if strategy == "random":
        return rng.permutation(len(matrix))[:count]
    known = matrix[:0] if labelled is None else np.asarray(labelled, np.float64)
    if strategy == "k-center":
        return _k_center(matrix, count, known, rng)
    if strategy == "spread":
        placed = _placed(np.concatenate([matrix, known]))
        return _spread(placed[: len(matrix)], count, placed[len(matrix) :], rng)
    if probability is None:
        raise ValueError(f"strategy {strategy} needs the probabilities of a classifier")
    told = np.asarray(probability, np.float64)
    if strategy == "uncertain":
        best = np.sort(told, axis=1)
        return np.argsort(best[:, -1] - best[:, -2], kind="stable")[:count]
    slope = told - np.eye(told.shape[1])[told.argmax(axis=1)]
    placed = _placed(np.concatenate([matrix, known]))[: len(matrix)]
    gradients = (slope[:, :, None] * placed[:, None, :]).reshape(len(matrix), -1)
    return _spread(gradients, count, np.zeros((1, gradients.shape[1])), rng)


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
                if turn == rounds:
                    break
                pool = np.setdiff1d(draw.support, known)
                chosen = suggest(
                    matrix[pool],
                    step,
                    matrix[known],
                    model.predict_proba(matrix[pool]),
                    strategy,
                    [seed, i, turn],
                    labels[known],
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


def _rarest(labels: ArrayLike | None) -> int:
    """Number of labels of the rarest class that has any; 0 where no label is known."""
    given = np.asarray([] if labels is None else labels)
    return int(np.unique(given, return_counts=True)[1].min()) if len(given) else 0


def _placed(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows from their mean, of unit length."""
    return np.asarray(unit_rows(matrix - matrix.mean(axis=0)), np.float64)


def _spread(
    points: NDArray[np.float64], count: int, taken: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.intp]:
    """k-means++ that begins with given points, as scikit-learn's cannot; with a random one if none are."""
    free = np.ones(len(points), bool)
    gap = np.ones(len(points))
    if len(taken):
        gap = np.asarray(pairwise_distances_argmin_min(points, taken, metric="sqeuclidean")[1])
    chosen: list[int] = []
    while len(chosen) < count:
        weight = gap * free
        if not weight.any():  # only copies of what is taken are left
            weight = free.astype(np.float64)
        row = int(rng.choice(len(points), p=weight / weight.sum()))
        apart = ((points - points[row]) ** 2).sum(axis=1)
        gap = np.minimum(gap, apart) if len(taken) or chosen else apart
        chosen.append(row)
        free[row] = False
    return np.asarray(chosen, np.intp)


def _k_center(
    matrix: NDArray[np.float64], count: int, labelled: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.intp]:
    chosen: list[int] = []
    if not len(labelled):
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
