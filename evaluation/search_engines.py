"""Vector engines behind one face, for `evaluation.benchmark_search`: ours, FAISS called bare, three others.

All search by cosine in the same vectors. Each is given its usual settings and is then told to look harder
(``effort``) until it finds what was asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.models import Embeddings
from ssl_insar.models.embeddings import Provenance, unit_rows
from ssl_insar.search import Store
from ssl_insar.search.backend import import_faiss
from ssl_insar.search.building import fill
from ssl_insar.search.choice import EXACT_UP_TO, choose
from ssl_insar.search.segment import INDEX
from ssl_insar.search.tuning import parameters

_EFFORTS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024)
_CHUNK = 65_536


class Engine(ABC):
    """A vector engine in a folder.

    Attributes:
        name: as in the tables.
        module: what has to be installed.
        efforts: how hard it can look, in order; one for an engine that decides itself.
    """

    name: str
    module: str = "faiss"
    efforts: tuple[int, ...] = _EFFORTS

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def installed(cls) -> bool:
        """Whether it can be used here."""
        return importlib.util.find_spec(cls.module) is not None

    @abstractmethod
    def build(self, matrix: NDArray[np.float16]) -> str:
        """Index vectors (N, D), on disk at last; returns what was built, in words."""

    @abstractmethod
    def search(self, vectors: NDArray[np.float32], k: int, effort: int) -> NDArray[np.int64]:
        """Rows of the k nearest: (q, D) -> (q, k)."""

    def size(self) -> int:
        """Bytes of its files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


