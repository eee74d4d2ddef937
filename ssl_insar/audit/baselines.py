"""What two classifiers that see no deformation score on a split, and what they score by volcano."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.archive.groups import Fold, NotEvaluableError, grouped_folds, groups_of, is_binary
from ssl_insar.archive.labels import attach, known, labels_in
from ssl_insar.audit.findings import listed
from ssl_insar.audit.split import Split
from ssl_insar.errors import UserError
from ssl_insar.progress import bar

MOST = 20_000
"""Labelled tiles that are measured; of more, so many are drawn at random."""

_CHUNK = 64
BY_VOLCANO = "grouped by volcano"


@dataclass(frozen=True)
class Score:
    """How well a baseline did.

    Attributes:
        split: held-out part, or `BY_VOLCANO`.
        baseline: its name.
        tiles: tiles scored.
        volcanoes: groups among them.
        positives: those of class 1, or of any but the commonest class.
        chance: average precision of random scores: the share of class 1, or, without 0/1 classes, the
            mean share of a class.
        auroc: with its 95 % interval by resampling volcanoes (value, low, high); NaN where undefined.
        average_precision: likewise.
        accuracy: likewise.
    """

    split: str
    baseline: str
    tiles: int
    volcanoes: int
    positives: int
    chance: float
    auroc: tuple[float, float, float]
    average_precision: tuple[float, float, float]
    accuracy: tuple[float, float, float]


def labels_for(catalogue: pd.DataFrame, split: Split, target: str | None) -> pd.Series[Any]:
    """Labels to score on: those of the archive, else those in the table that holds the split."""
    try:
        return labels_in(catalogue, target)
    except UserError:
        if split.csv is None:
            raise
        return attach(catalogue, split.csv, target, ignore_absent=True)


def score_baselines(
    archive: Archive,
    split: Split,
    labels: pd.Series[Any],
    *,
    seed: int = 0,
    draws: int = 1000,
    progress: bool = True,
) -> tuple[list[Score], list[str]]:
    """Score the null baselines on a split as it is, and on folds that respect volcanoes.

    Args:
        archive: N tiles.
        split: see `read_split`.
        labels: N labels, missing where not known.
        seed: of sample, folds and bootstrap.
        draws: bootstrap draws.
        progress: draw a progress bar.

    Returns:
        the scores, and notes on what could not be scored and why.
    """
    mask, y = known(labels)
    rows = np.flatnonzero(mask)
    inside = (split.train | np.logical_or.reduce(list(split.held.values())))[rows]
    rows, y = rows[inside], y[inside]
    notes = []
    if len(rows) > MOST:
        chosen = np.sort(np.random.default_rng(seed).choice(len(rows), MOST, replace=False))
        rows, y = rows[chosen], y[chosen]
        notes.append(f"the baselines are scored on {MOST:,} labelled tiles drawn at random")
    groups = groups_of(archive.catalogue)[rows]
    features = _statistics(archive, rows, progress)
    scores: list[Score] = []
    for name, held in split.held.items():
        fold = (np.flatnonzero(split.train[rows]), np.flatnonzero(held[rows]))
        _try(scores, notes, name, features, y, groups, [fold], seed, draws)
    try:
        _try(scores, notes, BY_VOLCANO, features, y, groups, grouped_folds(y, groups, seed=seed), seed, draws)
    except NotEvaluableError as error:
        notes.append(str(error))
    return scores, notes


def _try(
    scores: list[Score],
    notes: list[str],
    name: str,
    features: NDArray[np.float32],
    y: NDArray[Any],
    groups: NDArray[np.str_],
    folds: list[Fold],
    seed: int,
    draws: int,
) -> None:
    """Add the scores of one way to split, or a note on why there are none."""
    hindrance = _hindrance(y, folds)
    if hindrance:
        notes.append(f"{name}: not scored; {hindrance}")
        return
    tested = np.concatenate([test for _, test in folds])
    names = groups[tested]
    classes, codes = np.unique(y, return_inverse=True)
    truth = codes[tested]
    common = 0 if is_binary(y) else int(np.bincount(codes).argmax())
    positives = int((truth != common).sum())
    chance = positives / len(tested) if is_binary(y) else 1 / len(classes)
    for baseline, (score, right) in _predictions(features, y, groups, folds, seed).items():
        scores.append(
            Score(
                name,
                baseline,
                len(tested),
                len(np.unique(names)),
                positives,
                chance,
                *_metrics(truth, score[tested], right[tested], names, draws, seed),
            )
        )


def _hindrance(y: NDArray[Any], folds: list[Fold]) -> str:
    """Why no classifier can be fitted and scored on some folds; "" if it can."""
    classes = np.unique(y)
    if len(classes) < 2 or any(not len(test) for _, test in folds):
        return "the labels there hold one class only, or none"
    absent = sorted({value for train, _ in folds for value in np.setdiff1d(classes, y[train]).tolist()})
    return f"training holds no tile of class {listed(absent)}" if absent else ""


def _metrics(
    truth: NDArray[np.intp],
    score: NDArray[np.float64],
    right: NDArray[np.bool_],
    names: NDArray[np.str_],
    draws: int,
    seed: int,
) -> list[tuple[float, float, float]]:
    """AUROC, average precision and accuracy, each with its interval."""
    from ssl_insar.classify.metrics import auroc, average_precision, cluster_bootstrap

    def share_right(_: Any, correct: Any) -> float:
        return float(np.mean(correct))

    wanted = ((auroc, score), (average_precision, score), (share_right, right))
    intervals = [cluster_bootstrap(truth, values, names, metric, draws, seed) for metric, values in wanted]
    return [(interval.value, interval.low, interval.high) for interval in intervals]


def _predictions(
    features: NDArray[np.float32], y: NDArray[Any], groups: NDArray[np.str_], folds: list[Fold], seed: int
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Scores of each baseline and whether its guess is right, by row; rows never scored hold nothing."""
    from ssl_insar.classify.compare import GLOBAL, PRIOR
    from ssl_insar.classify.cross_validation import scores_over
    from ssl_insar.classify.linear_probe import LinearProbe
    from ssl_insar.classify.nulls import volcano_prior

    classes = np.unique(y)
    binary = is_binary(y)
    right = {name: np.zeros(len(y), bool) for name in (MAJORITY, PRIOR, GLOBAL)}
    prior = volcano_prior(y, groups, folds)
    statistics = scores_over(features, y, groups, folds, seed)
    for train, test in folds:
        values, counts = np.unique(y[train], return_counts=True)
        right[MAJORITY][test] = y[test] == values[counts.argmax()]
        guess = classes[(prior[test] >= 0.5).astype(int) if binary else prior[test].argmax(axis=1)]
        right[PRIOR][test] = y[test] == guess
        # The scores of `scores_over` are standardised by fold and class: they rank, but hold no guess.
        probe = LinearProbe(seed=seed).fit(features[train], y[train], groups[train])
        right[GLOBAL][test] = y[test] == probe.predict(features[test])
    same = np.zeros_like(prior)
    return {
        PRIOR: (prior, right[PRIOR]),
        GLOBAL: (statistics, right[GLOBAL]),
        MAJORITY: (same, right[MAJORITY]),
    }


MAJORITY = "commonest class of training"


def _statistics(archive: Archive, rows: NDArray[np.int64], progress: bool) -> NDArray[np.float32]:
    from ssl_insar.classify.nulls import global_statistics

    blocks = []
    with bar(len(rows), "statistics", "tile", shown=progress) as progress_bar:
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            blocks.append(global_statistics(archive.phasors(some)))
            progress_bar.update(len(some))
    return np.concatenate(blocks) if blocks else global_statistics(archive.phasors([]))
