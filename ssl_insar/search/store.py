"""The embedded vector engine: a folder of FAISS segments, changed only by whole steps.

    INDEX/manifest.json          what belongs to the index; replaced in one step, last of all
    INDEX/segment-000001/        embeddings.npy, index.faiss, catalogue.parquet, keys.npy
    INDEX/removed-000007.npz     rows of each segment that are no longer in the index

Nothing that a manifest names is ever changed. A change writes new files beside, flushes them to the
disk, then replaces the manifest: a reader sees the index before or after it, and so does whoever comes
after a crash. What no manifest names any more is swept away by the writer.

Adding writes a small segment and joins it with those before it that are no larger, so their number
grows with the logarithm of the number of vectors. Removing writes a list of rows. Compacting writes
everything anew into one segment, with the index chosen for what is there by then.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ssl_insar.archive.store import read_manifest as read_archive_manifest
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings, Provenance, unit_rows
from ssl_insar.search import exact, segment
from ssl_insar.search import manifest as manifests
from ssl_insar.search.backend import import_faiss
from ssl_insar.search.choice import EXACT_UP_TO, Choice, choose
from ssl_insar.search.lock import LOCK, WRITER, writing
from ssl_insar.search.manifest import Manifest
from ssl_insar.search.segment import Part
from ssl_insar.search.snapshot import Snapshot, stacked
from ssl_insar.search.tuning import GOAL

_SEGMENT, _REMOVED = "segment-", "removed-"
_FORMAT_1_FILES = (segment.EMBEDDINGS, segment.INDEX, segment.CATALOGUE)


class Store:
    """A collection of vectors in a folder; a `VectorStore`.

    Attributes:
        folder: where it is.
        snapshot: the collection as it was when this was opened, last changed here, or refreshed.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.folder = snapshot.folder
        self.snapshot = snapshot

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """Open a store; raises what `Snapshot.open` does."""
        return cls(Snapshot.open(path))

    @classmethod
    def create(
        cls,
        embeddings: Embeddings,
        path: str | Path,
        *,
        recall: float = GOAL,
        memory: int | None = None,
        changing: bool = True,
        exact_up_to: int = EXACT_UP_TO,
        progress: bool = False,
    ) -> Store:
        """Index embeddings in a new folder, or in place of the index that is there.

        Args:
            embeddings: what to index.
            path: the folder.
            recall: share of the true 10 nearest that a search is to find; reached by measuring.
            memory: bytes that the index may take; None: half of this machine's memory.
            changing: whether tiles will be added and removed; otherwise a graph may be built.
            exact_up_to: number of vectors up to which a search compares with all of them.
            progress: draw progress bars.

        Raises:
            UserError: nothing to index, NaN, infinite or zero embeddings, ids that are not unique, a
                folder that holds something else, another writer, or no FAISS.
            ValueError: a recall outside (0, 1].
        """
        import_faiss()
        if not 0 < recall <= 1:
            raise ValueError(f"recall {recall} is not in (0, 1]")
        folder = Path(path)
        _check_ours(folder)
        check_vectors(embeddings)
        fresh = Manifest(
            dimension=int(embeddings.matrix.shape[1]),
            provenance=embeddings.provenance,
            **_cutting_of(embeddings.provenance.archive),
            goal=recall,
            memory=memory,
            changing=changing,
            exact_up_to=exact_up_to,
        )
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with writing(folder):
                before = _manifest_of(folder)
                if before is not None:  # keys go on: none is ever given twice
                    fresh = dataclasses.replace(fresh, generation=before.generation, next_key=before.next_key)
                fresh = dataclasses.replace(fresh, next_segment=_next_segment(folder, before))
                keys = fresh.next_key + np.arange(len(embeddings))
                with _changing(folder, before) as change:
                    change(fresh, [Part(embeddings.matrix)], keys, embeddings.catalogue, progress=progress)
        except BaseException:
            if new and not (folder / manifests.NAME).exists():
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls.open(folder)

    @property
    def manifest(self) -> Manifest:
        """What the collection says of itself."""
        return self.snapshot.manifest

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.manifest.dimension

    def __len__(self) -> int:
        return len(self.snapshot)

    def refresh(self) -> None:
        """See what others have changed since."""
        self.snapshot = Snapshot.open(self.folder)

    def vectors(self, keys: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Unit vectors by key.

        Shape:
            (n,) -> (n, D)

        Raises:
            KeyError: a key that is not there.
        """
        positions = self.snapshot.positions(np.asarray(keys))
        if (positions < 0).any():
            raise KeyError(int(np.asarray(keys)[positions < 0][0]))
        return self.snapshot.vectors(positions)

    def catalogue(self) -> pd.DataFrame:
        """The catalogue, one row a vector, and its ``key``."""
        table = self.snapshot.catalogue()
        table["key"] = self.snapshot.keys
        return table

    def search(
        self, vectors: NDArray[np.floating[Any]], k: int, allowed: NDArray[Any] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ``k`` nearest of each query, best first.

        Args:
            vectors: queries, of any length but zero.
            k: how many; fewer come back when there are no more.
            allowed: what may be an answer: keys (integers; unknown ones are no answers), or a mask over
                the rows of `catalogue`; None: all. Up to 100,000 of them are compared one by one, so
                that the answer is exact whatever the index.

        Shape:
            (q, D) -> keys (q, up to k), -1 where there is none; cosines, -inf there

        Raises:
            UserError: vectors of another dimension, or with NaN, infinite or only zero elements.
            ValueError: a mask of another length, or k below 1.
        """
        queries = checked_queries(vectors, self.dimension, self.folder)
        if k < 1:
            raise ValueError(f"k is {k}; it must be at least 1")
        positions, cosines = self.snapshot.nearest(queries, min(k, len(self)), self._mask(allowed))
        return np.where(positions >= 0, self.snapshot.keys[positions], -1), cosines

    def _mask(self, allowed: NDArray[Any] | None) -> NDArray[np.bool_] | None:
        if allowed is None:
            return None
        given = np.asarray(allowed)
        if given.dtype == bool:
            if given.shape != (len(self),):
                raise ValueError(f"allowed has shape {given.shape}, the store {len(self)} rows")
            return given
        positions = self.snapshot.positions(given.astype(np.int64))
        mask = np.zeros(len(self), bool)
        mask[positions[positions >= 0]] = True
        return mask

    def add(self, embeddings: Embeddings, *, replace: bool = False, progress: bool = False) -> int:
        """Add tiles.

        Args:
            embeddings: of the same encoder, from tiles of the same size.
            replace: let tiles whose id is there take the place of the old, and keep their keys;
                otherwise they are refused.
            progress: draw progress bars.

        Returns:
            how many were replaced.

        Raises:
            UserError: another encoder, dimension or size of tiles, NaN, infinite or zero embeddings,
                ids that are not unique or already there, or another writer.
        """
        check_vectors(embeddings)
        with self._writing() as (now, change):
            self._check_alike(embeddings)
            held = _find(now, embeddings.ids)
            if len(held.ids) and not replace:
                raise UserError(
                    f"{self.folder}: tiles are already there: {some(held.ids)}; "
                    "to replace them: ssl-insar index update"
                )
            fresh = np.ones(len(embeddings), bool)
            fresh[held.places] = False
            keys = np.empty(len(embeddings), np.int64)
            keys[fresh] = now.manifest.next_key + np.arange(int(fresh.sum()))
            keys[held.places] = held.keys
            manifest = dataclasses.replace(
                now.manifest, provenance=_provenance(now.manifest.provenance, embeddings.provenance)
            )
            live = held.without(now)
            kept = len(now.segments)
            # Each segment is looked through by every search: join those that are no larger.
            count = len(embeddings)
            while kept and len(live[kept - 1]) <= count:
                kept -= 1
                count += len(live[kept])
            joined = range(kept, len(now.segments))
            tables = [now.segments[i].catalogue().iloc[live[i]] for i in joined]
            change(
                dataclasses.replace(manifest, segments=manifest.segments[:kept]),
                [*(Part(now.segments[i].matrix, live[i]) for i in joined), Part(embeddings.matrix)],
                np.concatenate([*(now.segments[i].keys[live[i]] for i in joined), keys]),
                stacked([*tables, embeddings.catalogue]),
                live[:kept],
                progress=progress,
            )
        return len(held.ids)

    def update(self, embeddings: Embeddings, *, progress: bool = False) -> int:
        """Replace tiles that are there and add those that are not; see `add`."""
        return self.add(embeddings, replace=True, progress=progress)

    def remove(self, ids: Sequence[str]) -> int:
        """Remove tiles by id.

        Returns:
            how many.

        Raises:
            UserError: an id that is not there, all of the tiles, or another writer.
        """
        wanted = list(dict.fromkeys(ids))
        with self._writing() as (now, change):
            held = _find(now, wanted)
            if len(held.ids) < len(wanted):
                missing = sorted(set(wanted) - set(held.ids))
                raise UserError(f"{self.folder}: holds no tile {some(missing)}; nothing was removed")
            if len(wanted) == len(now):
                raise UserError(f"{self.folder}: that is every tile; delete the folder instead")
            if wanted:
                change(now.manifest, live=held.without(now))
        return len(wanted)

    def compact(self, *, progress: bool = False, **settings: Any) -> bool:
        """Write everything anew into one segment.

        Args:
            progress: draw progress bars.
            settings: ``recall``, ``memory``, ``changing`` or ``exact_up_to`` to change; see `create`.

        Returns:
            whether there was anything to do.

        Raises:
            UserError: another writer.
        """
        if "recall" in settings:
            settings["goal"] = settings.pop("recall")
        with self._writing() as (now, change):
            manifest = dataclasses.replace(now.manifest, **settings)
            whole = len(now.segments) == 1 and now.live[0] is None
            if whole and manifest == now.manifest:
                return False
            self._write_anew(now, manifest, change, progress)
        return True

    def rebuild(self, *, progress: bool = False) -> None:
        """Write everything anew from the embeddings, even if nothing has changed."""
        with self._writing() as (now, change):
            self._write_anew(now, now.manifest, change, progress)

    @staticmethod
    def _write_anew(now: Snapshot, manifest: Manifest, change: Any, progress: bool) -> None:
        change(
            dataclasses.replace(manifest, segments=()),
            now.parts,
            now.keys,
            now.catalogue(),
            progress=progress,
        )

    @contextmanager
    def _writing(self) -> Iterator[tuple[Snapshot, Any]]:
        """Hold the folder, at its latest state, for one change."""
        with writing(self.folder):
            now = Snapshot.open(self.folder)
            with _changing(self.folder, now.manifest) as change:
                yield now, change
        self.refresh()

    def _check_alike(self, embeddings: Embeddings) -> None:
        ours, theirs = self.manifest.provenance, embeddings.provenance
        if theirs.encoder_hash != ours.encoder_hash:
            raise UserError(
                f"{self.folder}: made by another encoder (hash {ours.encoder_hash}, these embeddings by "
                f"{theirs.encoder_hash}): embed with that one, or index everything again"
            )
        dimension = embeddings.matrix.shape[1]
        if dimension != self.dimension:
            raise UserError(f"{self.folder}: holds vectors of dimension {self.dimension}, not {dimension}")
        cutting = _cutting_of(theirs.archive)
        for name, unit in (("tile", "px"), ("spacing", "m")):
            mine, given = getattr(self.manifest, name), cutting[name]
            if self.manifest.tile is not None and cutting["tile"] is not None and mine != given:
                raise UserError(
                    f"{self.folder}: holds tiles of {name} {mine} {unit}, these have {given}: "
                    "ingest again with the same --tile and --spacing"
                )


@dataclasses.dataclass(frozen=True)
class _Held:
    """Tiles that are in the index.

    Attributes:
        ids: tile ids.
        places: where in the list that was asked for.
        keys: their keys.
        rows: rows of each segment.
    """

    ids: list[str]
    places: NDArray[np.int64]
    keys: NDArray[np.int64]
    rows: list[NDArray[np.int64]]

    def without(self, now: Snapshot) -> list[NDArray[np.int64]]:
        """Rows of each segment that are left without these."""
        every = (
            np.arange(len(s)) if live is None else live
            for s, live in zip(now.segments, now.live, strict=True)
        )
        return [np.setdiff1d(e, r, assume_unique=True) for e, r in zip(every, self.rows, strict=True)]


def _find(now: Snapshot, ids: Sequence[str]) -> _Held:
    wanted = pa.array(list(ids), pa.string())
    rows, places, keys = [], [], []
    for held, live in zip(now.segments, now.live, strict=True):
        found, place = held.find(wanted)
        if live is not None:
            still = np.isin(found, live)
            found, place = found[still], place[still]
        rows.append(found)
        places.append(place)
        keys.append(held.keys[found])
    where = np.concatenate(places)
    return _Held([ids[i] for i in where], where, np.concatenate(keys), rows)


@contextmanager
def _changing(folder: Path, before: Manifest | None) -> Iterator[Any]:
    """Give the function that makes one change, and sweep what is left behind, before and after."""
    _sweep(folder, before)

    def change(
        manifest: Manifest,
        parts: Sequence[Part] = (),
        keys: NDArray[np.int64] | None = None,
        catalogue: pd.DataFrame | None = None,
        live: Sequence[NDArray[np.int64]] = (),
        *,
        progress: bool = False,
    ) -> None:
        """Publish a manifest: its segments with their live rows, and a new one of the parts."""
        generation = manifest.generation + 1
        left = {
            about.name: np.delete(np.arange(about.count), rows)
            for about, rows in zip(manifest.segments, live, strict=True)
            if len(rows) < about.count
        }
        name = f"{_REMOVED}{generation:06d}.npz" if left else None
        if name is not None:
            np.savez(folder / name, **left)  # type: ignore[arg-type]
        segments = manifest.segments
        if parts:
            assert keys is not None
            assert catalogue is not None
            about = segment.write(
                folder / f"{_SEGMENT}{manifest.next_segment:06d}",
                parts,
                keys,
                catalogue,
                choice_for(manifest, sum(map(len, parts))),
                goal=manifest.goal,
                progress=progress,
            )
            manifests.flush_folder(folder / about.name)
            segments = (*segments, about)
        published = dataclasses.replace(
            manifest,
            segments=segments,
            removed=name,
            removed_count=sum(map(len, left.values())),
            generation=generation,
            next_key=manifest.next_key if keys is None else max(manifest.next_key, int(keys.max()) + 1),
            next_segment=manifest.next_segment + (1 if parts else 0),
        )
        manifests.flush_folder(folder)
        manifests.publish(folder, published)
        _sweep(folder, published)

    try:
        yield change
    except BaseException:
        _sweep(folder, _manifest_of(folder))
        raise


def choice_for(manifest: Manifest, count: int) -> Choice:
    """The index for a segment of so many vectors."""
    return choose(
        count,
        manifest.dimension,
        memory=manifest.memory,
        changing=manifest.changing,
        exact_up_to=manifest.exact_up_to or EXACT_UP_TO,
    )


def _sweep(folder: Path, manifest: Manifest | None) -> None:
    """Delete what the manifest does not name; None: there is none."""
    if manifest is None and (folder / manifests.NAME).exists():
        return  # damaged: what it named may still be wanted
    named: set[str | None] = set()
    if manifest is not None:
        named = {manifest.removed, *(about.name for about in manifest.segments)}
    for path in folder.iterdir():
        old = path.name in _FORMAT_1_FILES and "." not in named
        if path.name in named or not (old or path.name.startswith((_SEGMENT, _REMOVED, ".manifest."))):
            continue
        # Windows keeps files that a reader has open; the next writer sweeps them.
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _manifest_of(folder: Path) -> Manifest | None:
    """The manifest that is there; None when there is none that can be read, to start anew."""
    try:
        return manifests.read(folder)
    except manifests.NewerError:
        raise
    except UserError:
        return None


def _next_segment(folder: Path, before: Manifest | None) -> int:
    """A number that no segment there has, also when the manifest cannot be read."""
    taken = (path.name.removeprefix(_SEGMENT) for path in folder.glob(f"{_SEGMENT}*"))
    return max([before.next_segment if before else 1, *(int(n) + 1 for n in taken if n.isdigit())])


def _check_ours(folder: Path) -> None:
    """Refuse to write where something else is."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; --out needs a folder")
    if not folder.exists() or _manifest_of(folder) is not None:
        return
    ours = (*_FORMAT_1_FILES, manifests.NAME, LOCK, WRITER)
    marks = (_SEGMENT, _REMOVED, ".")
    names = {path.name for path in folder.iterdir()}
    index = segment.INDEX in names or any(name.startswith(_SEGMENT) for name in names)
    foreign = [n for n in names if n not in ours and not n.startswith(marks)]
    visible = [n for n in names if not n.startswith(".")]
    if foreign or (visible and not index):
        raise UserError(f"{folder}: holds something else (no index); give --out a new folder")


def check_vectors(embeddings: Embeddings) -> None:
    """Refuse what FAISS would take without a word and never find again.

    Raises:
        UserError: none at all, ids that are not unique, or NaN, infinite or zero vectors.
    """
    if len(embeddings) == 0:
        raise UserError("the embeddings hold no tile; there is nothing to index")
    ids = embeddings.catalogue["id"]
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        raise UserError(
            f"tile ids occur more than once: {some(repeated)}; embed an archive made by ssl-insar ingest"
        )
    bad: list[int] = []
    for start in range(0, len(embeddings), exact.ROWS):
        with np.errstate(over="ignore"):
            rows = np.asarray(embeddings.matrix[start : start + exact.ROWS], np.float16)
        broken = ~np.isfinite(rows).all(axis=1) | ~rows.any(axis=1)
        bad.extend(start + np.flatnonzero(broken))
    if bad:
        named = some(ids.iloc[bad])
        raise UserError(
            f"{len(bad)} of {len(ids)} embeddings are NaN, infinite or zero: {named}; "
            "the encoder is untrained, or its training diverged: pretrain and embed again"
        )


def checked_queries(vectors: NDArray[np.floating[Any]], dimension: int, folder: Path) -> NDArray[np.float32]:
    """Queries as unit vectors.

    Shape:
        (q, D) or (D,) -> (q, D)

    Raises:
        UserError: another dimension, or NaN, infinite or only zero elements.
    """
    queries = np.atleast_2d(np.asarray(vectors, np.float32))
    if queries.ndim != 2 or queries.shape[1] != dimension:
        raise UserError(
            f"{folder}: vectors of dimension {queries.shape[-1]} searched in an index of dimension "
            f"{dimension}; use the encoder that made the index"
        )
    if not (np.isfinite(queries).all() and queries.any(axis=1).all()):
        raise UserError("a query vector is NaN, infinite or zero; the encoder or its input is broken")
    return unit_rows(queries)


def some(names: Any) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(str(name) for name in list(names)[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _cutting_of(archive: str) -> dict[str, Any]:
    """How the archive was cut, so that a query is cut likewise; nothing when it is out of reach."""
    try:
        manifest = read_archive_manifest(Path(archive)) if archive else {}
    except UserError:
        manifest = {}
    return {"tile": manifest.get("tile"), "spacing": manifest.get("spacing")}


def _provenance(ours: Provenance, theirs: Provenance) -> Provenance:
    """The first archive stays the one that pictures are looked for in; if it has grown, as it is now."""
    return theirs if theirs.archive == ours.archive else ours