class Ours(Engine):
    """`ssl_insar.search.Store` as it comes: it chooses the index, tunes it, and keeps the float16 vectors."""

    name = "ours"
    efforts: tuple[int, ...] = (0,)
    exact_up_to = EXACT_UP_TO

    def build(self, matrix: NDArray[np.float16]) -> str:
        """Create a store; the words are the index it chose and how it is searched."""
        table = pd.DataFrame({"id": np.arange(len(matrix)).astype(str)})
        held = Embeddings(matrix, table, Provenance("", "made", "", "made"))
        self.store = Store.create(held, self.folder, exact_up_to=self.exact_up_to)
        about = self.store.manifest.main
        tuned = about.tuned
        return f"{about.factory}; effort {tuned.effort}, rescores {tuned.rescore} k"

    def search(self, vectors: NDArray[np.float32], k: int, effort: int) -> NDArray[np.int64]:
        """See `Engine.search`; ``effort`` is the store's own matter."""
        return self.store.search(vectors, k)[0]

    def bare(self, vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """The part of `search` that is FAISS's: its own index, as hard, for as many candidates.

        Shape:
            (q, D) unit vectors -> (q, k times the candidates that are rescored)
        """
        about = self.store.manifest.main
        fetch = min(k * about.tuned.rescore, len(self.store))
        found: NDArray[np.int64] = self._index.search(
            vectors, fetch, params=parameters(about.kind, about.tuned.effort)
        )[1]
        return found

    @cached_property
    def _index(self) -> Any:
        faiss = import_faiss()
        place = self.folder / self.store.manifest.main.name / INDEX
        return faiss.read_index(str(place), faiss.IO_FLAG_MMAP_IFC)


class OurLists(Ours):
    """The same without the exact search of small collections."""

    name = "ours, inverted lists"
    exact_up_to = 1


class Bare(Engine):
    """FAISS as a few lines of one's own would call it: the same factory, float32 in, what comes out."""

    name = "FAISS, same factory"
    efforts: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    exact_up_to = EXACT_UP_TO

    def build(self, matrix: NDArray[np.float16]) -> str:
        """Fill the index that a store of as many vectors would have, and write it to one file."""
        choice = choose(len(matrix), matrix.shape[1], exact_up_to=self.exact_up_to)
        self.kind = choice.kind
        if choice.kind == "flat":
            self.efforts = (0,)
        self.index = fill(matrix, choice)
        self.folder.mkdir(parents=True)
        import_faiss().write_index(self.index, str(self.folder / "index.faiss"))
        return choice.factory

    def search(self, vectors: NDArray[np.float32], k: int, effort: int) -> NDArray[np.int64]:
        """See `Engine.search`; ``effort`` is the number of lists visited."""
        found: NDArray[np.int64] = self.index.search(vectors, k, params=parameters(self.kind, effort))[1]
        return found


class BareLists(Bare):
    """The twin of `OurLists`."""

    name = "FAISS, inverted lists"
    exact_up_to = 1


class Hnswlib(Engine):
    """hnswlib: a graph over float32 vectors (Malkov and Yashunin 2020, IEEE TPAMI 42, 824)."""

    name = module = "hnswlib"

    def build(self, matrix: NDArray[np.float16]) -> str:
        """Build the graph from unit rows, float32."""
        self.index = importlib.import_module("hnswlib").Index(space="ip", dim=matrix.shape[1])
        self.index.init_index(max_elements=len(matrix), M=16, ef_construction=100)
        for start in range(0, len(matrix), _CHUNK):
            rows = unit_rows(matrix[start : start + _CHUNK])
            self.index.add_items(rows, np.arange(start, start + len(rows)), num_threads=_threads())
        self.folder.mkdir(parents=True)
        self.index.save_index(str(self.folder / "index.bin"))
        return "M 16, efConstruction 100, float32"

    def search(self, vectors: NDArray[np.float32], k: int, effort: int) -> NDArray[np.int64]:
        """See `Engine.search`; ``effort`` is ef, the number of candidates kept."""
        self.index.set_ef(max(effort, k))
        return np.asarray(self.index.knn_query(vectors, k, num_threads=_threads())[0], np.int64)


class Usearch(Engine):
    """usearch: a graph over float16 vectors."""

    name = module = "usearch"

    def build(self, matrix: NDArray[np.float16]) -> str:
        """Build the graph from unit rows, which it keeps as float16."""
        self.index = importlib.import_module("usearch.index").Index(
            ndim=matrix.shape[1], metric="ip", dtype="f16", connectivity=16, expansion_add=100
        )
        for start in range(0, len(matrix), _CHUNK):
            rows = unit_rows(matrix[start : start + _CHUNK])
            self.index.add(np.arange(start, start + len(rows)), rows, threads=_threads())
        self.folder.mkdir(parents=True)
        self.index.save(str(self.folder / "index.usearch"))
        return "connectivity 16, expansion 100, float16"

    def search(self, vectors: NDArray[np.float32], k: int, effort: int) -> NDArray[np.int64]:
        """See `Engine.search`; ``effort`` is the expansion, the number of candidates kept."""
        self.index.expansion_search = max(effort, k)
        keys = np.asarray(self.index.search(vectors, k, threads=_threads()).keys, np.int64)
        return keys.reshape(len(vectors), -1)


class Lance(Engine):
    """LanceDB: product codes in inverted lists, refined by the float32 vectors in its table."""

    name, module = "LanceDB", "lancedb"
    efforts = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    refine = 10
    """Times k that are put in order by the vectors themselves, at least."""

    def build(self, matrix: NDArray[np.float16]) -> str:
        """Write a table of unit rows, float32, and index it."""
        pyarrow = importlib.import_module("pyarrow")
        dimension = matrix.shape[1]
        schema = pyarrow.schema(
            [("key", pyarrow.int64()), ("vector", pyarrow.list_(pyarrow.float32(), dimension))]
        )

        def batches() -> Any:
            for start in range(0, len(matrix), _CHUNK):
                rows = unit_rows(matrix[start : start + _CHUNK])
                flat = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows.ravel()), dimension)
                keys = pyarrow.array(np.arange(start, start + len(rows)))
                yield pyarrow.RecordBatch.from_arrays([keys, flat], schema=schema)

        self.table = importlib.import_module("lancedb").connect(str(self.folder)).create_table(
            "tiles", batches(), schema=schema
        )  # fmt: skip
        lists = max(1, round(len(matrix) ** 0.5))
        self.table.create_index(metric="dot", num_partitions=lists, num_sub_vectors=dimension // 16)
        return f"IVF_PQ, {lists} lists, {dimension // 16} pieces, refines {self.refine} k or more"

    def search(self, vectors: NDArray[np.float32], k: int, effort: int) -> NDArray[np.int64]:
        """See `Engine.search`, one query at a time; ``effort`` is the number of lists visited."""
        # It has no search of many at once that keeps their order.
        found = np.full((len(vectors), k), -1, np.int64)
        for row, vector in enumerate(vectors):
            asked = (
                self.table.search(vector)
                .distance_type("dot")
                .nprobes(effort)
                .refine_factor(max(self.refine, effort))
            )
            keys = asked.select(["key", "_distance"]).limit(k).to_arrow()["key"].to_numpy()
            found[row, : len(keys)] = keys
        return found


ENGINES: dict[str, type[Engine]] = {
    "ours": Ours,
    "faiss": Bare,
    "ours-lists": OurLists,
    "faiss-lists": BareLists,
    "hnswlib": Hnswlib,
    "usearch": Usearch,
    "lancedb": Lance,
}


def _threads() -> int:
    return int(import_faiss().omp_get_max_threads())
