"""Comparing with every vector: the truth that an index is measured by, and the answer for small sets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search.backend import import_faiss

ROWS = 65_536
"""Vectors handled at a time, so that float32 copies of a large matrix never stand in memory whole."""


def chunks(matrix: NDArray[np.float16]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Unit vectors of a matrix, a part at a time, each with the number of its first row."""
    for start in range(0, len(matrix), ROWS):
        yield start, unit_rows(matrix[start : start + ROWS])


def nearest(
    matrix: NDArray[np.float16],
    queries: NDArray[np.float32],
    k: int,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """The ``k`` nearest rows by cosine, best first.

    Args:
        matrix: vectors.
        queries: unit vectors.
        k: how many; no more than there are rows.
        rows: the rows to look among, in ascending order; None: all.

    Shape:
        (N, D), (q, D) -> (q, k)
    """
    faiss = import_faiss()
    among = np.arange(len(matrix)) if rows is None else rows
    best = np.empty((len(queries), 0), np.float32)
    found = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(among), ROWS):
        here = among[start : start + ROWS]
        vectors = unit_rows(matrix[start : start + ROWS] if rows is None else matrix[here])
        scores, places = faiss.knn(queries, vectors, min(k, len(here)), metric=faiss.METRIC_INNER_PRODUCT)
        best, found = np.hstack([best, scores]), np.hstack([found, here[places]])
        top = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best, found = np.take_along_axis(best, top, 1), np.take_along_axis(found, top, 1)
    return found


def rescored(
    matrix: NDArray[np.float16],
    queries: NDArray[np.float32],
    rows: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Candidates put in order by their true cosines; equal ones stay in the order of the rows.

    Args:
        matrix: vectors.
        queries: unit vectors.
        rows: candidates; -1 where there is none.
        k: how many to keep.

    Shape:
        (N, D), (q, D), (q, n) -> rows (q, min(k, n)), -1 where there is none; their cosines, -inf there
    """
    rows = np.sort(rows, axis=1)
    cosines = np.empty(rows.shape, np.float32)
    # Queries at a time: their candidates' vectors must not fill the memory.
    step = max(1, ROWS // max(rows.shape[1], 1))
    for start in range(0, len(queries), step):
        here = slice(start, start + step)
        cosines[here] = _cosines(matrix, queries[here], rows[here])
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, best, 1), np.take_along_axis(cosines, best, 1)


def _cosines(
    matrix: NDArray[np.float16], queries: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    vectors = matrix[np.maximum(rows, 0)].astype(np.float32)
    # einsum sums every row alike, so equal vectors get equal cosines, which a matrix product does not.
    dots = np.einsum("qnd,qd->qn", vectors, queries)
    lengths = np.sqrt(np.einsum("qnd,qnd->qn", vectors, vectors))
    cosines: NDArray[np.float32] = np.where(rows >= 0, np.clip(dots / lengths, -1.0, 1.0), -np.inf)
    return cosines
