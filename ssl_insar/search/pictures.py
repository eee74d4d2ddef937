"""The pixels of an index's tiles, from the archives that they were embedded from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.errors import UserError
from ssl_insar.search.archives import of_tiles
from ssl_insar.search.index import Index


def open_archive(index: Index, path: str | Path | None = None) -> Archive:
    """The archive that holds the tiles of an index.

    Args:
        index: from which the tiles' pictures are wanted.
        path: where the archive is; None: where it was when the index was made.

    Raises:
        UserError: it is not there, or holds other tiles.
    """
    try:
        archive = Archive.open(path if path is not None else index.provenance.archive)
    except UserError as error:
        hint = "" if path is not None else "; pass --archive if it has moved"
        raise UserError(f"{error}{hint}") from error
    if archive.digest != index.provenance.archive_digest:
        held = set(archive.catalogue["id"])
        lost = sum(tile_id not in held for tile_id in index.catalogue["id"])
        if lost:
            raise UserError(
                f"{archive.path}: another archive: lacks {lost} of the index's {len(index)} tiles"
            )
    return archive


class Pictures:
    """Phasor fields of tiles, whichever archive holds them.

    Attributes:
        missing: a sentence on each archive that is out of reach.
    """

    def __init__(self, index: Index, archives: Sequence[Archive] = ()) -> None:
        """Open the archives of an index when their tiles are asked for.

        Args:
            index: whose tiles.
            archives: where tiles are looked for first, whatever the index says.

        Raises:
            UserError: one of these holds no tile of the index.
        """
        self.missing: list[str] = []
        self._index = index
        self._paths = of_tiles(index.catalogue, index.provenance).astype(str).to_numpy(object)
        self._opened: dict[str, Archive | None] = {str(archive.path): archive for archive in archives}
        ids = index.catalogue["id"]
        for archive in reversed(archives):  # the first has the last word
            held = ids.isin(archive.catalogue["id"]).to_numpy()
            if not held.any():
                raise UserError(f"{archive.path}: another archive: holds no tile of {index.path}")
            self._paths[held] = str(archive.path)

    def phasors(self, ids: Sequence[str]) -> NDArray[np.complex64]:
        """Phasor fields of tiles; all 0 where the archive is out of reach, see `missing`.

        Shape:
            n ids -> (n, T, T)

        Raises:
            UserError: no archive of these tiles is there, or one lacks a tile.
        """
        if not len(ids):
            return np.zeros((0, 1, 1), np.complex64)
        found: dict[int, NDArray[np.complex64]] = {}
        paths = [self._path(tile_id) for tile_id in ids]
        for path in dict.fromkeys(paths):
            archive = self._archive(path)
            if archive is not None:
                here = [i for i, other in enumerate(paths) if other == path]
                fields = archive.phasors([archive.position(ids[i]) for i in here])
                found |= dict(zip(here, fields, strict=True))
        if not found:
            raise UserError(self.missing[-1])
        empty = np.zeros_like(next(iter(found.values())))
        return np.stack([found.get(i, empty) for i in range(len(ids))])

    def _path(self, tile_id: str) -> str:
        position = self._index.position(tile_id)
        if position is None:
            raise UserError(f"{tile_id}: no tile of {self._index.path}")
        return str(self._paths[position])

    def _archive(self, path: str) -> Archive | None:
        if path not in self._opened:
            try:
                self._opened[path] = Archive.open(path)
            except UserError as error:
                self._opened[path] = None
                self.missing.append(f"{error}; pass --archive if it has moved")
        return self._opened[path]
