"""Scores of labelled tiles from classifiers that know nothing of their volcano, and proof of it.

Calibration, prediction sets and thresholds are all learned from such scores: on a classifier's own
training tiles it looks surer, and more often right, than it will be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ssl_insar.archive.groups import Fold
from ssl_insar.classify.cross_validation import Population
from ssl_insar.classify.frozen import FrozenClassifier, both_sides, one_side
from ssl_insar.errors import UserError


class LeakError(UserError):
    """Something of the tiles to be scored is in the tiles that were learned from."""


@dataclass(frozen=True)
class HeldOut:
    """Scores out of fold.

    Attributes:
        classes: (K,).
        logits: (n, K) log-odds up to a constant, comparable between folds.
        raw: (n, K) the classifiers' own probabilities.
        codes: (n,) true classes 0..K-1.
        groups: (n,) volcanoes.
        fold: (n,) which classifier scored the tile.
        learned_from: for each fold the names of the volcanoes its classifier has seen.

    Raises:
        LeakError: a tile was scored by a classifier that has seen its volcano.
    """

    classes: NDArray[Any]
    logits: NDArray[np.float64]
    raw: NDArray[np.float64]
    codes: NDArray[np.intp]
    groups: NDArray[Any]
    fold: NDArray[np.intp]
    learned_from: tuple[frozenset[str], ...]

    def __post_init__(self) -> None:
        for i, seen in enumerate(self.learned_from):
            refuse_shared(seen, self.groups[self.fold == i], "volcano")

    @property
    def scores(self) -> NDArray[np.float64]:
        """What the metrics take: (n,) for two classes, else (n, K)."""
        return one_side(self.logits)

    def parts(self) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """For each fold, which tiles are of the others and which are its own; their volcanoes differ."""
        for i in np.unique(self.fold):
            yield self.fold != i, self.fold == i


class Odds(NamedTuple):
    """What a classifier says of m rows.

    Attributes:
        logits: (m, K) log-odds up to a constant, comparable between folds.
        raw: (m, K) its own probabilities.
    """

    logits: NDArray[np.float64]
    raw: NDArray[np.float64]


def held_out_scores(
    make: Callable[[], FrozenClassifier],
    features: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    splits: list[Fold],
    population: Population | None = None,
    catalogue: pd.DataFrame | None = None,
) -> HeldOut:
    """Fit on each fold's training side and score the other.

    Args:
        make: gives a classifier that is not fitted yet.
        features: (n, D).
        y: (n,) labels.
        groups: (n,) volcanoes.
        splits: folds that score every row once.
        population: unlabelled tiles to standardise by, less those at the volcanoes being scored.
        catalogue: n rows; tiles with the very same pixels on both sides are refused too.

    Raises:
        LeakError: a volcano, or a copy of a tile, on both sides of a fold.
        ValueError: a row that no fold scores.
    """
    matrix, labels, names = np.asarray(features), np.asarray(y), np.asarray(groups).astype(str)

    def fit_and_score(_: int, train: NDArray[np.intp], test: NDArray[np.intp]) -> Odds:
        around = None if population is None else population.outside(np.unique(names[test]))
        model = make().fit(matrix[train], labels[train], names[train], around)
        return Odds(both_sides(model.comparable(matrix[test])), model.predict_proba(matrix[test]))

    return held_out_by(fit_and_score, labels, names, splits, catalogue)


def held_out_by(
    fit_and_score: Callable[[int, NDArray[np.intp], NDArray[np.intp]], Odds],
    y: ArrayLike,
    groups: ArrayLike,
    splits: list[Fold],
    catalogue: pd.DataFrame | None = None,
) -> HeldOut:
    """As `held_out_scores`, of whatever learns from one side of a fold and scores the other.

    Args:
        fit_and_score: number of a fold, its rows to learn from and the m to score -> the odds of these.
        y: (n,) labels.
        groups: (n,) volcanoes.
        splits: folds that score every row once.
        catalogue: n rows; see `held_out_scores`.

    Raises:
        LeakError: a volcano, or a copy of a tile, on both sides of a fold.
        ValueError: a row that no fold scores.
    """
    labels, names = np.asarray(y), np.asarray(groups).astype(str)
    classes, codes = np.unique(labels, return_inverse=True)
    logits, raw = np.full((2, len(labels), len(classes)), np.nan)
    fold = np.full(len(labels), -1)
    for i, (train, test) in enumerate(splits):
        refuse_shared(names[train], names[test], "volcano")
        if catalogue is not None and "content" in catalogue:
            content = catalogue["content"].to_numpy(object)
            refuse_shared(
                content[train], content[test], "copied tile", catalogue["id"].to_numpy(object)[test]
            )
        logits[test], raw[test] = fit_and_score(i, train, test)
        fold[test] = i
    if (fold < 0).any():
        raise ValueError(f"{int((fold < 0).sum())} rows are scored by no fold")
    seen = tuple(frozenset(names[train].tolist()) for train, _ in splits)
    return HeldOut(classes, logits, raw, codes, names, fold, seen)


def refuse_shared(seen: Any, scored: ArrayLike, what: str, called: NDArray[Any] | None = None) -> None:
    """Refuse what stands on both sides.

    Args:
        seen: names on the side that is learned from.
        scored: (n,) names on the side that is scored; missing ones match nothing.
        what: what the names are of, for the message.
        called: (n,) what to call them in the message; None: their names.

    Raises:
        LeakError: naming the first of them.
    """
    names = np.asarray(scored, dtype=object)
    known = {name for name in seen if not pd.isna(name)}
    both = np.array([name in known for name in names], bool)
    if both.any():
        shown = (names if called is None else called)[both][0]
        raise LeakError(
            f"leak: {what} {shown} is learned from and scored ({int(both.sum()):,} tiles in all share such "
            "a thing); split by volcano, and curate copies away with ssl-insar audit"
        )
