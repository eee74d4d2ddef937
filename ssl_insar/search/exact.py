"""Comparing with every vector: the truth that an index is measured by, and the answer for small sets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search.backend import import_faiss
from ssl_insar.search.kernels import best_of

ROWS = 65_536
"""Vectors handled at a time, so that float32 copies of a large matrix never stand in memory whole."""

_COMPILED_FROM = 4_000_000
"""Numbers in the vectors to be compared from which compiled code repays the import of numba."""

_FEW = 16
"""Queries up to which comparing them one by one is faster than one product for all."""

_A_THREAD = 256
"""Queries that a thread repays its start with."""


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
    if len(queries) <= _FEW and _repays(matrix, among):
        # Few queries do not repay float32 copies of the vectors.
        each = [_compiled(matrix, query[None], among[None], k)[0] for query in queries]
        return np.concatenate(each) if each else np.empty((0, k), np.int64)
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
    if _repays(matrix, rows):
        return _compiled(matrix, queries, rows, min(k, rows.shape[1]))
    rows = np.sort(rows, axis=1)
    cosines = _cosines(matrix, queries, rows)
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, best, 1), np.take_along_axis(cosines, best, 1)


def _repays(matrix: NDArray[np.float16], rows: NDArray[np.int64]) -> bool:
    return bool(rows.size * matrix.shape[1] >= _COMPILED_FROM)


def _compiled(
    matrix: NDArray[np.float16], queries: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """`rescored`, by compiled code, on the threads that FAISS uses."""
    bits = np.ascontiguousarray(matrix).view(np.uint16)
    bits.flags.writeable = False  # numba compiles once more for what could be written to
    best = np.full((len(queries), k), -1, np.int64)
    cosines = np.full((len(queries), k), -np.inf, np.float32)
    threads = min(int(import_faiss().omp_get_max_threads()), len(queries) // _A_THREAD)
    if threads < 2:
        best_of(bits, queries, rows, best, cosines)
        return best, cosines
    parts = zip(*(np.array_split(array, threads) for array in (queries, rows, best, cosines)), strict=True)
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(best_of, bits, *part) for part in parts]:
            done.result()
    return best, cosines


def _cosines(
    matrix: NDArray[np.float16], queries: NDArray[np.float32], rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    vectors = matrix[np.maximum(rows, 0)].astype(np.float32)
    # einsum sums every row alike, so equal vectors get equal cosines, which a matrix product does not.
    dots = np.einsum("qnd,qd->qn", vectors, queries)
    lengths = np.sqrt(np.einsum("qnd,qnd->qn", vectors, vectors))
    cosines: NDArray[np.float32] = np.where(rows >= 0, np.clip(dots / lengths, -1.0, 1.0), -np.inf)
    return cosines
