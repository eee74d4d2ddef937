"""A finished archive on disk: memory-mapped tiles and their catalogue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import read_catalogue
from ssl_insar.errors import UserError

FORMAT = 3
MANIFEST = "archive.json"
CATALOGUE = "catalogue.parquet"
PARTS = "parts"

NO_ELEVATION = -32768
"""Stored where the elevation is unknown."""

MOST_MAPS = 400
"""Shards mapped at once: each holds a file descriptor, and 1,024 of those is a common limit."""

COS_SIN = np.exp(2j * np.pi * np.arange(256) / 256).astype(np.complex64)
"""Unit phasor of each of the 256 wrapped phase counts."""


class Archive:
    """A folder of tiles, opened for reading.

    Tiles lie in parts: ``parts/00000.phase.npy`` is (n, T, T) uint8 (wrapped) or int16 (unwrapped)
    in 1/256 cycles (`ssl_insar.phase`), ``parts/00000.valid.npy`` the validity, 8 pixels a byte. Where
    the product has them, ``.coherence.npy`` is (n, T, T) uint8 (255 = 1) and ``.elevation.npy`` (n, T, T)
    int16 m; where it is known where a tile deforms, ``.deformation.npy`` has that as ``.valid.npy``.

    Attributes:
        path: the folder.
        tile: side of a tile, px.
        stride: step between tiles when they were cut, px.
        digest: hash of what the archive holds.
        catalogue: one row a tile; see `ssl_insar.archive.catalogue.COLUMNS`.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], catalogue: pd.DataFrame) -> None:
        self.path = path
        self.tile = int(manifest["tile"])
        self.stride = int(manifest["stride"])
        self.digest = str(manifest["digest"])
        self.catalogue = catalogue
        self._part_of = catalogue["part"].to_numpy()
        self._slot_of = catalogue["slot"].to_numpy()
        self._maps: dict[tuple[int, str], NDArray[Any]] = {}

    @classmethod
    def open(cls, path: str | Path) -> Archive:
        """Open an archive.

        Raises:
            UserError: not an archive, not finished, damaged, or written by a newer version.
        """
        folder = Path(path)
        manifest = read_manifest(folder)
        catalogue = read_catalogue(folder / CATALOGUE)
        # The catalogue is replaced just before the manifest; a crash between the two leaves rows
        # at its end that the manifest does not yet vouch for.
        if len(catalogue) < manifest["tiles"]:
            raise UserError(f"{folder}: the catalogue lacks tiles; run the same ssl-insar ingest again")
        archive = cls(folder, manifest, catalogue.iloc[: manifest["tiles"]].reset_index(drop=True))
        archive._check_parts()
        return archive

    def __len__(self) -> int:
        return len(self.catalogue)

    def phases(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Wrapped phase counts, 1/256 cycle a step.

        Shape:
            n indices -> (n, T, T) uint8
        """
        # The low byte of an unwrapped count is the wrapped count.
        return self._gather(indices, "phase", np.empty((0, self.tile, self.tile), np.uint8))

    def unwrapped(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.int16]:
        """Unwrapped phase counts, 1/256 cycle a step; wrapped tiles come as their wrapped count.

        Shape:
            n indices -> (n, T, T) int16
        """
        return self._gather(indices, "phase", np.empty((0, self.tile, self.tile), np.int16))

    def valid_bits(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Validity, 8 pixels a byte (`numpy.packbits` along the row).

        Shape:
            n indices -> (n, T, ceil(T / 8)) uint8
        """
        return self._gather(indices, "valid", np.empty((0, self.tile, -(-self.tile // 8)), np.uint8))

    def valid(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Validity.

        Shape:
            n indices -> (n, T, T) bool
        """
        return self._unpacked(self.valid_bits(indices))

    def deformation(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Where tiles deform, as far as that is known (column ``has_deformation``); False elsewhere.

        Shape:
            n indices -> (n, T, T) bool
        """
        index = np.asarray(indices, np.int64)
        out = np.zeros((len(index), self.tile, self.tile), bool)
        held = self.catalogue["has_deformation"].to_numpy(bool)[index]
        if held.any():
            like = np.empty((0, self.tile, -(-self.tile // 8)), np.uint8)
            out[held] = self._unpacked(self._gather(index[held], "deformation", like))
        return out

    def phasors(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.complex64]:
        """Phasor fields, 0 where there is no data.

        Shape:
            n indices -> (n, T, T) complex64
        """
        z: NDArray[np.complex64] = COS_SIN[self.phases(indices)]
        z *= self.valid(indices)
        return z

    def coherence(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Coherence as delivered with the product, in [0, 1]; NaN in tiles that came without.

        Shape:
            n indices -> (n, T, T) float32
        """
        return self._layer(indices, "coherence", lambda raw: raw.astype(np.float32) / np.float32(255))

    def elevation(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Elevation in m; NaN where unknown and in tiles that came without.

        Shape:
            n indices -> (n, T, T) float32
        """
        return self._layer(
            indices,
            "elevation",
            lambda raw: np.where(raw == NO_ELEVATION, np.nan, raw).astype(np.float32),
        )

    def position(self, tile_id: str) -> int:
        """Row number of a tile.

        Raises:
            UserError: no such tile.
        """
        try:
            return self._positions[tile_id]
        except KeyError:
            raise UserError(f"{self.path}: holds no tile '{tile_id}'") from None

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {tile_id: i for i, tile_id in enumerate(self.catalogue["id"])}

    def _gather(
        self, indices: Sequence[int] | NDArray[np.integer[Any]], what: str, like: NDArray[Any]
    ) -> NDArray[Any]:
        index = np.asarray(indices, np.int64)
        out = np.empty((len(index), *like.shape[1:]), like.dtype)
        parts = self._part_of[index]
        for part in np.unique(parts):
            here = parts == part
            out[here] = self._map(int(part), what)[self._slot_of[index[here]]].astype(like.dtype, copy=False)
        return out

    def _unpacked(self, bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
        return np.unpackbits(bits, axis=-1, count=self.tile).view(np.bool_)

    def _layer(
        self,
        indices: Sequence[int] | NDArray[np.integer[Any]],
        what: str,
        decode: Callable[[NDArray[Any]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """A layer that not every tile has."""
        index = np.asarray(indices, np.int64)
        out = np.full((len(index), self.tile, self.tile), np.nan, np.float32)
        held = self.catalogue[f"has_{what}"].to_numpy(bool)[index]
        if held.any():
            out[held] = decode(self._gather(index[held], what, np.empty((0, self.tile, self.tile), np.int16)))
        return out

    def _map(self, part: int, what: str) -> NDArray[Any]:
        key = (part, what)
        if key in self._maps:
            self._maps[key] = self._maps.pop(key)  # most recently used last
        else:
            if len(self._maps) >= MOST_MAPS:
                self._maps.pop(next(iter(self._maps)))
            path = part_file(self.path, part, what)
            try:
                self._maps[key] = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError) as error:
                raise UserError(f"{path}: missing or damaged ({error}); ingest into a new archive") from error
        return self._maps[key]

    def _check_parts(self) -> None:
        """Every shard must be there and as long as the catalogue says."""
        needed = self.catalogue.groupby("part")["slot"].max()
        for part, last in needed.items():
            for what in ("phase", "valid"):  # the optional layers are checked when they are read
                if len(self._map(int(str(part)), what)) <= last:
                    raise UserError(f"{part_file(self.path, int(str(part)), what)}: too short; ingest again")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The archive's ``archive.json``.

    Raises:
        UserError: no archive there, an unfinished one, a damaged file, or a newer format.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such archive; make one with: ssl-insar ingest SOURCE --out {folder}")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (folder / PARTS).is_dir():
            raise UserError(
                f"{folder}: ingest was interrupted; run the same command again to finish"
            ) from None
        raise UserError(f"{folder}: not an archive (no {MANIFEST}); make one with ssl-insar ingest") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder / MANIFEST}: damaged ({error}); run the same ssl-insar ingest again"
        ) from error
    if not isinstance(manifest, dict) or not {"format", "tile", "stride", "tiles", "digest"} <= set(manifest):
        raise UserError(f"{folder / MANIFEST}: not an archive's manifest; ingest into a new folder")
    if manifest["format"] > FORMAT:
        raise UserError(f"{folder}: written by a newer ssl_insar; upgrade to read it")
    if manifest["format"] < FORMAT:
        raise UserError(f"{folder}: written by an older ssl_insar; ingest the sources into a new folder")
    return manifest


def part_file(folder: Path, part: int, what: str) -> Path:
    """Path of a shard's file; ``what`` is ``rows`` or one of its layers."""
    return folder / PARTS / f"{part:05d}.{what}.{'parquet' if what == 'rows' else 'npy'}"


def digest_of(catalogue: pd.DataFrame, tile: int, stride: int) -> str:
    """Hash of what an archive holds: tiles, their order and their pixels."""
    digest = hashlib.sha256(f"{FORMAT} {tile} {stride}\n".encode())
    for tile_id, content in zip(catalogue["id"], catalogue["content"], strict=True):
        digest.update(f"{tile_id} {content}\n".encode())
    return digest.hexdigest()
