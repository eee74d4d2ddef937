"""From a source file to encoded tiles and their catalogue rows: what one ingest thread does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.archive.catalogue import LABEL_PREFIX, footprints
from ssl_insar.archive.sources import fingerprint, stamp
from ssl_insar.archive.spacing import at_spacing
from ssl_insar.archive.store import COS_SIN, NO_ELEVATION
from ssl_insar.archive.tiling import Tile, cut
from ssl_insar.errors import UserError
from ssl_insar.readers import Frame, ReadOptions, frames
from ssl_insar.readers.pixels import Window

COHERENT = 0.5
"""Local coherence of a coherent pixel; pure noise exceeds it in a 5 x 5 box twice in a thousand."""

_BOX = 5
"""Side of the boxes that local coherence is estimated in, px."""

_UNIT = 1024
_PACKED = (np.rint(_UNIT * COS_SIN.real + _UNIT).astype(np.uint32) << 16) + np.rint(
    _UNIT * COS_SIN.imag + _UNIT
).astype(np.uint32)
"""Cosine and sine of a count as two 16-bit numbers in one, moved to 0..2048 so that the sum of 25 fits:
one table look-up and one sum instead of two, which is most of what ingest computes."""


@dataclass(frozen=True)
class Cutting:
    """How sources are read and cut; one archive has one.

    Attributes:
        tile: side of a tile, px.
        stride: step between tiles, px.
        min_valid: least share of valid pixels in a tile.
        spacing: wanted pixel spacing, m; None: as delivered.
        options: what files cannot say about themselves.
    """

    tile: int
    stride: int
    min_valid: float
    spacing: float | None = None
    options: ReadOptions = field(default_factory=ReadOptions)

    def settings(self) -> dict[str, Any]:
        """As kept in the archive's settings file."""
        return {name: value for name, value in asdict(self).items() if name != "options"} | asdict(
            self.options
        )


class Known(NamedTuple):
    """What an archive already holds of a source file."""

    stamp: tuple[int, int]
    members: int
    held: set[str | None]

    @property
    def whole(self) -> bool:
        """Whether all its interferograms are there."""
        return len(self.held) >= self.members


