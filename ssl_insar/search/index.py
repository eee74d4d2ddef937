"""An index for asking which tiles look alike: the vectors of a `Store` with their catalogue.

The folder holds the float16 embeddings, which are the truth; the rest can be rebuilt from them at any
time: ``ssl-insar index compact INDEX --again``. `ssl_insar.search.store` says what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings
from ssl_insar.phase import BoolArray
from ssl_insar.search import manifest as manifests
from ssl_insar.search.backend import import_faiss
from ssl_insar.search.checks import checked_queries
from ssl_insar.search.choice import EXACT_UP_TO
from ssl_insar.search.exclude import Exclusions
from ssl_insar.search.snapshot import Snapshot
from ssl_insar.search.store import Store

Exclude: TypeAlias = "BoolArray | Callable[[int], BoolArray]"
"""Rows that may not be answers: (N,) for all queries, (q, N), or a function of the query's number."""


@dataclass(frozen=True)
class Neighbour:
    """An answer.

    Attributes:
        id: tile id.
        position: row of the tile in the index's catalogue.
        cosine: similarity to the query, in [-1, 1].
    """

    id: str
    position: int
    cosine: float


class Index:
    """An index, opened for searching; what a writer changes afterwards is not seen.

    Attributes:
        path: the folder.
        manifest: what the index is and was made from.
        provenance: encoder and archive behind the vectors.
        catalogue: one row a tile, in the order of the vectors.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.path = snapshot.folder
        self.manifest = snapshot.manifest.as_json()
        self.provenance = snapshot.manifest.provenance
        self.catalogue = snapshot.catalogue()
        self._snapshot = snapshot
        self._ids = self.catalogue["id"].to_numpy(object)

    @classmethod
    def build(
        cls,
        embeddings: Embeddings,
        path: str | Path,
        *,
        exact_up_to: int = EXACT_UP_TO,
        **settings: Any,
    ) -> Index:
        """Index embeddings and write the folder, whole or not at all.

        Up to ``exact_up_to`` vectors the search is exact. Beyond, it goes through an index chosen by
        `ssl_insar.search.choice`, what is found is put in order by the float16 vectors, and the search
        is tuned until the recall asked for is measured on them.

        Args:
            embeddings: what to index.
            path: the folder.
            exact_up_to: number of vectors.
            settings: ``recall``, ``memory``, ``changing`` and ``progress`` of `Store.create`.

        Raises:
            UserError: nothing to index, NaN, infinite or zero embeddings, ids that are not unique, a
                folder at ``path`` that holds something else, or no FAISS.
        """
        return cls(Store.create(embeddings, path, exact_up_to=exact_up_to, **settings).snapshot)

    @classmethod
    def open(cls, path: str | Path) -> Index:
        """Open a folder written by `build`.

        Raises:
            UserError: no such folder, not an index, a part missing, damaged or at odds with the
                others, a newer format, or no FAISS.
        """
        import_faiss()
        snapshot = Snapshot.open(path)
        try:
            index = cls(snapshot)
        except UserError as error:
            raise manifests.damaged(snapshot.folder, str(error)) from error
        distinct = index.catalogue["id"].nunique()
        if distinct != len(index):
            raise manifests.damaged(
                snapshot.folder, f"the catalogue holds {distinct} ids for {len(index)} tiles"
            )
        return index

    def __len__(self) -> int:
        return len(self.catalogue)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.manifest["dimension"])

    @property
    def tile(self) -> int | None:
        """Side of the tiles, px; None when the archive was out of reach when the index was made."""
        side = self.manifest.get("tile")
        return None if side is None else int(side)

    @property
    def spacing(self) -> float | None:
        """Pixel spacing that the archive was multilooked to, m; None: pixels as delivered."""
        metres = self.manifest.get("spacing")
        return None if metres is None else float(metres)

    @property
    def exact(self) -> bool:
        """Whether every vector is compared; otherwise see ``manifest["recall_at_10"]``."""
        return self.manifest["recall_at_10"] is None

    @property
    def embeddings(self) -> Embeddings:
        """The embeddings that the index was built from."""
        return Embeddings(self._snapshot.matrix(), self.catalogue, self.provenance)

    @cached_property
    def exclusions(self) -> Exclusions:
        """The catalogue prepared for `ssl_insar.search.exclude`."""
        return Exclusions(self.catalogue, self.tile)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {tile_id: i for i, tile_id in enumerate(self._ids)}

    def position(self, tile_id: str) -> int | None:
        """Row of a tile, or None when the index does not hold it."""
        return self._positions.get(tile_id)

    def vectors(self, positions: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Unit vectors of tiles.

        Shape:
            n positions -> (n, D)
        """
        return self._snapshot.vectors(np.asarray(positions, np.int64))

    def search(
        self, vectors: NDArray[np.floating[Any]], k: int = 10, *, exclude: Exclude | None = None
    ) -> list[list[Neighbour]]:
        """The ``k`` most similar tiles of each query, best first; fewer when no more are left.

        Excluded rows never take the place of others: ``k`` rows that are not excluded come back as
        long as there are that many. Neighbours of equal cosine come in the order of the catalogue.

        Args:
            vectors: queries, any length but zero.
            k: how many.
            exclude: True where a row may not be an answer.

        Shape:
            (q, D) -> q lists

        Raises:
            UserError: vectors of another dimension, or with NaN, infinite or only zero elements.
        """
        queries = checked_queries(vectors, self.dimension, self.path)
        if k < 1 or len(queries) == 0:
            return [[] for _ in queries]
        answers: list[list[Neighbour]] = []
        for group, allowed in self._groups(queries, exclude):
            positions, cosines = self._snapshot.nearest(group, min(k, len(self)), allowed)
            answers += self._named(positions, cosines)
        return answers

    def _groups(
        self, queries: NDArray[np.float32], exclude: Exclude | None
    ) -> Iterable[tuple[NDArray[np.float32], BoolArray | None]]:
        """Queries that share what they may find."""
        if exclude is None:
            yield queries, None
            return
        masks: Iterable[tuple[NDArray[np.float32], BoolArray]]
        if callable(exclude):
            masks = ((query[None], exclude(number)) for number, query in enumerate(queries))
        elif exclude.ndim == 2:
            masks = ((query[None], mask) for query, mask in zip(queries, exclude, strict=True))
        else:
            masks = [(queries, exclude)]
        for group, mask in masks:
            if mask.shape != (len(self),):
                raise ValueError(f"exclude has shape {mask.shape}, the index {len(self)} rows")
            yield group, ~mask

    def _named(self, positions: NDArray[np.int64], cosines: NDArray[np.float32]) -> Iterable[list[Neighbour]]:
        names = self._ids[positions]
        for ids, rows, values in zip(names.tolist(), positions.tolist(), cosines.tolist(), strict=True):
            yield [
                Neighbour(name, row, value)
                for name, row, value in zip(ids, rows, values, strict=True)
                if row >= 0
            ]
