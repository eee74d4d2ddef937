"""Weighted vote of the nearest labelled tiles, in which no volcano has more than its say.

Weights after Wu et al. 2018, "Unsupervised Feature Learning via Non-Parametric Instance
Discrimination", section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive.groups import groups_holding
from ssl_insar.classify.frozen import Features, FrozenClassifier, TrainingRows, one_side
from ssl_insar.classify.metrics import average_precision
from ssl_insar.models.embeddings import unit_rows

K_GRID = (1, 5, 10, 20, 50, 100)
"""Numbers of neighbours tried."""

FALLBACK_K = 20
"""Used when the labels do not allow a grouped choice."""

_CELLS = 8_000_000
"""Similarities held in memory at once."""

_BEGIN = 4
"""Nearest tiles that are sorted at first, for each that may vote: most of a volcano's may not."""

_LEAST = 1e-12


class Neighbours(FrozenClassifier):
    """k nearest neighbours by cosine; a neighbour's vote weighs ``exp(cosine / temperature)``.

    At most ``per_group`` tiles of one volcano vote: 70 interferograms of one lava flow are one piece
    of evidence. Votes of a class weigh inversely to how often it was labelled, so that a probability
    ranks as that of the other classifiers does, whatever the balance of the labels.

    Args:
        k: number of voting neighbours; None: chosen from `K_GRID` by average precision, every tile
            scored without its own volcano, the larger at a tie. Where fewer than two groups hold some
            class no such choice is possible and `FALLBACK_K` is taken.
        temperature: cosine that makes a factor e in weight.
        per_group: tiles of one group that may vote; None: all.
        balanced: whether votes are weighed by class.
        smoothing: votes, of the weight of the nearest tile, that are spread evenly over the classes:
            with few neighbours a probability should be neither 0 nor 1.

    Attributes:
        k_: in use.
        matrix_: (n, D) float32, the labelled tiles centred at ``centre_`` and of unit length.
        codes_: (n,) classes of them.
        groups_: (n,) group names of them.
    """

    STEM = "knn"
    ARRAYS = ("matrix", "codes", "groups", "centre")

    def __init__(
        self,
        k: int | None = None,
        temperature: float = 0.07,
        per_group: int | None = 5,
        balanced: bool = True,
        smoothing: float = 1.0,
    ) -> None:
        if (k is not None and k < 1) or (per_group is not None and per_group < 1):
            raise ValueError(f"k and per_group must be 1 or more, not {k} and {per_group}")
        if not (temperature > 0 and smoothing >= 0):
            raise ValueError(f"temperature {temperature} or smoothing {smoothing} is too small")
        self.k = k
        self.temperature = temperature
        self.per_group = per_group
        self.balanced = balanced
        self.smoothing = smoothing

    def comparable(self, X: Features) -> NDArray[np.float64]:
        """Its log-odds as they are: smoothed shares of votes mean the same in every fold."""
        return self.decision_function(X)

    def _learn(self, given: TrainingRows) -> None:
        self.centre_ = np.asarray(given.population, np.float64).mean(axis=0)
        self.matrix_ = self._place(given.matrix)
        self.codes_ = given.codes
        self.groups_ = np.asarray(given.groups, dtype=str)
        self.k_ = self.k if self.k is not None else self._choose_k()

    def _choose_k(self) -> int:
        if min(len(where) for where in groups_holding(self.codes_, self.groups_).values()) < 2:
            return min(FALLBACK_K, self.count_)
        grid = [k for k in K_GRID if k <= self.count_] or [1]
        shares = self._shares(self.matrix_, self.groups_, grid)
        precision = [average_precision(self.codes_, _ranked(share)) for share in shares]
        return max(zip(precision, grid, strict=True))[1]

    def _odds(self, matrix: NDArray[Any], groups: NDArray[Any] | None) -> NDArray[np.float64]:
        (share,) = self._shares(self._place(matrix), groups, [self.k_])
        odds = np.log(np.maximum(share, _LEAST))
        return one_side(odds)

    def _place(self, matrix: NDArray[Any]) -> NDArray[np.float32]:
        return unit_rows(np.asarray(matrix, np.float64) - self.centre_)

    def _shares(
        self, placed: NDArray[np.float32], groups: NDArray[Any] | None, grid: list[int]
    ) -> list[NDArray[np.float64]]:
        """Smoothed share of the votes of each class, for each number of neighbours: (n, K) each."""
        classes = len(self.classes_)
        shares = [np.empty((len(placed), classes)) for _ in grid]
        frequency = np.bincount(self.codes_, minlength=classes) / self.count_
        balance = 1 / (classes * frequency) if self.balanced else np.ones(classes)
        for rows, weight, codes, place in self._neighbours(placed, groups, max(grid)):
            for share, k in zip(shares, grid, strict=True):
                counted = np.where(place <= k, weight, 0.0)
                votes = np.stack([(counted * (codes == c)).sum(axis=1) for c in range(classes)], axis=1)
                votes = votes * balance + self.smoothing / classes
                total = votes.sum(axis=1, keepdims=True)
                # No neighbour outside the own group, and no smoothing: nothing is known.
                share[rows] = np.where(total > 0, votes / np.where(total > 0, total, 1.0), 1 / classes)
        return shares

    def _neighbours(
        self, placed: NDArray[np.float32], groups: NDArray[Any] | None, most: int
    ) -> Iterator[tuple[slice, NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]]:
        """For chunks of rows, the labelled tiles from near to far: weight, class, place among the voters.

        As far as the ``most``-th voter of every row, or all of them: the others are not sorted.
        """
        member = np.unique(self.groups_, return_inverse=True)[1]
        step = max(1, _CELLS // max(self.count_, 1))
        for i in range(0, len(placed), step):
            cosine = np.asarray(placed[i : i + step] @ self.matrix_.T, np.float64)
            if groups is not None:
                cosine[np.asarray(groups[i : i + step], dtype=str)[:, None] == self.groups_] = -np.inf
            width = min(self.count_, _BEGIN * most)
            while True:
                order = _nearest(cosine, width)
                near = np.take_along_axis(cosine, order, axis=1)
                votes = self._votes(near, member[order])
                if width == self.count_ or (votes.sum(axis=1) >= most).all():
                    break
                width = min(self.count_, 4 * width)
            nearest = np.where(votes[:, :1], near[:, :1], 0.0)
            weight = np.where(votes, np.exp(np.where(votes, near - nearest, 0.0) / self.temperature), 0.0)
            yield slice(i, i + step), weight, self.codes_[order], np.cumsum(votes, axis=1)

    def _votes(self, cosine: NDArray[np.float64], member: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which tiles of each row, from near to far, may vote: of no group more than its share."""
        votes = np.isfinite(cosine)
        if self.per_group is None:
            return votes
        # Sorted by group and, within it, by nearness: the place within a group is counted from its first.
        where = np.argsort(member, axis=1, kind="stable")
        sorted_ = np.take_along_axis(member, where, axis=1)
        column = np.arange(member.shape[1])
        first = np.ones(member.shape, bool)
        first[:, 1:] = sorted_[:, 1:] != sorted_[:, :-1]
        within = column - np.maximum.accumulate(np.where(first, column, 0), axis=1)
        allowed = np.empty_like(votes)
        np.put_along_axis(allowed, where, within < self.per_group, axis=1)
        return votes & allowed

    def _facts(self) -> dict[str, Any]:
        return {"k": self.k_, **{name: value for name, value in self.get_params().items() if name != "k"}}

    def _restore(self, facts: dict[str, Any]) -> None:
        self.set_params(**{name: facts[name] for name in self.get_params()})
        self.k_ = int(facts["k"])

    def _fits_together(self) -> bool:
        count, width = self.count_, self.n_features_in_
        shapes = [self.matrix_.shape, self.codes_.shape, self.groups_.shape, self.centre_.shape]
        return shapes == [(count, width), (count,), (count,), (width,)]


def _ranked(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `average_precision` takes: of two classes the second."""
    return share[:, 1] if share.shape[1] == 2 else share


def _nearest(cosine: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Columns of the largest of each row, from large to small, the first of equal ones before the others."""
    if count < cosine.shape[1]:
        some = np.sort(np.argpartition(-cosine, count - 1, axis=1)[:, :count], axis=1)
        inner = np.argsort(-np.take_along_axis(cosine, some, axis=1), axis=1, kind="stable")
        return np.take_along_axis(some, inner, axis=1)
    return np.argsort(-cosine, axis=1, kind="stable")
