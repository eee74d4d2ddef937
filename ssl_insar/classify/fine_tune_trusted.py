"""Fine-tuning with all that says how far to trust it, from networks that have not seen a volcano."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.archive.groups import Fold, grouped_folds, groups_of
from ssl_insar.archive.labels import known
from ssl_insar.classify.averaging import averaged
from ssl_insar.classify.fine_tune import FineTuned
from ssl_insar.classify.frozen import both_sides
from ssl_insar.classify.held_out import HeldOut, Odds, held_out_by
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.saved import SavedClassifier
from ssl_insar.classify.trusted import Asked, Fit, TrustedClassifier, trust

NOT_ASKED = "no folds were asked for"


@dataclass(frozen=True)
class FineFit:
    """A fine-tuned classifier and what it was judged by.

    Attributes:
        saved: to write, and to score tiles with.
        model: fitted on all labels.
        fit: of one label, for `ssl_insar.classify.trust_report`; None for several.
    """

    saved: SavedClassifier
    model: FineTuned
    fit: Fit | None


def fine_tune_trusted(
    make: Callable[[str], FineTuned],
    archive: Archive,
    labels: pd.Series[Any] | pd.DataFrame,
    asked: Asked,
    folds: int = 0,
    seed: int = 0,
) -> FineFit:
    """Fine-tune on all labels; with folds, learn how far to trust that from volcanoes held out.

    Each fold is a fine-tuning of its own, whose encoder and head know nothing of the volcanoes that it
    scores.

    Args:
        make: gives a classifier that is not fitted yet, for the part of the work so named.
        archive: N tiles.
        labels: N nullable labels, or a data frame of several.
        asked: see `Asked`; of several labels only the method of outliers counts.
        folds: wanted number; 0: none.
        seed: of the folds.

    Raises:
        NotEvaluableError: folds are wanted, but the labels allow none.
        LeakError: copies of a tile at two volcanoes.
        ValueError: folds with several labels.
        click.Abort: Ctrl-C; with `FineTuned.work` the same call goes on.
    """
    names = groups_of(archive.catalogue)
    if isinstance(labels, pd.DataFrame):
        if folds:
            raise ValueError("folds are of one label")
        model = make("all").fit(archive, labels)
        parts = {}
        for name, head in zip(labels.columns, model.heads_, strict=True):
            asked_here = replace(asked, target=str(name), quiet_class=None, shares=None).checked(head)
            rows, y = _labelled(labels[name])
            parts[str(name)] = _trusted(model, head, archive, rows, y, names, asked_here, None)
        return FineFit(SavedClassifier(parts, model.encoder_, several=True), model, None)
    rows, y = _labelled(labels)
    splits = grouped_folds(y, names[rows], folds, seed) if folds else []
    scores = _held_out(make, archive, labels, rows, y, names, splits) if folds else None
    model = make("all").fit(archive, labels)
    head = model.heads_[0]
    trusted = _trusted(model, head, archive, rows, y, names, asked.checked(head), scores)
    fit = Fit(trusted, scores, "" if folds else NOT_ASKED)
    return FineFit(SavedClassifier({asked.target: trusted}, model.encoder_), model, fit)


def _labelled(labels: pd.Series[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    mask, y = known(labels)
    return np.flatnonzero(mask), y


def _trusted(
    model: FineTuned,
    head: LinearProbe,
    archive: Archive,
    rows: NDArray[np.intp],
    y: NDArray[Any],
    names: NDArray[np.str_],
    asked: Asked,
    scores: HeldOut | None,
) -> TrustedClassifier:
    unit = averaged(model.encoder_, archive, rows)
    catalogue = archive.catalogue.iloc[rows].reset_index(drop=True)
    return trust(head, scores, unit, catalogue, y, names[rows], asked)


def _held_out(
    make: Callable[[str], FineTuned],
    archive: Archive,
    labels: pd.Series[Any],
    rows: NDArray[np.intp],
    y: NDArray[Any],
    names: NDArray[np.str_],
    splits: list[Fold],
) -> HeldOut:
    """As `ssl_insar.classify.held_out.held_out_scores`, of classifiers that have an encoder each."""

    def fit_and_score(number: int, _: NDArray[np.intp], test: NDArray[np.intp]) -> Odds:
        masked = labels.copy()
        masked.iloc[rows[test]] = pd.NA
        around = np.flatnonzero(~np.isin(names, names[rows][test]))
        model = make(f"fold {number + 1} of {len(splits)}").fit(archive, masked, population=around)
        unit = averaged(model.encoder_, archive, rows[test])
        head = model.heads_[0]
        return Odds(both_sides(head.comparable(unit)), head.predict_proba(unit))

    return held_out_by(fit_and_score, y, names[rows], splits, archive.catalogue.iloc[rows])
