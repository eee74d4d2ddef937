"""A segment: an index over some of the collection, in a folder that is written once and never changed.

``embeddings.npy`` ((n, D) float16, the truth), ``index.faiss`` (and ``lists.ivfdata`` when its lists
are on disk), ``catalogue.parquet`` and ``keys.npy`` ((n,) int64). All are memory-mapped, so that
opening takes no time and readers of one machine share the memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import read_catalogue, write_catalogue
from ssl_insar.errors import UserError
from ssl_insar.phase import BoolArray
from ssl_insar.search import exact
from ssl_insar.search.backend import import_faiss, on_gpu
from ssl_insar.search.building import LISTS, fill
from ssl_insar.search.checksum import checksum
from ssl_insar.search.choice import Choice
from ssl_insar.search.tuning import GOAL, Tuned, parameters, tune

EXACT_AMONG = 100_000
"""Rows up to which a search among some of the rows compares with each of them: its recall is 1."""

_OVER_FETCH = 256
"""Rows left out up to which they are fetched too and dropped, which spares FAISS asking about each."""

_GPU_QUERIES = 256
"""Queries from which copying the index to a GPU pays off."""

_GPU_NEIGHBOURS = 1024
"""Neighbours a query that every GPU build of FAISS returns."""

EMBEDDINGS, INDEX, CATALOGUE, KEYS = "embeddings.npy", "index.faiss", "catalogue.parquet", "keys.npy"


@dataclass(frozen=True)
class About:
    """What the manifest says of a segment.

    Attributes:
        name: its folder's name; ``.``: the collection's own, as format 1 had it.
        count: number of vectors.
        factory: FAISS factory string.
        kind: as in `Choice`.
        reason: why this index.
        tuned: how it is searched.
        sizes: bytes of each file; what is shorter was cut off. Empty in format 1.
        checksums: CRC-32 of each file, which `check` compares. Empty in indexes of earlier versions.
        lists: path of inverted lists on disk when they were written; None: they are in the index.
    """

    name: str
    count: int
    factory: str
    kind: str
    reason: str = ""
    tuned: Tuned = dataclasses.field(default_factory=Tuned)
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    checksums: dict[str, int] = dataclasses.field(default_factory=dict)
    lists: str | None = None

    @classmethod
    def of(cls, told: dict[str, Any]) -> About:
        """From the manifest's form, which `dataclasses.asdict` gives."""
        return cls(**{**told, "tuned": Tuned(**told["tuned"])})


@dataclass(frozen=True)
class Part:
    """Vectors on their way into a segment.

    Attributes:
        matrix: vectors.
        rows: which of them; None: all.
    """

    matrix: NDArray[np.float16]
    rows: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.matrix if self.rows is None else self.rows)


