"""A cosine-similarity index over the embeddings of an archive, kept as a folder.

The folder is an embeddings folder with an index in it: ``embeddings.npy`` (float16, the truth),
``catalogue.parquet`` and ``manifest.json`` as `Embeddings` writes them, and ``index.faiss``, which
can be rebuilt from them at any time: ``ssl-insar index INDEX --out INDEX``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import read_catalogue, write_catalogue
from ssl_insar.archive.store import read_manifest as read_archive_manifest
from ssl_insar.atomic import check_replaceable, present_folder, replacing_folder
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import FORMAT as EMBEDDINGS_FORMAT
from ssl_insar.models.embeddings import Embeddings, Provenance, read_manifest, unit_rows
from ssl_insar.phase import BoolArray
from ssl_insar.search import backend
from ssl_insar.search.backend import import_faiss
from ssl_insar.search.exclude import Exclusions

FORMAT = 1
EXACT_UP_TO = 200_000
"""Vectors up to which a search compares with every one, which takes about 0.02 s at 200,000."""

_GPU_QUERIES = 256
"""Queries from which copying the index to a GPU pays off."""

_GPU_NEIGHBOURS = 1024
"""Neighbours a query that every GPU build of FAISS returns."""

_HOW = "ssl-insar index EMBEDDINGS --out"

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
    """An index, opened for searching.

    Attributes:
        path: the folder.
        manifest: what the index is and was made from.
        provenance: encoder and archive behind the vectors.
        catalogue: one row a tile, in the order of the vectors.
    """

    def __init__(
        self,
        path: Path,
        manifest: dict[str, Any],
        catalogue: pd.DataFrame,
        matrix: NDArray[np.float16],
        store: Any,
    ) -> None:
        self.path = path
        self.manifest = manifest
        self.provenance = Provenance(**{f.name: manifest[f.name] for f in dataclasses.fields(Provenance)})
        self.catalogue = catalogue
        self._matrix = matrix
        self._store = store

    @classmethod
    def build(cls, embeddings: Embeddings, path: str | Path, *, exact_up_to: int = EXACT_UP_TO) -> Index:
        """Index embeddings and write the folder, whole or not at all.

        Up to ``exact_up_to`` vectors the search is exact (``Flat``). Beyond, it goes through inverted
        lists of 8-bit codes (``IVF,SQ8``), and what is found is put in order by the float16 vectors;
        its recall against the exact search is measured on them and written into the manifest.

        Raises:
            UserError: nothing to index, NaN, infinite or zero embeddings, ids that are not unique, a
                folder at ``path`` that holds something else, or no FAISS.
        """
        faiss = import_faiss()
        folder = present_folder(Path(path))
        check_replaceable(folder, "index.faiss")
        _check_vectors(embeddings)
        built = backend.build(embeddings.matrix, exact_up_to)
        manifest = {
            "format": EMBEDDINGS_FORMAT,
            "kind": "index",
            "index_format": FORMAT,
            "count": len(embeddings),
            "dimension": int(embeddings.matrix.shape[1]),
            **dataclasses.asdict(embeddings.provenance),
            **_cutting_of(embeddings.provenance.archive),
            "metric": "cosine",
            "factory": built.factory,
            "probes": built.probes,
            "recall_at_10": built.recall,
            "faiss": str(faiss.__version__),
        }
        with replacing_folder(folder, "index.faiss") as scratch:
            faiss.write_index(built.store, str(scratch / "index.faiss"))
            np.save(scratch / "embeddings.npy", np.asarray(embeddings.matrix, np.float16))
            write_catalogue(embeddings.catalogue, scratch / "catalogue.parquet")
            (scratch / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        return cls.open(folder)

    @classmethod
    def open(cls, path: str | Path) -> Index:
        """Open a folder written by `build`.

        Raises:
            UserError: no such folder, not an index, a part missing, damaged or at odds with the
                others, a newer format, or no FAISS.
        """
        faiss = import_faiss()
        folder = Path(path)
        manifest = read_manifest(folder, "an index", _HOW)
        if manifest.get("kind") != "index":
            raise UserError(f"{folder}: holds no index; make one with: {_HOW} {folder}")
        newer = int(manifest.get("index_format", 0)) > FORMAT or manifest["format"] > EMBEDDINGS_FORMAT
        if newer:
            raise UserError(f"{folder}: written by a newer ssl_insar; upgrade to read it")
        again = f"make it again with: {_HOW} {folder}"
        try:
            store = faiss.read_index(str(folder / "index.faiss"))
            matrix = np.load(folder / "embeddings.npy", mmap_mode="r", allow_pickle=False)
            catalogue = read_catalogue(folder / "catalogue.parquet")
            index = cls(folder, manifest, catalogue, matrix, store)
            expected = (int(manifest["count"]), int(manifest["dimension"]))
        except (UserError, OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError) as error:
            raise UserError(f"{folder}: damaged index ({_reason(error)}); {again}") from error
        found = {
            "index.faiss": (int(store.ntotal), int(store.d)),
            "embeddings.npy": matrix.shape,
            "catalogue.parquet": (catalogue["id"].nunique(), expected[1]),
        }
        for part, shape in found.items():
            if shape != expected:
                raise UserError(
                    f"{folder}: damaged index ({part} holds {_shape(shape)}, manifest.json says "
                    f"{_shape(expected)}); {again}"
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
        return self.manifest["probes"] is None

    @property
    def embeddings(self) -> Embeddings:
        """The embeddings that the index was built from."""
        return Embeddings(self._matrix, self.catalogue, self.provenance)

    @cached_property
    def exclusions(self) -> Exclusions:
        """The catalogue prepared for `ssl_insar.search.exclude`."""
        return Exclusions(self.catalogue, self.tile)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {tile_id: i for i, tile_id in enumerate(self.catalogue["id"])}

    def position(self, tile_id: str) -> int | None:
        """Row of a tile, or None when the index does not hold it."""
        return self._positions.get(tile_id)

    def vectors(self, positions: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Unit vectors of tiles.

        Shape:
            n positions -> (n, D)
        """
        return unit_rows(self._matrix[np.asarray(positions, np.int64)])

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
        queries = np.atleast_2d(np.asarray(vectors, np.float32))
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise UserError(
                f"{self.path}: vectors of dimension {queries.shape[-1]} searched in an index of dimension "
                f"{self.dimension}; use the encoder that made the index"
            )
        if not (np.isfinite(queries).all() and queries.any(axis=1).all()):
            raise UserError("a query vector is NaN, infinite or zero; the encoder or its input is broken")
        queries = unit_rows(queries)
        wanted = min(k, len(self))
        if wanted < 1 or len(queries) == 0:
            return [[] for _ in queries]
        return [
            self._ordered(query, found, k)
            for query, found in zip(queries, self._candidates(queries, wanted, exclude), strict=True)
        ]

    def _candidates(
        self, queries: NDArray[np.float32], k: int, exclude: Exclude | None
    ) -> Iterator[NDArray[np.int64]]:
        """Rows worth scoring for each query: at least the best ``k`` that are not excluded."""
        # One more than asked: with equal cosines at the end, the order of the catalogue decides.
        fetch = min(len(self), k + 1 if self.exact else backend.RESCORE * k)
        if exclude is None:
            many = len(queries) >= _GPU_QUERIES and fetch <= _GPU_NEIGHBOURS
            yield from backend.search_all(self._fast if many else self._store, queries, fetch)
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
            yield from backend.search_allowed(self._store, group, fetch, ~mask, self.manifest["probes"])

    @cached_property
    def _fast(self) -> Any:
        """The index on a GPU where there is one, else where it is."""
        return backend.on_gpu(import_faiss(), self._store) or self._store

    def _ordered(self, query: NDArray[np.float32], found: NDArray[np.int64], k: int) -> list[Neighbour]:
        found = np.sort(found)
        cosines = np.clip(self.vectors(found) @ query, -1.0, 1.0)
        best = np.argsort(-cosines, kind="stable")[:k]
        ids = self.catalogue["id"]
        return [
            Neighbour(str(ids.iloc[int(p)]), int(p), float(c))
            for p, c in zip(found[best], cosines[best], strict=True)
        ]


