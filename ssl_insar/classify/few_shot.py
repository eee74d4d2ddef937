"""What a handful of labels buys: fitted at some volcanoes, scored at others, many times over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssl_insar.archive.groups import NotEvaluableError, groups_holding
from ssl_insar.classify.frozen import FrozenClassifier
from ssl_insar.classify.linear_probe import FALLBACK_C, LinearProbe
from ssl_insar.classify.metrics import Interval, auroc, percentile_interval

_ATTEMPTS = 200


@dataclass(frozen=True)
class Draw:
    """One random choice of volcanoes to label, and the order in which their tiles are labelled.

    Attributes:
        order: a class -> row numbers at the support volcanoes in the order of labelling: round and
            round the volcanoes, a random tile of each. The first 5 of it are the 5-shot labels and
            are among the first 10.
        support: row numbers of all tiles at the support volcanoes.
        query: row numbers of all tiles at the other volcanoes, which are scored.
    """

    order: dict[Any, NDArray[np.intp]]
    support: NDArray[np.intp]
    query: NDArray[np.intp]

    def shots(self, count: int) -> NDArray[np.intp] | None:
        """Rows of the first ``count`` labels of each class; None where a class has fewer."""
        if any(len(rows) < count for rows in self.order.values()):
            return None
        return np.concatenate([rows[:count] for rows in self.order.values()])


def few_shot(
    features: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    shots: Sequence[int] = (5, 10),
    draws: int = 20,
    seed: int = 0,
    make: Callable[[], FrozenClassifier] | None = None,
) -> dict[int, Interval]:
    """AUROC at unseen volcanoes of a probe fitted from n labels a class.

    Each draw deals the volcanoes into two halves, each with positives; labels come from one half,
    all tiles of the other are scored. The draws depend on labels, groups and seed alone: every
    encoder meets the same ones. The probe's regularisation is fixed (a handful of labels cannot
    choose it) and it standardises by all tiles of the support volcanoes, which needs no label.

    Args:
        features: (n, D).
        y: (n,) labels.
        groups: (n,) groups.
        shots: labels a class.
        draws: number of draws.
        seed: of the draws.
        make: gives another classifier that is not fitted yet; None: the probe.

    Returns:
        shots -> mean and 2.5 to 97.5 % percentiles over draws. Draws whose support half holds too
        few labels of a class are skipped and counted; the mean is NaN if none was left.

    Raises:
        NotEvaluableError: a class occurs in one group only.
    """
    results = few_shot_draws(features, y, groups, draws_of(y, groups, max(shots), draws, seed), shots, make)
    return {count: percentile_interval(values) for count, values in results.items()}


def few_shot_draws(
    features: ArrayLike,
    y: ArrayLike,
    groups: ArrayLike,
    dealt: Sequence[Draw],
    shots: Sequence[int] = (5, 10),
    make: Callable[[], FrozenClassifier] | None = None,
) -> dict[int, NDArray[np.float64]]:
    """AUROC of each of some draws; encoders that are given the same ones are compared draw by draw.

    Args:
        features: (n, D).
        y: (n,) labels.
        groups: (n,) groups.
        dealt: as from `draws_of`.
        shots: labels a class.
        make: gives another classifier that is not fitted yet; None: the probe of `few_shot`.

    Returns:
        shots -> (draws,), NaN where the support half held too few labels of a class.
    """
    matrix, labels = np.asarray(features), np.asarray(y)
    results = {count: np.full(len(dealt), np.nan) for count in shots}
    for i, draw in enumerate(dealt):
        for count in shots:
            rows = draw.shots(count)
            if rows is not None:
                results[count][i] = _score(matrix, labels, np.asarray(groups), rows, draw, make)
    return results


def draws_of(y: ArrayLike, groups: ArrayLike, most: int, draws: int = 20, seed: int = 0) -> list[Draw]:
    """The random choices of `few_shot`.

    Args:
        y: (n,) labels.
        groups: (n,) groups.
        most: labels a class that a support half should hold; halves are dealt again until it does.
        draws: number of draws.
        seed: draw i comes from (seed, i), so that more draws leave the first ones as they were.

    Raises:
        NotEvaluableError: a class occurs in one group only.
    """
    labels, names = np.asarray(y), np.asarray(groups)
    for value, where in groups_holding(labels, names).items():
        if len(where) < 2:
            raise NotEvaluableError(
                f"few-shot evaluation is impossible: class '{value}' occurs at one volcano only "
                f"({where[0]}); labels must come from one volcano and be tested at another"
            )
    return [_draw(labels, names, most, np.random.default_rng([seed, i])) for i in range(draws)]


def fit_shots(
    features: NDArray[Any], labels: NDArray[Any], rows: NDArray[np.intp], population: NDArray[Any]
) -> LinearProbe:
    """A probe from a handful of labelled rows, standardised by a population."""
    return LinearProbe(c=FALLBACK_C).fit(features[rows], labels[rows], population=population)


def _score(
    matrix: NDArray[Any],
    labels: NDArray[Any],
    names: NDArray[Any],
    rows: NDArray[np.intp],
    draw: Draw,
    make: Callable[[], FrozenClassifier] | None,
) -> float:
    around = matrix[draw.support]
    model: FrozenClassifier = (
        fit_shots(matrix, labels, rows, around)
        if make is None
        else make().fit(matrix[rows], labels[rows], names[rows], around)
    )
    codes = np.searchsorted(model.classes_, labels[draw.query])
    return auroc(codes, model.scores(matrix[draw.query]))


def _draw(labels: NDArray[Any], names: NDArray[Any], most: int, rng: np.random.Generator) -> Draw:
    """Deal volcanoes into halves until the support half holds enough labels, or take the best dealt."""
    classes = np.unique(labels)
    # Volcanoes with the same set of classes are dealt alike, so that both halves get their share.
    held = {name: tuple(np.isin(classes, labels[names == name])) for name in np.unique(names)}
    strata = [[name for name in held if held[name] == kind] for kind in sorted(set(held.values()))]
    best: tuple[int, NDArray[np.bool_]] = (-1, np.zeros(len(labels), bool))
    for _ in range(_ATTEMPTS):
        chosen: list[str] = []
        for stratum in strata:
            # Which half gets the odd one out is chance.
            size = (len(stratum) + int(rng.integers(2))) // 2
            chosen += [stratum[i] for i in rng.permutation(len(stratum))[:size]]
        support = np.isin(names, chosen)
        if any(not (labels[~support] == value).any() for value in classes):
            continue
        enough = min(most, *(int((labels[support] == value).sum()) for value in classes))
        if enough > best[0]:
            best = (enough, support)
        if enough >= most:
            break
    support = best[1]
    order = {
        value: _round_robin(np.flatnonzero(support & (labels == value)), names, rng)
        for value in classes.tolist()
    }
    return Draw(order, np.flatnonzero(support), np.flatnonzero(~support))


def _round_robin(rows: NDArray[np.intp], names: NDArray[Any], rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows in random order, one of each group in turn, so that labels spread over volcanoes."""
    shuffled = rng.permutation(rows)
    groups = rng.permutation(np.unique(names[rows]))
    rank = {name: i for i, name in enumerate(groups)}
    turn: dict[str, int] = {}
    keys = []
    for row in shuffled:
        name = names[row]
        turn[name] = turn.get(name, -1) + 1
        keys.append((turn[name], rank[name]))
    return shuffled[sorted(range(len(keys)), key=keys.__getitem__)].astype(np.intp)