@dataclass(frozen=True)
class Skipped:
    """A source that gave no tile, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Cut:
    """The tiles of one interferogram, encoded.

    Attributes:
        rows: catalogue rows, without their place in a shard.
        layers: ``phase`` (n, T, T), ``valid`` (n, T, T / 8), and ``coherence`` and ``elevation``
            (n, T, T) where the product has them.
    """

    rows: list[dict[str, Any]]
    layers: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Outcome:
    """What became of one interferogram of a source.

    Attributes:
        result: its tiles, or why there are none; None: the archive holds them.
        members: how many interferograms the source holds.
    """

    result: Cut | Skipped | None
    members: int = 1


class Cutter:
    """Cuts interferograms, in any number of threads at once."""

    def __init__(self, cutting: Cutting, known: Mapping[str, Known] | None = None) -> None:
        """``known``: what the archive holds of half-read sources, which is not cut again."""
        self._cutting = cutting
        self._known = known or {}
        # The open file of each thread: a stack is not opened anew for each of its interferograms.
        self._held = threading.local()

    def cut(self, path: Path, index: int = 0) -> Outcome:
        """Read one interferogram of a source; a bad one becomes a reason, never an exception."""
        try:
            found = self._open(path)
        except UserError as error:
            return Outcome(Skipped(str(path), _reason(path, error)))
        frame = found[index]
        before = self._known.get(str(path))
        if len(found) > 1 and before and frame.member in before.held and before.stamp == stamp(path):
            return Outcome(None, len(found))
        try:
            return Outcome(self._tiles(frame, path), len(found))
        except UserError as error:
            where = f"{path}:{frame.member}" if frame.member else str(path)
            return Outcome(Skipped(where, _reason(path, error)), len(found))

    def _open(self, path: Path) -> list[Frame]:
        if getattr(self._held, "path", None) == path:
            held: list[Frame] = self._held.frames
            return held
        self._held.path, self._held.frames = None, []
        found = frames(path, self._cutting.options)
        if len(found) > 1:
            self._held.path, self._held.frames = path, found
        return found

    def _tiles(self, frame: Frame, path: Path) -> Cut | Skipped:
        settings = self._cutting
        if settings.spacing is not None:
            frame = at_spacing(frame, settings.spacing)
        base = _facts(frame, path)
        rows: list[dict[str, Any]] = []
        layers: dict[str, list[NDArray[Any]]] = {}
        for piece in cut(frame, settings.tile, settings.stride):
            share = np.count_nonzero(piece.valid) / piece.valid.size
            if share < settings.min_valid or share == 0.0:
                continue
            encoded = _encode(piece, frame.wrapped)
            for name, layer in encoded.items():
                layers.setdefault(name, []).append(layer)
            rows.append(base | _row(frame, piece, encoded, share))
        if not rows:
            return Skipped(
                f"{path}:{frame.member}" if frame.member else str(path),
                f"no tile with {settings.min_valid:.0%} or more valid pixels",
            )
        outlines = footprints(frame, [(row["row"], row["col"]) for row in rows], settings.tile)
        for row, outline in zip(rows, outlines, strict=True):
            row["geometry"] = outline
        return Cut(rows, {name: np.stack(stack) for name, stack in layers.items()})


def _reason(path: Path, error: UserError) -> str:
    return str(error).removeprefix(f"{path}: ")


def _facts(frame: Frame, path: Path) -> dict[str, Any]:
    """What all tiles of a frame share."""
    size, changed = stamp(path)
    spacing = frame.spacing
    return {
        "source": str(path),
        "member": frame.member,
        "file": path.name,
        "fingerprint": fingerprint(path),
        "source_size": size,
        "source_mtime": changed,
        "family": frame.family,
        "provenance": frame.provenance,
        "height": frame.shape[0],
        "width": frame.shape[1],
        "spacing": None if spacing is None else float(np.sqrt(spacing[0] * spacing[1])),
        "reference_date": frame.reference_date,
        "secondary_date": frame.secondary_date,
        "temporal_baseline": frame.temporal_baseline,
        "perpendicular_baseline": frame.perpendicular_baseline,
        "track": frame.track,
        "frame": frame.frame,
        "pass": frame.orbit_pass,
        "volcano": frame.volcano,
        "region": frame.region,
        "wavelength": frame.wavelength,
        "wrapped": frame.wrapped,
        "_stem": _stem(frame, path),
    }


def _stem(frame: Frame, path: Path) -> str:
    """What a tile's id begins with: unique among the interferograms of one archive as far as names go."""
    stem = path.stem
    if frame.frame and frame.frame not in stem:
        stem = f"{frame.frame}_{stem}"
    if frame.member and frame.member not in stem:
        stem = f"{stem}_{frame.member}"
    return stem


def _row(frame: Frame, piece: Tile, encoded: dict[str, NDArray[Any]], share: float) -> dict[str, Any]:
    tile = piece.phase.shape[0]
    coherence, fraction = coherence_of(encoded["phase"], piece.valid)
    los = frame.los_at(piece.row + tile / 2, piece.col + tile / 2)
    row = {
        "row": piece.row,
        "col": piece.col,
        "content": _content(encoded),
        "incidence": None if los is None else float(np.degrees(np.arccos(np.clip(los[2], -1, 1)))),
        "valid_fraction": share,
        "coherence": coherence,
        "coherent_fraction": fraction,
        "product_coherence": None if piece.coherence is None else _mean(piece.coherence, piece.valid),
        "has_coherence": piece.coherence is not None,
        "has_elevation": piece.elevation is not None,
    }
    if frame.annotations is not None:
        known = frame.annotations(Window(piece.row, piece.col, tile, tile))
        row |= {LABEL_PREFIX + name: value for name, value in known.items()}
    return row