def _check_vectors(embeddings: Embeddings) -> None:
    """Refuse what FAISS would take without a word and never find again."""
    if len(embeddings) == 0:
        raise UserError("the embeddings hold no tile; there is nothing to index")
    ids = embeddings.catalogue["id"]
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        raise UserError(
            f"tile ids occur more than once: {_some(repeated)}; embed an archive made by ssl-insar ingest"
        )
    bad: list[int] = []
    for start in range(0, len(embeddings), backend.ROWS):
        rows = embeddings.matrix[start : start + backend.ROWS]
        broken = ~np.isfinite(rows).all(axis=1) | ~rows.any(axis=1)
        bad.extend(start + np.flatnonzero(broken))
    if bad:
        named = _some(ids.iloc[bad])
        raise UserError(
            f"{len(bad)} of {len(ids)} embeddings are NaN, infinite or zero: {named}; "
            "the encoder is untrained, or its training diverged: pretrain and embed again"
        )


def _cutting_of(archive: str) -> dict[str, Any]:
    """How the archive was cut, so that a query is cut likewise; nothing when it is out of reach."""
    try:
        manifest = read_archive_manifest(Path(archive)) if archive else {}
    except UserError:
        manifest = {}
    return {"tile": manifest.get("tile"), "spacing": manifest.get("spacing")}


def _some(names: Any) -> str:
    shown = ", ".join(str(name) for name in list(names)[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)


def _reason(error: BaseException) -> str:
    # FAISS wraps its reason into C++ file names and line numbers; the reason stands last.
    lines = str(error).strip().splitlines()
    return lines[-1].split(";")[0] if lines else type(error).__name__
