"""The index at one moment: all its segments, opened, and the rows that are still in it.

A row's *position* is its place among these, in the order of the segments. Its *key* is an integer that
stays with its tile as long as the tile is in the index, through updates and compaction, and is never
given to another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.phase import BoolArray
from ssl_insar.search import manifest as manifests
from ssl_insar.search.manifest import Manifest
from ssl_insar.search.segment import EXACT_AMONG, Part, Segment

_TRIES = 5


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """An index, opened; later changes by a writer do not touch it.

    Attributes:
        folder: where it is.
        manifest: what it says of itself.
        segments: in the order of the rows.
        live: for each segment the rows still in the index, ascending; None: all.
    """

    folder: Path
    manifest: Manifest
    segments: tuple[Segment, ...]
    live: tuple[NDArray[np.int64] | None, ...]

    @classmethod
    def open(cls, path: str | Path) -> Snapshot:
        """Open an index.

        Raises:
            UserError: no such folder, not an index, a part missing, damaged or at odds with the
                others, a newer format, or no FAISS.
        """
        folder = Path(path)
        manifest = manifests.read(folder)
        for _ in range(_TRIES):
            try:
                return cls._opened(folder, manifest)
            except (
                UserError,
                OSError,
                RuntimeError,
                ValueError,
                KeyError,
                TypeError,
                EOFError,
                BadZipFile,
            ) as error:
                newer = manifests.read(folder)
                # Published and swept between the two readings: what is there now is whole.
                if newer.generation == manifest.generation:
                    raise manifests.damaged(folder, _reason(error)) from error
                manifest = newer
        raise UserError(f"{folder}: changes faster than it can be opened; try again")

    @classmethod
    def _opened(cls, folder: Path, manifest: Manifest) -> Snapshot:
        removed: dict[str, NDArray[np.int64]] = {}
        if manifest.removed is not None:
            with np.load(folder / manifest.removed, allow_pickle=False) as held:
                removed = {name: held[name] for name in held.files}
        segments = tuple(Segment(folder / a.name, a, manifest.dimension) for a in manifest.segments)
        live = tuple(
            np.delete(np.arange(len(segment)), removed[segment.about.name])
            if segment.about.name in removed
            else None
            for segment in segments
        )
        snapshot = cls(folder, manifest, segments, live)
        if len(snapshot) != manifest.count:
            raise UserError(f"{len(snapshot)} rows are left, {manifests.NAME} says {manifest.count}")
        return snapshot

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Position of each segment's first row, and at last the number of rows."""
        counts = [
            len(segment) if rows is None else len(rows)
            for segment, rows in zip(self.segments, self.live, strict=True)
        ]
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def parts(self) -> list[Part]:
        """The vectors in the index, in the order of positions."""
        return [Part(s.matrix, rows) for s, rows in zip(self.segments, self.live, strict=True)]

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """Key of each position."""
        held = [
            s.keys if rows is None else s.keys[rows] for s, rows in zip(self.segments, self.live, strict=True)
        ]
        return held[0] if len(held) == 1 else np.concatenate(held)

    @cached_property
    def _by_key(self) -> NDArray[np.int64] | None:
        """Positions in the order of their keys; None: that is their own."""
        ascending = bool((self.keys[1:] > self.keys[:-1]).all())
        return None if ascending else np.argsort(self.keys)

    def positions(self, keys: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Positions of keys; -1 for a key that the index does not hold."""
        order = self._by_key
        place = np.searchsorted(self.keys, keys, sorter=order)
        place = np.minimum(place, len(self) - 1)
        found = place if order is None else order[place]
        return np.where(self.keys[found] == keys, found, -1).astype(np.int64)

    def catalogue(self) -> pd.DataFrame:
        """The catalogue in the order of positions."""
        tables = [
            table if rows is None else table.iloc[rows]
            for table, rows in zip((s.catalogue() for s in self.segments), self.live, strict=True)
        ]
        return stacked(tables)

    def vectors(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Unit vectors.

        Shape:
            (n,) -> (n, D)
        """
        found = np.empty((len(positions), self.manifest.dimension), np.float32)
        number = np.searchsorted(self.starts, positions, side="right") - 1
        for segment, rows, start, here in self._each(number):
            local = positions[here] - start
            found[here] = unit_rows(segment.matrix[local if rows is None else rows[local]])
        return found

    def _each(self, number: NDArray[np.int64]) -> Any:
        for i in np.unique(number):
            yield self.segments[i], self.live[i], self.starts[i], np.flatnonzero(number == i)

    def matrix(self) -> NDArray[np.float16]:
        """All vectors as they were given, in the order of positions; read from disk if they can be.

        Shape:
            (N, D)
        """
        held = [part.matrix if part.rows is None else part.matrix[part.rows] for part in self.parts]
        return held[0] if len(held) == 1 else np.concatenate(held)

    def nearest(
        self, queries: NDArray[np.float32], k: int, allowed: BoolArray | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ``k`` nearest of each query; of equal ones the first in position.

        Where not every row may be an answer, by ``allowed`` or because it was removed, and no more than
        `EXACT_AMONG` may be, every one of those is compared: nothing is missed.

        Args:
            queries: unit vectors.
            k: how many.
            allowed: True where a position may be an answer; None: all.

        Shape:
            (q, D), (N,) -> positions (q, up to k), -1 where there is none; cosines, -inf there
        """
        left = len(self) if allowed is None else int(np.count_nonzero(allowed))
        narrowed = allowed is not None or self.manifest.removed_count > 0
        exactly = narrowed and left <= EXACT_AMONG
        found = []
        for number, (segment, rows) in enumerate(zip(self.segments, self.live, strict=True)):
            start = int(self.starts[number])
            here = None if allowed is None else allowed[start : int(self.starts[number + 1])]
            mask = here
            if rows is not None:
                mask = np.zeros(len(segment), bool)
                mask[rows] = True if here is None else here
            local, cosines = segment.nearest(queries, k, mask, exactly=exactly)
            place = local if rows is None else np.searchsorted(rows, local)
            found.append((np.where(local >= 0, place + start, -1), cosines))
        if len(found) == 1:
            return found[0]
        positions = np.hstack([p for p, _ in found])
        cosines = np.hstack([c for _, c in found])
        # Segments come in the order of positions, and so do equal cosines within them.
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(positions, best, 1), np.take_along_axis(cosines, best, 1)


def stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Catalogues one below the other; a column that one of them lacks is unknown there."""
    if len(tables) == 1:
        return tables[0].reset_index(drop=True)
    filled = [table for table in tables if len(table)]
    columns = list(dict.fromkeys(name for table in filled for name in table))
    # As objects, so that a column unknown throughout one table does not change the kind of the others.
    table = pd.concat([t.reindex(columns=columns).astype(object) for t in filled], ignore_index=True)
    for name in columns:
        kinds = {t[name].dtype for t in filled if name in t}
        if len(kinds) == 1 and all(name in t for t in filled):
            table[name] = table[name].astype(kinds.pop())
        else:
            table[name] = table[name].infer_objects()
    return gpd.GeoDataFrame(table, geometry="geometry") if "geometry" in table else table


def _reason(error: BaseException) -> str:
    # FAISS wraps its reason into C++ file names and line numbers; the reason stands last.
    lines = str(error).strip().splitlines()
    return lines[-1].split(";")[0] if lines else type(error).__name__
