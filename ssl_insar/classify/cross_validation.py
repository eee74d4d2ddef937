"""Scores of tiles from volcanoes that the classifier has never seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ssl_insar.archive.groups import Fold, grouped_folds, is_binary
from ssl_insar.classify.linear_probe import LinearProbe, spread_units
from ssl_insar.classify.metrics import Interval, auroc, average_precision, cluster_bootstrap


@dataclass(frozen=True)
class Population:
    """Tiles, labelled or not, to standardise by; those at a volcano being scored are left out.

    Attributes:
        features: (N, D).
        groups: (N,).
    """

    features: NDArray[Any]
    groups: NDArray[Any]

    def outside(self, groups: NDArray[Any]) -> NDArray[Any]:
        """Features of the tiles that belong to none of ``groups``."""
        return self.features[~np.isin(self.groups, groups)]


@dataclass(frozen=True)
class Report:
    """How well tiles of unseen volcanoes were scored.

    Attributes:
        average_precision: with its interval; chance is `prevalence`.
        auroc: with its interval; chance is 0.5.
        tiles: number of labelled tiles.
        volcanoes: number of groups.
        counts: tiles a class.
        binary: whether the classes are 0 and 1.
        table: one row a group, most positives first: ``volcano``, ``tiles``, ``positives``,
            ``average_precision`` within the group (NaN where it holds one class only) and
            ``mean_score``. Without 0/1 classes, a positive is a tile of any class but the commonest
            and the mean score is that of the true class.
    """

    average_precision: Interval
    auroc: Interval
    tiles: int
    volcanoes: int
    counts: dict[Any, int]
    binary: bool
    table: pd.DataFrame

    @property
    def positives(self) -> int:
        """Tiles of class 1, or, without 0/1 classes, of any class but the commonest."""
        return int(self.counts[1]) if self.binary else self.tiles - max(self.counts.values())

    @property
    def prevalence(self) -> float:
        """Average precision of random scores: share of class 1, or the mean share of a class."""
        return self.positives / self.tiles if self.binary else 1 / len(self.counts)


def grouped_scores(
    features: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    folds: int = 5,
    seed: int = 0,
    population: Population | None = None,
) -> NDArray[np.float64]:
    """Out-of-fold scores of a linear probe, no group on both sides of a fold.

    The regularisation of each fold's probe is chosen inside its training groups. Scores are
    log-odds in `spread_units`, not probabilities: those of different folds could not be ranked
    together.

    Args:
        features: (n, D).
        y: (n,) labels.
        groups: (n,) groups, volcanoes as a rule.
        folds: wanted number; fewer are made where a class occurs in fewer groups, but at least 2.
        seed: of the folds.
        population: unlabelled tiles to standardise by; None: the training side.

    Returns:
        (n,) score of class 1 for 0/1 labels, else (n, K) one a class; 0 is the mean of the training
        tiles and 1 their standard deviation.

    Raises:
        NotEvaluableError: a class occurs in one group only (a `UserError` that says which).
    """
    return scores_over(features, y, groups, grouped_folds(y, groups, folds, seed), seed, population)


def scores_over(
    features: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    splits: list[Fold],
    seed: int = 0,
    population: Population | None = None,
) -> NDArray[np.float64]:
    """As `grouped_scores`, over given folds."""
    matrix, labels, names = np.asarray(features), np.asarray(y), np.asarray(groups)
    width = len(np.unique(labels))
    scores = np.full(len(labels) if is_binary(labels) else (len(labels), width), np.nan)
    for train, test in splits:
        around = population.outside(np.unique(names[test])) if population else None
        probe = LinearProbe(seed=seed).fit(matrix[train], labels[train], names[train], around)
        odds = spread_units(probe.decision_function(matrix[test]), probe.decision_function(matrix[train]))
        # Two named classes have one log-odds between them.
        scores[test] = odds if scores.ndim == odds.ndim else np.stack([-odds, odds], axis=1)
    return scores


def evaluate(y: ArrayLike, scores: ArrayLike, groups: ArrayLike, draws: int = 1000, seed: int = 0) -> Report:
    """Metrics with cluster-bootstrap intervals, and the table by group.

    Args:
        y: (n,) labels.
        scores: (n,) or (n, K) out-of-fold scores.
        groups: (n,) groups, resampled as wholes.
        draws: bootstrap draws.
        seed: of the bootstrap.
    """
    labels, values, names = np.asarray(y), np.asarray(scores), np.asarray(groups)
    classes, codes = np.unique(labels, return_inverse=True)
    counts = {key: int(n) for key, n in zip(classes.tolist(), np.bincount(codes), strict=True)}
    return Report(
        average_precision=cluster_bootstrap(codes, values, names, average_precision, draws, seed),
        auroc=cluster_bootstrap(codes, values, names, auroc, draws, seed),
        tiles=len(labels),
        volcanoes=len(np.unique(names)),
        counts=counts,
        binary=is_binary(labels),
        table=_by_group(codes, values, names, is_binary(labels)),
    )


def _by_group(codes: NDArray[Any], scores: NDArray[Any], names: NDArray[Any], binary: bool) -> pd.DataFrame:
    common = 0 if binary else int(np.bincount(codes).argmax())
    told = scores if scores.ndim == 1 else scores[np.arange(len(codes)), codes]
    rows = []
    for name in np.unique(names):
        here = names == name
        rows.append(
            {
                "volcano": str(name),
                "tiles": int(here.sum()),
                "positives": int((codes[here] != common).sum()),
                "average_precision": average_precision(codes[here], scores[here]),
                "mean_score": float(told[here].mean()),
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values(
        ["positives", "tiles", "volcano"], ascending=[False, False, True], ignore_index=True
    )