def _mean(values: NDArray[np.float32], counted: NDArray[np.bool_]) -> float:
    # A product and a sum take a fifth of the time of picking out what is counted.
    return float((values * counted).sum(dtype=np.float64) / np.count_nonzero(counted))


def coherence_of(counts: NDArray[np.integer[Any]], valid: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean local coherence of a tile over its valid pixels, and the share of coherent pixels in it.

    Local coherence is the length of the mean phasor in boxes of 5 x 5 px; every second row of boxes is
    looked at, whose mean over a tile differs from that over all by less than a hundredth.

    Shape:
        (T, T) counts of 1/256 cycle, (T, T) validity
    """
    width = valid.shape[1] // _BOX * _BOX
    height = valid.shape[0] // (2 * _BOX) * (2 * _BOX)

    def rows_of_boxes(field: NDArray[Any]) -> NDArray[Any]:
        return field[:height, :width].reshape(-1, 2 * _BOX, width)[:, :_BOX]

    data = rows_of_boxes(valid)
    packed = np.take(_PACKED, rows_of_boxes(counts).astype(np.uint8, copy=False)) * data
    total = _box_sums(packed)
    count = _box_sums(data.view(np.uint8)).astype(np.float32)  # at most 25: no overflow
    real = (total >> 16).astype(np.float32) - _UNIT * count
    imag = (total & 0xFFFF).astype(np.float32) - _UNIT * count
    length = np.hypot(real, imag) / _UNIT  # coherence times the number of valid pixels
    pixels = float(count.sum())
    coherent = float(count[(length >= COHERENT * count) & (count > 0)].sum())
    return (float(length.sum()) / pixels if pixels else 0.0), coherent / data.size


def _box_sums(field: NDArray[Any]) -> NDArray[Any]:
    """Sums over boxes in the field's own type; five strided additions are four times as fast as a sum.

    Shape:
        (n, 5, W) -> (n, W / 5)
    """
    rows = field.sum(axis=1, dtype=field.dtype)
    sums: NDArray[Any] = rows[:, 0::_BOX].copy()
    for i in range(1, _BOX):
        sums += rows[:, i::_BOX]
    return sums


def _encode(piece: Tile, wrapped: bool) -> dict[str, NDArray[Any]]:
    layers: dict[str, NDArray[Any]] = {
        "phase": _encode_phase(piece.phase, piece.valid, wrapped),
        "valid": np.packbits(piece.valid, axis=-1),
    }
    if piece.coherence is not None:
        # Within [0, 1] as readers promise, so adding a half and cutting off rounds.
        layers["coherence"] = (piece.coherence * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    if piece.elevation is not None:
        known = np.isfinite(piece.elevation)
        layers["elevation"] = np.where(known, np.rint(piece.elevation), NO_ELEVATION).astype(np.int16)
    return layers


def _encode_phase(
    phase: NDArray[np.float32], valid: NDArray[np.bool_], wrapped: bool
) -> NDArray[np.integer[Any]]:
    if wrapped:
        return ph.encode_wrapped(phase)
    if not ph.fits_unwrapped(phase):
        # The reference is arbitrary: bring the tile's median near 0 by whole cycles.
        phase = phase - np.float32(ph.TWO_PI * np.rint(np.median(phase[valid]) / ph.TWO_PI))
    return ph.encode_unwrapped(phase)


def _content(layers: dict[str, NDArray[Any]]) -> str:
    """Hash of a tile's phase and validity; pixels without data do not count."""
    digest = hashlib.sha256(layers["valid"].tobytes())  # processors have instructions for this one
    digest.update(layers["phase"].tobytes())
    return digest.hexdigest()[:32]


def kinds(pieces: Iterable[Cut]) -> dict[tuple[str, ...], list[Cut]]:
    """Cuts apart by what a shard must hold alike: phase type and layers."""
    sorted_: dict[tuple[str, ...], list[Cut]] = {}
    for piece in pieces:
        key = (str(piece.layers["phase"].dtype), *sorted(piece.layers))
        sorted_.setdefault(key, []).append(piece)
    return sorted_
