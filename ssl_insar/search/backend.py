"""FAISS: finding it, choosing and filling an index, and searching among the rows allowed.

Johnson, Douze and Jégou 2021, "Billion-scale similarity search with GPUs", IEEE Transactions on Big
Data; Douze et al. 2024, "The Faiss library", arXiv:2401.08281.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.phase import BoolArray

ROWS = 65_536
"""Vectors handled at a time, so that float32 copies of a large matrix never stand in memory whole."""

RESCORE = 4
"""A compressed index is asked for this many times k, which the float16 truth then puts in order."""

_TRAIN_PER_LIST = 64
"""Training vectors an inverted list; FAISS warns below 39."""


def import_faiss() -> Any:
    """The ``faiss`` module, of whichever of its two builds is installed.

    Raises:
        UserError: neither is there, or the one that is does not load.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        why = "FAISS is not installed" if error.name == "faiss" else f"FAISS does not load ({error})"
        raise UserError(
            f"{why}; install exactly one of: pip install 'ssl_insar[cpu]' or pip install 'ssl_insar[gpu]'"
        ) from error


def gpu_count(faiss: Any) -> int:
    """GPUs that this build of FAISS can use; 0 for the CPU build."""
    # The CPU build exports some GPU functions too, which then fail; this class it does not have.
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def on_gpu(faiss: Any, store: Any) -> Any | None:
    """A copy of a CPU index on the first GPU, or None without one or when it does not fit there.

    The copy is for searching; what is saved is always the CPU index.
    """
    if not gpu_count(faiss):
        return None
    try:
        resources = faiss.StandardGpuResources()
        copy = faiss.index_cpu_to_gpu(resources, 0, store)
    except RuntimeError:  # out of GPU memory, or a kind of index that has no GPU version
        return None
    copy.ssl_insar_resources = resources  # must outlive the copy
    return copy


@dataclass(frozen=True)
class Built:
    """A filled FAISS index.

    Attributes:
        store: the index; its ids are row numbers.
        factory: FAISS factory string.
        probes: inverted lists that a search visits; None: it compares with every vector.
        recall: share of the true 10 nearest that a search finds, if it does not compare with all.
    """

    store: Any
    factory: str
    probes: int | None = None
    recall: float | None = None


def build(matrix: NDArray[np.float16], exact_up_to: int) -> Built:
    """Fill an inner-product index with the unit vectors of a matrix.

    Shape:
        (N, D)
    """
    faiss = import_faiss()
    count, dimension = matrix.shape
    factory, probes = choose(count, exact_up_to)
    store = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    if not store.is_trained:
        wanted = min(count, _TRAIN_PER_LIST * _ivf(store).nlist)
        sample = np.sort(np.random.default_rng(0).choice(count, wanted, replace=False))
        store.train(unit_rows(matrix[sample]))
    for start, rows in _chunks(matrix):
        store.add_with_ids(rows, np.arange(start, start + len(rows), dtype=np.int64))
    if probes is None:
        return Built(store, factory)
    _ivf(store).nprobe = probes
    return Built(store, factory, probes, recall(store, matrix))


def choose(count: int, exact_up_to: int) -> tuple[str, int | None]:
    """FAISS factory string and number of lists to visit (None: exact) for so many vectors."""
    if count <= exact_up_to:
        return "IDMap2,Flat", None
    # About 4 sqrt(N) lists balance finding the lists against scanning them (FAISS guidelines).
    lists = max(1, min(round(4 * math.sqrt(count)), count // _TRAIN_PER_LIST))
    return f"IVF{lists},SQ8", min(lists, max(8, min(64, lists // 32)))


def recall(store: Any, matrix: NDArray[np.float16], queries: int = 64, k: int = 10) -> float:
    """Share of the true ``k`` nearest that a search hands to rescoring, for queries out of the matrix."""
    k = min(k, len(matrix))
    chosen = np.random.default_rng(1).choice(len(matrix), min(queries, len(matrix)), replace=False)
    vectors = unit_rows(matrix[np.sort(chosen)])
    best = np.full((len(vectors), k), -np.inf, np.float32)
    where = np.zeros((len(vectors), k), np.int64)
    for start, rows in _chunks(matrix):
        places = np.broadcast_to(np.arange(start, start + len(rows)), (len(vectors), len(rows)))
        scores, places = np.hstack([best, vectors @ rows.T]), np.hstack([where, places])
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best, where = np.take_along_axis(scores, top, 1), np.take_along_axis(places, top, 1)
    found = store.search(vectors, min(len(matrix), RESCORE * k))[1]
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, where, strict=True))
    return round(hits / where.size, 4)


def search_all(store: Any, queries: NDArray[np.float32], fetch: int) -> Iterator[NDArray[np.int64]]:
    """The best rows for each query."""
    for row in store.search(queries, fetch)[1]:
        yield np.asarray(row[row >= 0])


def search_allowed(
    store: Any, queries: NDArray[np.float32], fetch: int, allowed: BoolArray, probes: int | None
) -> Iterator[NDArray[np.int64]]:
    """The best rows among those allowed, for each query; FAISS skips the others inside its scan.

    An inverted-file search visits more lists until it has ``fetch`` rows, or all that are allowed.

    Shape:
        queries (q, D), allowed (N,) -> q arrays of up to ``fetch`` row numbers
    """
    faiss = import_faiss()
    selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    if probes is None:
        found = store.search(queries, fetch, params=faiss.SearchParameters(sel=selector))[1]
    else:
        enough, lists = min(fetch, int(allowed.sum())), _ivf(store).nlist
        while True:
            params = faiss.SearchParametersIVF(sel=selector, nprobe=probes)
            found = store.search(queries, fetch, params=params)[1]
            # The nearest lists may hold little but excluded rows: reach further.
            if probes >= lists or ((found >= 0).sum(axis=1) >= enough).all():
                break
            probes = min(2 * probes, lists)
    for row in found:
        yield np.asarray(row[row >= 0])


def _ivf(store: Any) -> Any:
    return import_faiss().extract_index_ivf(store)


def _chunks(matrix: NDArray[np.float16]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for start in range(0, len(matrix), ROWS):
        yield start, unit_rows(matrix[start : start + ROWS])
