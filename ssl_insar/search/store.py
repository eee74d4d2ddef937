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
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings
from ssl_insar.search import manifest as manifests
from ssl_insar.search.archives import cutting_of, merged, with_archive
from ssl_insar.search.backend import import_faiss
from ssl_insar.search.change import Change, Fresh, changing
from ssl_insar.search.checks import check_alike, check_vectors, checked_queries, some
from ssl_insar.search.choice import EXACT_UP_TO
from ssl_insar.search.held import find_held
from ssl_insar.search.layout import check_ours, manifest_of, next_segment
from ssl_insar.search.lock import writing
from ssl_insar.search.manifest import Manifest
from ssl_insar.search.segment import Part
from ssl_insar.search.settings import Settings
from ssl_insar.search.snapshot import Snapshot, stacked
from ssl_insar.search.tuning import GOAL

if TYPE_CHECKING:
    from typing_extensions import Unpack


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
        cls, embeddings: Embeddings, path: str | Path, *, progress: bool = False, **settings: Unpack[Settings]
    ) -> Store:
        """Index embeddings in a new folder, or in place of the index that is there.

        Args:
            embeddings: what to index.
            path: the folder.
            progress: draw progress bars.
            settings: as in `Settings`.

        Raises:
            UserError: nothing to index, NaN, infinite or zero embeddings, ids that are not unique, a
                folder that holds something else, another writer, or no FAISS.
            ValueError: a recall outside (0, 1].
        """
        import_faiss()
        folder = Path(path)
        check_ours(folder)
        check_vectors(embeddings)
        manifest = Manifest(
            dimension=int(embeddings.matrix.shape[1]),
            provenance=embeddings.provenance,
            **cutting_of(embeddings.provenance.archive),
            goal=GOAL,
            exact_up_to=EXACT_UP_TO,
        )
        manifest = _with(manifest, settings)
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with writing(folder):
                before = manifest_of(folder)
                if before is not None:  # keys go on: none is ever given twice
                    manifest = dataclasses.replace(
                        manifest, generation=before.generation, next_key=before.next_key
                    )
                manifest = dataclasses.replace(manifest, next_segment=next_segment(folder, before))
                keys = manifest.next_key + np.arange(len(embeddings))
                fresh = Fresh([Part(embeddings.matrix)], keys, with_archive(embeddings))
                with changing(folder, before) as change:
                    change.publish(manifest, fresh, progress=progress)
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

    def check(self) -> int:
        """Compare every file with its checksum; reads them whole.

        Returns:
            how many segments have checksums; the others are of earlier versions.

        Raises:
            UserError: bytes of a file have changed since it was written, or it cannot be read.
        """
        for part in self.snapshot.segments:
            try:
                changed = part.changed()
            except OSError as error:
                raise manifests.damaged(self.folder, str(error)) from error
            if changed:
                names = ", ".join(f"{part.about.name}/{name}" for name in changed)
                raise manifests.damaged(self.folder, f"bytes of {names} have changed")
        return sum(bool(part.about.checksums) for part in self.snapshot.segments)

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
            check_alike(self.folder, self.manifest, embeddings)
            held = find_held(now, embeddings.ids)
            if len(held.ids) and not replace:
                raise UserError(
                    f"{self.folder}: tiles are already there: {some(held.ids)}; "
                    "to replace them: ssl-insar index update"
                )
            new = np.ones(len(embeddings), bool)
            new[held.places] = False
            keys = np.empty(len(embeddings), np.int64)
            keys[new] = now.manifest.next_key + np.arange(int(new.sum()))
            keys[held.places] = held.keys
            manifest = dataclasses.replace(
                now.manifest, provenance=merged(now.manifest.provenance, embeddings.provenance)
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
            fresh = Fresh(
                [*(Part(now.segments[i].matrix, live[i]) for i in joined), Part(embeddings.matrix)],
                np.concatenate([*(now.segments[i].keys[live[i]] for i in joined), keys]),
                stacked([*tables, with_archive(embeddings)]),
            )
            manifest = dataclasses.replace(manifest, segments=manifest.segments[:kept])
            change.publish(manifest, fresh, live[:kept], progress=progress)
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
            held = find_held(now, wanted)
            if len(held.ids) < len(wanted):
                missing = sorted(set(wanted) - set(held.ids))
                raise UserError(f"{self.folder}: holds no tile {some(missing)}; nothing was removed")
            if len(wanted) == len(now):
                raise UserError(f"{self.folder}: that is every tile; delete the folder instead")
            if wanted:
                change.publish(now.manifest, live=held.without(now))
        return len(wanted)

    def compact(self, *, progress: bool = False, **settings: Unpack[Settings]) -> bool:
        """Write everything anew into one segment.

        Args:
            progress: draw progress bars.
            settings: as in `Settings`; those given are changed.

        Returns:
            whether there was anything to do.

        Raises:
            UserError: another writer.
            ValueError: a recall outside (0, 1].
        """
        with self._writing() as (now, change):
            manifest = _with(now.manifest, settings)
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
    def _write_anew(now: Snapshot, manifest: Manifest, change: Change, progress: bool) -> None:
        fresh = Fresh(now.parts, now.keys, now.catalogue())
        change.publish(dataclasses.replace(manifest, segments=()), fresh, progress=progress)

    @contextmanager
    def _writing(self) -> Iterator[tuple[Snapshot, Change]]:
        """Hold the folder, at its latest state, for one change."""
        with writing(self.folder):
            now = Snapshot.open(self.folder)
            with changing(self.folder, now.manifest) as change:
                yield now, change
        self.refresh()


def _with(manifest: Manifest, settings: Settings) -> Manifest:
    """A manifest with settings changed."""
    given: dict[str, Any] = {**settings}
    if "recall" in given:
        given["goal"] = given.pop("recall")
        if not 0 < given["goal"] <= 1:
            raise ValueError(f"recall {given['goal']} is not in (0, 1]")
    return dataclasses.replace(manifest, **given)
