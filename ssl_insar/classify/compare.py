"""Encoders and null baselines side by side, on the same folds, draws and bootstrap samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ssl_insar.archive.groups import groups_of, make_folds
from ssl_insar.archive.labels import known
from ssl_insar.classify.cross_validation import scores_over
from ssl_insar.classify.few_shot import few_shot
from ssl_insar.classify.metrics import (
    Interval,
    auroc,
    average_precision,
    cluster_bootstrap,
)
from ssl_insar.classify.nulls import splits_by_file, volcano_prior

GLOBAL = "global statistics"
PRIOR = "volcano prior"
LEAKY_PRIOR = "volcano prior, split by file (leaky)"


@dataclass(frozen=True)
class Row:
    """One line of the comparison.

    Attributes:
        name: encoder or baseline.
        ap: average precision, 95 % interval by resampling volcanoes; chance is the prevalence.
        auroc: area under the ROC curve, likewise; chance is 0.5.
        few_shot: labels a class -> AUROC at other volcanoes, mean and spread over draws; empty for
            the volcano prior, which has nothing to fit.
        gain: average precision above the global statistics, on the same resampled volcanoes; None
            where there is no such row to compare with.
    """

    name: str
    ap: Interval
    auroc: Interval
    few_shot: dict[int, Interval] = field(default_factory=dict)
    gain: Interval | None = None


def compare(
    named_features: Mapping[str, NDArray[Any]],
    catalogue: pd.DataFrame,
    y: pd.Series[Any] | ArrayLike,
    groups: ArrayLike | None = None,
    seed: int = 0,
    protocol: str = "grouped",
    *,
    folds: int = 5,
    shots: Sequence[int] = (5, 10),
    draws: int = 20,
    bootstrap: int = 1000,
) -> list[Row]:
    """Score several representations of the same tiles, and the volcano prior, by one protocol.

    Args:
        named_features: name -> (n, D); the one called ``global statistics`` is what gains are
            measured against.
        catalogue: n rows, for the volcanoes and files of the tiles.
        y: (n,) labels; missing ones (in a nullable Series) are left out.
        groups: (n,) groups; None: `groups_of` the catalogue.
        seed: of folds, draws and bootstrap, the same for every row.
        protocol: one of `groups.PROTOCOLS`.
        folds: number of folds of the grouped protocol.
        shots: labels a class in the few-shot column.
        draws: few-shot draws.
        bootstrap: bootstrap draws.

    Returns:
        a row a representation in the order given, then the volcano prior under the protocol (blind,
        as it should be) and under a split by file (what the place alone scores there).

    Raises:
        NotEvaluableError: a class occurs at one volcano only.
    """
    series = y if isinstance(y, pd.Series) else pd.Series(np.asarray(y))
    mask, labels = known(series)
    names = (groups_of(catalogue) if groups is None else np.asarray(groups))[mask]
    _, codes = np.unique(labels, return_inverse=True)
    splits = make_folds(labels, names, protocol, folds, seed)
    scores = {
        name: scores_over(np.asarray(features)[mask], labels, names, splits, seed)
        for name, features in named_features.items()
    }
    reference = scores.get(GLOBAL)

    def row(name: str, score: NDArray[np.float64], shot: dict[int, Interval], gain: bool) -> Row:
        difference = None
        if gain and reference is not None and name != GLOBAL:
            difference = cluster_bootstrap(codes, score, names, average_precision, bootstrap, seed, reference)
        return Row(
            name,
            cluster_bootstrap(codes, score, names, average_precision, bootstrap, seed),
            cluster_bootstrap(codes, score, names, auroc, bootstrap, seed),
            shot,
            difference,
        )

    rows = [
        row(
            name,
            score,
            few_shot(np.asarray(named_features[name])[mask], labels, names, shots, draws, seed),
            True,
        )
        for name, score in scores.items()
    ]
    rows.append(row(PRIOR, volcano_prior(labels, names, splits), {}, True))
    by_file = splits_by_file(labels, catalogue["source"].astype(str).to_numpy()[mask], folds, seed)
    # Not on the same footing as the rest, so no gain is stated.
    rows.append(row(LEAKY_PRIOR, volcano_prior(labels, names, by_file), {}, False))
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table; the 95 % interval stands in brackets."""
    shots = sorted({count for row in rows for count in row.few_shot})
    head = [
        "features",
        "average precision",
        "AUROC",
        *(f"AUROC from {count} labels a class" for count in shots),
        f"AP gain over {GLOBAL}",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row.name, str(row.ap), str(row.auroc)]
        cells += [str(row.few_shot[count]) if count in row.few_shot else "" for count in shots]
        cells.append(str(row.gain) if row.gain else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
