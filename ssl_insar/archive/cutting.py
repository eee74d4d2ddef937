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

from ssl_insar.archive.catalogue import LABEL_PREFIX, footprints
from ssl_insar.archive.encoding import Layers, encode
from ssl_insar.archive.local_coherence import local_coherence
from ssl_insar.archive.sources import fingerprint, stamp
from ssl_insar.archive.spacing import at_spacing
from ssl_insar.archive.tiling import Strip, strips
from ssl_insar.errors import UserError
from ssl_insar.readers import Frame, ReadOptions, frames
from ssl_insar.readers.pixels import Window


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
        layers: their pixels (`ssl_insar.archive.encoding.Layers`).
    """

    rows: list[dict[str, Any]]
    layers: Layers


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

    def __reduce__(self) -> tuple[type[Cutter], tuple[Cutting, Mapping[str, Known]]]:
        return type(self), (self._cutting, self._known)  # open files stay where they are

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
        stacks: list[Layers] = []
        for strip in strips(frame, settings.tile, settings.stride):
            found = cut_strip(frame, strip, settings.min_valid)
            if found is not None:
                rows += [base | row for row in found.rows]
                stacks.append(found.layers)
        if not rows:
            return Skipped(
                f"{path}:{frame.member}" if frame.member else str(path),
                f"no tile with {settings.min_valid:.0%} or more valid pixels",
            )
        outlines = footprints(frame, [(row["row"], row["col"]) for row in rows], settings.tile)
        for row, outline in zip(rows, outlines, strict=True):
            row["geometry"] = outline
        return Cut(rows, {name: np.concatenate([stack[name] for stack in stacks]) for name in stacks[0]})


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


def cut_strip(frame: Frame, strip: Strip, min_valid: float) -> Cut | None:
    """The tiles of a strip that hold enough, encoded, and what is particular to each of them."""
    tile, patch = strip.tile, strip.patch
    every = list(range(len(strip.cols)))
    valid = strip.stacked(patch.valid, every)
    counted = [np.count_nonzero(mask) for mask in valid]
    kept = [i for i in every if counted[i] and counted[i] >= min_valid * tile * tile]
    if not kept:
        return None
    if kept != every:
        valid = valid[kept]
    layers, delivered = encode(strip, kept, valid, wrapped=frame.wrapped)
    coherence, coherent = local_coherence(layers["phase"], valid)
    rows: list[dict[str, Any]] = []
    for i, index in enumerate(kept):
        row, col = strip.row, strip.cols[index]
        los = frame.los_at(row + tile / 2, col + tile / 2)
        facts = {
            "row": row,
            "col": col,
            "content": _content(layers["phase"][i], layers["valid"][i]),
            "incidence": None if los is None else float(np.degrees(np.arccos(np.clip(los[2], -1, 1)))),
            "valid_fraction": counted[index] / tile**2,
            "coherence": float(coherence[i]),
            "coherent_fraction": float(coherent[i]),
            "product_coherence": None if delivered is None else float(delivered[i] / counted[index]),
            "has_coherence": patch.coherence is not None,
            "has_elevation": patch.elevation is not None,
            "has_deformation": False,
        }
        if frame.annotations is not None:
            known = frame.annotations(Window(row, col, tile, tile))
            facts |= {LABEL_PREFIX + name: value for name, value in known.items()}
        rows.append(facts)
    return Cut(rows, layers)


def _content(phase: NDArray[np.integer[Any]], bits: NDArray[np.uint8]) -> str:
    """Hash of a tile's phase and validity; pixels without data do not count."""
    digest = hashlib.sha256(bits.data)  # processors have instructions for this one
    digest.update(phase.data)
    return digest.hexdigest()[:32]


def kinds(pieces: Iterable[Cut]) -> dict[tuple[str, ...], list[Cut]]:
    """Cuts apart by what a shard must hold alike: phase type and layers."""
    sorted_: dict[tuple[str, ...], list[Cut]] = {}
    for piece in pieces:
        key = (str(piece.layers["phase"].dtype), *sorted(piece.layers))
        sorted_.setdefault(key, []).append(piece)
    return sorted_
