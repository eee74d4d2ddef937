"""A process that changes an index until it is killed; run by test_crash."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from ssl_insar.archive.catalogue import read_table
from ssl_insar.models import Embeddings
from ssl_insar.models.embeddings import Provenance
from ssl_insar.search import Store
from ssl_insar.search.backend import import_faiss

STEPS = ("add", "update", "remove", "compact")
NEW = 40
"""Tiles that a turn adds, replaces and removes again."""


def coming(turn: int, count: int) -> slice:
    """The rows of a turn; none of the first half, which stays."""
    start = count // 2 + NEW * turn % (count // 2 - NEW)
    return slice(start, start + NEW)


def write(folder: Path, source: Path, turn: int, said: Connection) -> None:
    """Turn after turn of all steps; tells each step before it begins, and that it is done."""
    import_faiss().omp_set_num_threads(1)  # a fork has none of its parent's threads
    matrix, catalogue = np.load(source / "matrix.npy"), read_table(source / "catalogue.parquet")
    store = Store.open(folder)
    while True:
        here = coming(turn, len(matrix))
        part = Embeddings(matrix[here], catalogue.iloc[here], Provenance("", "a hash", "", "a digest"))
        for step in STEPS:
            said.send((step, turn, False))
            if step == "add":
                store.add(part)
            elif step == "update":
                store.update(part)
            elif step == "remove":
                store.remove(part.ids)
            else:
                store.rebuild()
            said.send((step, turn, True))
        turn += 1
