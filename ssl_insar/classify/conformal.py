"""Sets of classes that hold the true one as often as promised, at volcanoes never seen.

Split conformal prediction takes tiles as exchangeable. Tiles of one volcano are not exchangeable with
those of the next: volcanoes are. So every volcano has the same say however many tiles it has, and one
more volcano, the next one, is reckoned with: Lee, Barber & Willett 2023, "Distribution-free inference
with hierarchical data", section 3 (their HCP). Classes have thresholds of their own (Vovk 2012,
"Conditional validity of inductive conformal predictors"), so that rare deformation is not sacrificed
to the many quiet tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssl_insar.classify.held_out import HeldOut, refuse_shared

LEVEL = 0.9


@dataclass(frozen=True)
class ConformalSets:
    """A class is in the set if its probability is ``1 - threshold`` or more.

    Attributes:
        level: nominal coverage: of a random tile of a random volcano that was not seen.
        thresholds: (K,) nonconformity ``1 - p`` (Sadinle, Lei & Wasserman 2019); infinite where too few
            volcanoes hold the class to promise the level, which puts it in every set.
        volcanoes: (K,) volcanoes behind each threshold.
        names: names of all of them.
    """

    level: float
    thresholds: tuple[float, ...]
    volcanoes: tuple[int, ...]
    names: frozenset[str]

    @classmethod
    def fit(
        cls,
        probability: ArrayLike,
        codes: ArrayLike,
        groups: ArrayLike,
        level: float = LEVEL,
        by_class: bool = True,
        learned_from: frozenset[str] = frozenset(),
    ) -> ConformalSets:
        """Thresholds from tiles of held-out volcanoes.

        Args:
            probability: (n, K) of a classifier that has not seen them.
            codes: (n,) true classes.
            groups: (n,) volcanoes.
            level: coverage to promise, between 0 and 1.
            by_class: one threshold a class (coverage then holds in each class); else one for all.
            learned_from: volcanoes that the classifier was fitted on.

        Raises:
            LeakError: one of these is among ``groups``.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, not {level}")
        told, truth, names = np.asarray(probability), np.asarray(codes), np.asarray(groups).astype(str)
        refuse_shared(learned_from, names, "volcano")
        score = 1 - told[np.arange(len(truth)), truth]
        classes = told.shape[1]
        parts = [truth == k for k in range(classes)] if by_class else [np.ones(len(truth), bool)] * classes
        return cls(
            level,
            tuple(grouped_quantile(score[rows], names[rows], level) for rows in parts),
            tuple(len(np.unique(names[rows])) for rows in parts),
            frozenset(names.tolist()),
        )

    def sets(self, probability: ArrayLike) -> NDArray[np.bool_]:
        """Which classes are in the set of each tile; none where no class is typical.

        Shape:
            (n, K) -> (n, K)
        """
        inside: NDArray[np.bool_] = 1 - np.asarray(probability) <= np.asarray(self.thresholds)
        return inside


def grouped_quantile(scores: ArrayLike, groups: ArrayLike, level: float) -> float:
    """The score that a tile of one more group stays below with probability ``level`` at least.

    A quantile in which each of the G groups weighs ``1 / (G + 1)``, spread evenly over its scores, and
    the rest lies at infinity.

    Args:
        scores: (n,).
        groups: (n,).
        level: 0 to 1.

    Returns:
        one of the scores, or infinity where ``G / (G + 1) < level``.
    """
    values = np.asarray(scores, np.float64)
    _, member, count = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    weight = 1 / ((len(count) + 1) * count[member])
    order = np.argsort(values, kind="stable")
    # Sums of equal parts must not miss the level by rounding.
    enough = np.flatnonzero(np.cumsum(weight[order]) >= level - 1e-9)
    return float(values[order][enough[0]]) if len(enough) else float("inf")


def cross_conformal(
    held: HeldOut, probability: NDArray[np.float64], level: float = LEVEL
) -> NDArray[np.bool_]:
    """Sets of each fold by the thresholds of the others: for saying how often they hold the truth.

    Shape:
        probability (n, K) -> (n, K)
    """
    inside = np.zeros(probability.shape, bool)
    for others, own in held.parts():
        rule = ConformalSets.fit(probability[others], held.codes[others], held.groups[others], level)
        refuse_shared(rule.names, held.groups[own], "volcano")
        inside[own] = rule.sets(probability[own])
    return inside


def coverage(inside: ArrayLike, codes: ArrayLike, groups: ArrayLike) -> float:
    """Share of sets that hold the true class, the mean over groups: of a random tile of a random group.

    Shape:
        (n, K), (n,), (n,) -> scalar
    """
    sets, truth = np.asarray(inside), np.asarray(codes)
    hit = sets[np.arange(len(truth)), truth]
    _, member, count = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return float(np.mean(np.bincount(member, weights=hit) / count))
