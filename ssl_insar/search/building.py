"""Training and filling a FAISS index from a matrix, in memory or with its inverted lists on disk."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.models.embeddings import unit_rows
from ssl_insar.progress import bar
from ssl_insar.search.backend import from_gpu, import_faiss, on_gpu
from ssl_insar.search.choice import TRAIN_PER_LIST, Choice
from ssl_insar.search.exact import chunks

LISTS = "lists.ivfdata"
"""File of inverted lists that are built on disk; beside the index, which names it."""

_GRAPH_EFFORT = 80
"""Candidates a vector is linked among when it enters a graph (efConstruction); FAISS takes 40."""

_TRAIN_WITHOUT_LISTS = 65_536


def fill(
    matrix: NDArray[np.float16], choice: Choice, folder: Path | None = None, *, progress: bool = False
) -> Any:
    """An inner-product index that holds the unit vectors of a matrix; its ids are row numbers.

    With a GPU that FAISS can use, training and adding are done there, if that kind of index has a GPU
    version and fits; what comes back is always the CPU's index.

    Args:
        matrix: vectors; read a part at a time.
        choice: which index.
        folder: where inverted lists go when they are to be on disk.
        progress: draw progress bars.

    Shape:
        (N, D)

    Raises:
        ValueError: lists on disk without a folder.
    """
    faiss = import_faiss()
    store = faiss.index_factory(matrix.shape[1], choice.factory, faiss.METRIC_INNER_PRODUCT)
    if choice.kind == "hnsw":
        store.hnsw.efConstruction = _GRAPH_EFFORT
    worker = on_gpu(faiss, store) if choice.kind == "ivf" else None
    store = worker or store
    if not store.is_trained:
        with bar(1, "train", "index", shown=progress) as steps:
            store.train(_sample(matrix, choice))
            steps.update()
    if choice.on_disk:
        if folder is None:
            raise ValueError("lists on disk need a folder")
        return _fill_on_disk(from_gpu(faiss, store) if worker else store, matrix, choice, folder, progress)
    with bar(len(matrix), "index", "tile", shown=progress) as rows_done:
        for _, rows in chunks(matrix):
            store.add(rows)
            rows_done.update(len(rows))
    return from_gpu(faiss, store) if worker else store


def _sample(matrix: NDArray[np.float16], choice: Choice) -> NDArray[np.float32]:
    """Vectors to train on, drawn at random."""
    faiss = import_faiss()
    wanted = _TRAIN_WITHOUT_LISTS
    if choice.kind == "ivf":
        index = faiss.index_factory(matrix.shape[1], choice.factory, faiss.METRIC_INNER_PRODUCT)
        # Product codes have 256 centres of their own to find.
        wanted = max(TRAIN_PER_LIST * faiss.extract_index_ivf(index).nlist, 10_000)
    chosen = np.random.default_rng(0).choice(len(matrix), min(len(matrix), wanted), replace=False)
    return unit_rows(matrix[np.sort(chosen)])


def _fill_on_disk(
    store: Any, matrix: NDArray[np.float16], choice: Choice, folder: Path, progress: bool
) -> Any:
    """Fill block by block, each written to disk, then merged list by list into one file."""
    faiss = import_faiss()
    from faiss.contrib.ondisk import merge_ondisk

    with TemporaryDirectory(dir=folder) as scratch, bar(len(matrix), "index", "tile", shown=progress) as done:
        trained = str(Path(scratch) / "trained")
        faiss.write_index(store, trained)
        blocks = []
        for start in range(0, len(matrix), choice.block):
            block = faiss.read_index(trained)
            part = matrix[start : start + choice.block]
            for first, rows in chunks(part):
                ids = np.arange(start + first, start + first + len(rows), dtype=np.int64)
                block.add_with_ids(rows, ids)
            blocks.append(str(Path(scratch) / f"block-{start}"))
            faiss.write_index(block, blocks[-1])
            done.update(len(part))
        logging.getLogger("faiss.contrib.ondisk").setLevel(logging.WARNING)
        # FAISS writes the path as given into the index; whole, so that it holds from any folder.
        merge_ondisk(store, blocks, str((folder / LISTS).resolve()))
    return store
