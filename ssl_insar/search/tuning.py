"""How hard an index must look to find what it should: measured on the vectors themselves.

A search looks through ``effort`` inverted lists (``nprobe``) or keeps that many candidates on its way
through the graph (``efSearch``), and hands ``rescore`` times k of the best by their codes to the true
cosines. Both are raised until the recall asked for is reached; of the pairs that reach it, the one that
took least time is kept. Recall is that of the whole search, for tiles of the collection asked for their
10 nearest others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search import exact
from ssl_insar.search.backend import import_faiss

GOAL = 0.98
AT = 10
"""Neighbours that recall is measured for."""

RESCORES = (1, 2, 4, 10, 30)
_QUERIES = 400
_LEAST_EFFORT = {"ivf": 1, "hnsw": 16}
_GAIN = 0.0005
_SETTLED = 64
"""Effort from which a doubling that gains less than `_GAIN` ends the search for more."""

_MOST_EFFORT = 2048
"""Candidates in a graph at most; beyond, comparing with all would be no slower."""


@dataclass(frozen=True)
class Tuned:
    """How to search.

    Attributes:
        effort: lists to visit, or candidates to keep; None: the index compares with every vector.
        rescore: how many times k candidates are put in order by their true cosines.
        recall: share of the true 10 nearest others that were found; None: all, by construction.
        goal: the recall that was asked for.
        milliseconds: time of a query in the batch that was measured with.
    """

    effort: int | None = None
    rescore: int = 1
    recall: float | None = None
    goal: float | None = None
    milliseconds: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the search finds what was asked for."""
        return self.recall is None or self.goal is None or self.recall >= self.goal


def parameters(kind: str, effort: int | None, selector: Any = None) -> Any:
    """FAISS's parameters of one search; None where it needs none.

    Args:
        kind: as in `Choice`.
        effort: as in `Tuned`.
        selector: which rows may be answers; None: all.
    """
    faiss = import_faiss()
    more = {} if selector is None else {"sel": selector}
    if kind == "ivf":
        return faiss.SearchParametersIVF(nprobe=effort, **more)
    if kind == "hnsw":
        return faiss.SearchParametersHNSW(efSearch=effort, **more)
    return faiss.SearchParameters(**more) if more else None


def tune(
    store: Any,
    kind: str,
    matrix: NDArray[np.float16],
    *,
    goal: float = GOAL,
    rescores: Sequence[int] = RESCORES,
) -> Tuned:
    """Find the least work that reaches a recall.

    Args:
        store: the filled index, whose ids are rows of the matrix.
        kind: as in `Choice`.
        matrix: the vectors.
        goal: recall in (0, 1].
        rescores: candidates worth trying, in k.

    Shape:
        (N, D)
    """
    if kind == "flat":
        return Tuned(goal=goal)
    trial = _Trial(store, kind, matrix)
    steps, recalls = _climb(trial, kind, rescores, goal)
    found: list[Tuned] = []
    for column, rescore in enumerate(rescores):
        enough = [number for number, row in enumerate(recalls) if row[column] >= goal]
        if enough:
            step = enough[0]
            below = steps[step - 1] if step else 0
            effort, recall = trial.least(below, steps[step], recalls[step][column], rescore, goal)
            if any(effort >= (tuned.effort or 0) for tuned in found):
                continue  # no less effort than with fewer candidates
            found.append(Tuned(effort, rescore, recall, goal, trial.time(effort, rescore)))
    if found:
        return min(found, key=lambda tuned: tuned.milliseconds or 0.0)
    effort, rescore = steps[-1], rescores[-1]
    return Tuned(effort, rescore, recalls[-1][-1], goal, trial.time(effort, rescore))


class _Trial:
    """Tiles of the collection, and their true nearest others."""

    def __init__(self, store: Any, kind: str, matrix: NDArray[np.float16]) -> None:
        self._store, self._kind, self._matrix = store, kind, matrix
        count = len(matrix)
        self._at = min(AT, count - 1)
        self._rows = np.sort(np.random.default_rng(1).choice(count, min(_QUERIES, count), replace=False))
        self._queries = unit_rows(matrix[self._rows])
        truth = exact.nearest(matrix, self._queries, self._at + 1)
        self._truth = self._others(truth, self._at)
        self.most = import_faiss().extract_index_ivf(store).nlist if kind == "ivf" else _MOST_EFFORT

    def _others(self, found: NDArray[np.int64], keep: int) -> NDArray[np.int64]:
        """Without the query itself, which is found for nothing; with copies of it, the last one goes."""
        itself = found == self._rows[:, None]
        itself[~itself.any(axis=1), -1] = True
        others: NDArray[np.int64] = found[~itself].reshape(len(found), -1)[:, :keep]
        return others

    def _search(self, effort: int, fetch: int) -> NDArray[np.int64]:
        wanted = min(fetch, len(self._matrix))
        effort = max(effort, wanted) if self._kind == "hnsw" else effort
        found: NDArray[np.int64] = self._store.search(
            self._queries, wanted, params=parameters(self._kind, effort)
        )[1]
        return found

    def recalls(self, effort: int, rescores: Sequence[int]) -> list[float]:
        """Recall at one effort for each number of candidates."""
        found = self._others(self._search(effort, max(rescores) * AT + 1), max(rescores) * AT)
        recalls = []
        for rescore in rescores:
            # Among the candidates the true cosines decide, so a true neighbour there is a neighbour found.
            hits = (found[:, : rescore * AT, None] == self._truth[:, None, :]).any(axis=1).sum()
            recalls.append(round(float(hits) / max(self._truth.size, 1), 4))
        return recalls

    def least(self, below: int, effort: int, recall: float, rescore: int, goal: float) -> tuple[int, float]:
        """The least effort between one that is too little and one that is enough, within a tenth."""
        while effort - below > max(1, effort // 10):
            middle = (below + effort) // 2
            (reached,) = self.recalls(middle, (rescore,))
            if reached >= goal:
                effort, recall = middle, reached
            else:
                below = middle
        return effort, recall

    def time(self, effort: int, rescore: int) -> float:
        """Milliseconds a query; the best of three, because other programs run too."""
        best = np.inf
        for _ in range(3):
            start = time.perf_counter()
            found = self._search(effort, max(rescore * self._at, self._at + 1))
            exact.rescored(self._matrix, self._queries, found, self._at)
            best = min(best, time.perf_counter() - start)
        return round(1e3 * float(best) / len(self._queries), 4)


def _climb(
    trial: _Trial, kind: str, rescores: Sequence[int], goal: float
) -> tuple[list[int], list[list[float]]]:
    """Recall at efforts that double, until more of it gains nothing."""
    steps: list[int] = []
    recalls: list[list[float]] = []
    effort = _LEAST_EFFORT[kind]
    while True:
        steps.append(min(effort, trial.most))
        # One search a step tells the recall of every number of candidates: more only lengthen the list.
        recalls.append(trial.recalls(steps[-1], rescores))
        if effort >= trial.most or min(recalls[-1]) >= goal:
            return steps, recalls
        gained = max(np.subtract(recalls[-1], recalls[-2])) if len(recalls) > 1 else 1.0
        if gained < _GAIN and effort >= _SETTLED:
            return steps, recalls
        effort *= 2