class Segment:
    """A segment, opened.

    Attributes:
        folder: where it is.
        about: what the manifest says of it.
        matrix: (n, D) float16, memory-mapped.
        keys: (n,) int64.
    """

    def __init__(self, folder: Path, about: About, dimension: int) -> None:
        """Open.

        Raises:
            UserError, OSError, RuntimeError, ValueError: a part is missing, damaged or at odds with the
                others; the message says how.
        """
        self.folder = folder
        self.about = about
        for name, size in about.sizes.items():
            found = (folder / name).stat().st_size
            if found != size:
                raise UserError(f"{name} has {found} of {size} bytes")
        self._store = self._read()
        mapped = np.load(folder / EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        # A plain array on the same memory: numpy's memmap class slows every small access.
        self.matrix: NDArray[np.float16] = np.asarray(mapped)
        keys = folder / KEYS
        # Format 1 had no keys: its rows were never anything else than a count.
        self.keys: NDArray[np.int64] = (
            np.load(keys, mmap_mode="r", allow_pickle=False) if keys.exists() else np.arange(about.count)
        )
        self._file = (folder / CATALOGUE).open("rb")
        self._table = pq.ParquetFile(self._file)
        expected = (about.count, dimension)
        shapes = {
            INDEX: (int(self._store.ntotal), int(self._store.d)),
            EMBEDDINGS: self.matrix.shape,
            KEYS: (len(self.keys), dimension),
            CATALOGUE: (self._table.metadata.num_rows, dimension),
        }
        for name, shape in shapes.items():
            if shape != expected:
                raise UserError(f"{name} holds {_shape(shape)}, manifest.json says {_shape(expected)}")

    def _read(self) -> Any:
        faiss = import_faiss()
        path = str(self.folder / INDEX)
        if self.about.lists is None:
            return faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC)
        moved = Path(self.about.lists) != (self.folder / LISTS).resolve()
        # FAISS prints a line when it looks beside the index, so it is asked to only if it must.
        beside = faiss.IO_FLAG_ONDISK_SAME_DIR if moved else 0
        # Such lists are memory-mapped as they are; IO_FLAG_MMAP on top makes the first search crash (1.15.1).
        return faiss.read_index(path, faiss.IO_FLAG_READ_ONLY | beside)

    def __len__(self) -> int:
        return self.about.count

    def changed(self) -> list[str]:
        """Names of files whose bytes are no longer those that were written; reads them whole."""
        return [n for n, told in self.about.checksums.items() if checksum(self.folder / n) != told]

    def catalogue(self) -> pd.DataFrame:
        """The rows' catalogue, as `read_catalogue` gives it."""
        # From the file as it was opened: a writer may have swept it away since.
        self._file.seek(0)
        table: pd.DataFrame = read_catalogue(cast(Path, self._file))
        return table

    def find(self, ids: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows whose tile ids are among some.

        Args:
            ids: pyarrow array of tile ids.

        Returns:
            rows, ascending; and for each its place in ``ids``.
        """
        import pyarrow.compute as pc

        rows, places, start = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
        for batch in self._table.iter_batches(columns=["id"]):
            place = pc.index_in(batch.column(0).cast("string"), value_set=ids)
            held = np.asarray(pc.is_valid(place))
            rows.append(start + np.flatnonzero(held))
            places.append(np.asarray(place.drop_null(), np.int64))
            start += len(held)
        return np.concatenate(rows), np.concatenate(places)

    def nearest(
        self,
        queries: NDArray[np.float32],
        k: int,
        allowed: BoolArray | None = None,
        *,
        exactly: bool = False,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `Snapshot.nearest`, of this segment's n rows: every one has a place in ``allowed``.

        Args:
            queries: (q, D).
            k: how many.
            allowed: (n,).
            exactly: compare with each row allowed, whatever the index.
        """
        count = len(self) if allowed is None else int(np.count_nonzero(allowed))
        if count == 0:
            return np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
        found = self._candidates(queries, min(k, count), allowed, count, exactly)
        return exact.rescored(self.matrix, queries, found, min(k, count))

    def _candidates(
        self, queries: NDArray[np.float32], k: int, allowed: BoolArray | None, count: int, exactly: bool
    ) -> NDArray[np.int64]:
        flat = self.about.kind == "flat"
        # One more than asked: with equal cosines at the end, the order of the rows decides.
        one_more = min(k + 1, count)
        if not flat and (exactly or (allowed is not None and count <= EXACT_AMONG)):
            rows = None if allowed is None else np.flatnonzero(allowed)
            return exact.nearest(self.matrix, queries, one_more, rows)
        fetch = min(max(one_more, k * self.about.tuned.rescore), count)
        if allowed is None:
            return self._search(queries, fetch)
        left_out = len(self) - count
        if left_out <= _OVER_FETCH:
            found = self._search(queries, fetch + left_out)
            return np.where((found >= 0) & allowed[found], found, -1)
        # A flat index compares with all that are allowed anyway; one product for many queries is faster.
        if flat and count <= EXACT_AMONG and (len(queries) > 1 or count < len(self) // 64):
            return exact.nearest(self.matrix, queries, fetch, np.flatnonzero(allowed))
        return self._search_among(queries, fetch, allowed)

    def _search(self, queries: NDArray[np.float32], fetch: int) -> NDArray[np.int64]:
        many = len(queries) >= _GPU_QUERIES and fetch <= _GPU_NEIGHBOURS
        store = self._fast if many else self._store
        found: NDArray[np.int64] = store.search(queries, fetch, params=self._parameters(fetch))[1]
        return found

    def _parameters(self, fetch: int, effort: int | None = None, selector: Any = None) -> Any:
        effort = effort or self.about.tuned.effort
        if self.about.kind == "hnsw":
            effort = max(effort or 0, fetch)
        return parameters(self.about.kind, effort, selector)

    def _search_among(
        self, queries: NDArray[np.float32], fetch: int, allowed: BoolArray
    ) -> NDArray[np.int64]:
        """Among the rows allowed; FAISS skips the others inside its scan.

        The effort doubles until every query has all its candidates: the nearest lists may hold little
        but rows that are not allowed.
        """
        faiss = import_faiss()
        selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
        limit = 0
        if self.about.kind == "ivf":
            limit = faiss.extract_index_ivf(self._store).nlist
        elif self.about.kind == "hnsw":
            limit = len(self)
        effort = self.about.tuned.effort or 0
        while True:
            found: NDArray[np.int64] = self._store.search(
                queries, fetch, params=self._parameters(fetch, effort, selector)
            )[1]
            if effort >= limit or (found >= 0).all():
                return found
            effort = min(2 * effort, limit)

    @cached_property
    def _fast(self) -> Any:
        """The index on a GPU where there is one, else where it is."""
        return on_gpu(import_faiss(), self._store) or self._store


def write(
    folder: Path,
    parts: Sequence[Part],
    keys: NDArray[np.int64],
    catalogue: pd.DataFrame,
    choice: Choice,
    *,
    goal: float = GOAL,
    progress: bool = False,
) -> About:
    """Write a segment into a new folder.

    Args:
        folder: must not exist.
        parts: the vectors, one after the other.
        keys: (n,) the rows' keys.
        catalogue: n rows.
        choice: which index.
        goal: recall that its search is tuned to.
        progress: draw progress bars.
    """
    faiss = import_faiss()
    folder.mkdir()
    shape = (sum(map(len, parts)), parts[0].matrix.shape[1])
    matrix = np.lib.format.open_memmap(folder / EMBEDDINGS, mode="w+", dtype=np.float16, shape=shape)
    start = 0
    for part in parts:
        for first in range(0, len(part), exact.ROWS):
            here = slice(first, first + exact.ROWS)
            rows = part.matrix[here] if part.rows is None else part.matrix[part.rows[here]]
            matrix[start : start + len(rows)] = rows
            start += len(rows)
    matrix.flush()
    np.save(folder / KEYS, keys)
    write_catalogue(catalogue, folder / CATALOGUE)
    store = fill(matrix, choice, folder, progress=progress)
    tuned = tune(store, choice.kind, matrix, goal=goal)
    faiss.write_index(store, str(folder / INDEX))
    files = sorted(folder.iterdir())
    return About(
        name=folder.name,
        count=len(matrix),
        factory=choice.factory,
        kind=choice.kind,
        reason=choice.reason,
        tuned=tuned,
        sizes={path.name: path.stat().st_size for path in files},
        checksums={path.name: checksum(path) for path in files},
        lists=str((folder / LISTS).resolve()) if choice.on_disk else None,
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
