"""Builds an archive: reads sources in parallel, cuts tiles, writes shards; interruptible anywhere.

Tiles gather in memory until a shard is worth writing. A shard is its ``phase`` and ``valid``
arrays and, written last, its ``rows`` table; without the table it does not exist and is written
over. So a kill loses at most the shard in hand, and the same command picks up behind the last one.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar import __version__
from ssl_insar import phase as ph
from ssl_insar.archive import store
from ssl_insar.archive.catalogue import (
    COLUMNS,
    footprint,
    label_names,
    read_catalogue,
    to_table,
    write_catalogue,
)
from ssl_insar.archive.labels import check_files, join
from ssl_insar.archive.sources import find, fingerprint
from ssl_insar.archive.store import Archive
from ssl_insar.archive.tiling import cut
from ssl_insar.atomic import replacing, write_json
from ssl_insar.errors import UserError
from ssl_insar.progress import bar
from ssl_insar.readers import read

SHARD_TILES = 1024
SHARD_SECONDS = 10.0
"""A shard is written when it holds this many tiles or is this old: what a kill can cost."""


SETTINGS = "settings.json"
TOLD = 3
"""Skipped files named while reading; the report counts them all."""


@dataclass(frozen=True)
class Skipped:
    """A source that gave no tile, and why."""

    source: str
    reason: str


@dataclass
class Report:
    """What an ingest did.

    Attributes:
        archive: the finished archive.
        found: number of source files asked for.
        known: how many of them the archive already held.
        new_tiles: tiles added.
        skipped: sources that gave no tile.
    """

    archive: Archive
    found: int
    known: int
    new_tiles: int
    skipped: list[Skipped] = field(default_factory=list)

    def reasons(self) -> Counter[str]:
        """How often each reason occurs, file names left out."""
        return Counter(s.reason for s in self.skipped)


@dataclass(frozen=True)
class _Cut:
    """The tiles of one source, encoded."""

    rows: list[dict[str, Any]]
    phase: NDArray[np.integer[Any]]
    valid: NDArray[np.uint8]


def ingest(
    sources: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    tile: int = 224,
    stride: int | None = None,
    labels: str | Path | None = None,
    ignore_absent: bool = False,
    min_valid: float = 0.05,
    workers: int | None = None,
    progress: bool = True,
) -> Report:
    """Build an archive, or add to one what is new.

    Args:
        sources: folders, files or globs.
        out: archive folder.
        tile: side of a tile, px.
        stride: step between tiles, px; None: ``tile``.
        labels: CSV with a column ``file`` or ``id`` and label columns.
        ignore_absent: let labels name files or tiles that are not there.
        min_valid: tiles with a smaller share of valid pixels are left out.
        workers: reading threads; None: one a core.
        progress: draw a progress bar.

    Returns:
        a report with the open archive and what was skipped and why.

    Raises:
        UserError: a source is missing, nothing readable was found, or ``out`` was cut differently.
    """
    sources = [sources] if isinstance(sources, (str, Path)) else list(sources)
    folder = Path(out)
    stride = stride or tile
    if tile < 16:
        raise UserError(f"--tile {tile}: a tile needs 16 px or more")
    if stride < 1:
        raise UserError(f"--stride {stride}: must be 1 px or more")
    if not 0 <= min_valid <= 1:  # also refuses NaN
        raise UserError(f"--min-valid {min_valid}: is a share, between 0 and 1")
    files = find(sources)
    if labels:
        known_files = dict.fromkeys([*files, *_files_held(folder)])
        check_files(labels, list(known_files), ignore_absent=ignore_absent)
    settings = {"tile": tile, "stride": stride, "min_valid": min_valid}
    _check_settings(folder, settings)
    (folder / store.PARTS).mkdir(parents=True, exist_ok=True)
    for scratch in (folder / store.PARTS).glob(".*"):  # of a killed ingest
        scratch.unlink()
    write_json(folder / store.PARTS / SETTINGS, settings)

    done = _finished_parts(folder)
    known = _known_sources(done)
    todo = [path for path in files if known.get(str(path)) != _stamp(path)]
    writer = _ShardWriter(folder, done)
    skipped: list[Skipped] = []
    with bar(len(todo), "ingest", "file", shown=progress and bool(todo)) as progress_bar:
        for path, result in _read_all(todo, tile, stride, min_valid, workers):
            if isinstance(result, Skipped):
                skipped.append(result)
                if progress and len(skipped) <= TOLD:
                    progress_bar.write(f"skipped {result.source}: {result.reason}")
            else:
                repeat = writer.add(path, result)
                if repeat:
                    skipped.append(repeat)
            progress_bar.update()
        writer.flush()
    archive = _finish(folder, tile, stride, labels, ignore_absent, skipped)
    return Report(archive, len(files), len(files) - len(todo), writer.added, skipped)


def _read_all(
    files: list[Path], tile: int, stride: int, min_valid: float, workers: int | None
) -> Iterator[tuple[Path, _Cut | Skipped]]:
    """Cut files in threads (the libraries release the interpreter lock), results in file order."""
    count = workers or os.cpu_count() or 1
    queue: deque[tuple[Path, Future[_Cut | Skipped]]] = deque()
    pool = ThreadPoolExecutor(count)
    try:
        for path in files:
            queue.append((path, pool.submit(_cut_one, path, tile, stride, min_valid)))
            if len(queue) >= 4 * count:  # bounds what waits in memory
                first, future = queue.popleft()
                yield first, future.result()
        while queue:
            first, future = queue.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _cut_one(path: Path, tile: int, stride: int, min_valid: float) -> _Cut | Skipped:
    """Read one source and encode its tiles; a bad file becomes a reason, never an exception."""
    try:
        frame = read(path)
        tiles = cut(frame, tile, stride)
    except UserError as error:
        return Skipped(str(path), str(error).removeprefix(f"{path}: "))
    size, changed = _stamp(path)
    base = {
        "source": str(path),
        "file": path.name,
        "fingerprint": fingerprint(path),
        "source_size": size,
        "source_mtime": changed,
        "family": frame.family,
        "height": frame.shape[0],
        "width": frame.shape[1],
        "reference_date": frame.reference_date,
        "secondary_date": frame.secondary_date,
        "track": frame.track,
        "frame": frame.frame,
        "volcano": frame.volcano,
        "region": frame.region,
        "wavelength": frame.wavelength,
        "wrapped": frame.wrapped,
    }
    stem = path.stem if not frame.frame or frame.frame in path.stem else f"{frame.frame}_{path.stem}"
    rows, phases, valids = [], [], []
    for piece in tiles:
        share = float(piece.valid.mean())
        if share < min_valid or share == 0.0:
            continue
        coherence = ph.local_coherence(piece.phasor)
        rows.append(
            base
            | {
                "id": f"{stem}_r{piece.row}_c{piece.col}",
                "row": piece.row,
                "col": piece.col,
                "valid_fraction": share,
                "coherence": float(coherence[piece.valid].mean()),
                "geometry": footprint(frame, piece.row, piece.col, tile),
            }
        )
        phases.append(_encode(piece.phase, piece.valid, frame.wrapped))
        valids.append(np.packbits(piece.valid, axis=-1))
    if not rows:
        return Skipped(str(path), f"no tile with {min_valid:.0%} or more valid pixels")
    return _Cut(rows, np.stack(phases), np.stack(valids))


def _encode(phase: NDArray[np.float32], valid: NDArray[np.bool_], wrapped: bool) -> NDArray[np.integer[Any]]:
    if wrapped:
        return ph.encode_wrapped(phase)
    if not ph.fits_unwrapped(phase):
        # The reference is arbitrary: bring the tile's median near 0 by whole cycles.
        phase = phase - np.float32(ph.TWO_PI * np.rint(np.median(phase[valid]) / ph.TWO_PI))
    return ph.encode_unwrapped(phase)


class _ShardWriter:
    """Collects encoded tiles, wrapped and unwrapped apart, and writes them as shards."""

    def __init__(self, folder: Path, finished: dict[int, pd.DataFrame]) -> None:
        self.folder = folder
        self.added = 0
        self._next = max(finished, default=-1) + 1
        self._held: dict[bool, list[_Cut]] = {True: [], False: []}
        self._started = time.monotonic()
        self._ids: set[str] = set()
        self._files: set[tuple[str, str]] = set()
        for rows in finished.values():
            self._ids.update(rows["id"])
            self._files.update(zip(rows["file"], rows["fingerprint"], strict=True))

    def add(self, path: Path, cut_: _Cut) -> Skipped | None:
        """Take the tiles of one source; a copy of a known file is turned away."""
        content = cut_.rows[0]["fingerprint"]
        if (path.name, content) in self._files:
            return Skipped(str(path), "same name and content as a file already in the archive")
        self._files.add((path.name, content))
        for row in cut_.rows:
            plain, length = row["id"], 8
            while row["id"] in self._ids:  # another file of that name: its content tells them apart
                row["id"] = f"{plain}_{content[:length]}"
                length += 8
            self._ids.add(row["id"])
        self._held[bool(cut_.rows[0]["wrapped"])].append(cut_)
        self.added += len(cut_.rows)
        size = sum(len(c.rows) for cuts in self._held.values() for c in cuts)
        if size >= SHARD_TILES or time.monotonic() - self._started > SHARD_SECONDS:
            self.flush()
        return None

    def flush(self) -> None:
        """Write what is held; the rows go last and make the shard real."""
        for wrapped, cuts in self._held.items():
            if not cuts:
                continue
            part, self._next = self._next, self._next + 1
            rows = [row for c in cuts for row in c.rows]
            for slot, row in enumerate(rows):
                row["part"], row["slot"] = part, slot
            for what in ("phase", "valid"):
                with replacing(store.part_file(self.folder, part, what)) as scratch:
                    np.save(scratch, np.concatenate([getattr(c, what) for c in cuts]))
            table = to_table(rows)
            stamps = pd.DataFrame(rows)[["source_size", "source_mtime"]]
            write_catalogue(pd.concat([table, stamps], axis=1), store.part_file(self.folder, part, "rows"))
            self._held[wrapped] = []
        self._started = time.monotonic()


def _finish(
    folder: Path,
    tile: int,
    stride: int,
    labels: str | Path | None,
    ignore_absent: bool,
    skipped: list[Skipped],
) -> Archive:
    """Merge the shards' rows into the catalogue and vouch for them in the manifest."""
    with replacing(folder / "skipped.csv") as scratch:
        pd.DataFrame([vars(s) for s in skipped], columns=["source", "reason"]).to_csv(scratch, index=False)
    parts = _finished_parts(folder)
    if not parts:
        first = f"; the first: {Path(skipped[0].source).name}: {skipped[0].reason}" if skipped else ""
        raise UserError(
            f"none of the {len(skipped)} files could be read{first} (all in {folder / 'skipped.csv'})"
        )
    catalogue = pd.concat([parts[part] for part in sorted(parts)], ignore_index=True)
    catalogue = gpd.GeoDataFrame(catalogue[[*COLUMNS, "geometry"]], geometry="geometry")
    if (folder / store.CATALOGUE).exists():
        catalogue = _carry_labels(read_catalogue(folder / store.CATALOGUE), catalogue)
    if labels:
        empty = [s.source for s in skipped]
        catalogue = join(catalogue, labels, ignore_absent=ignore_absent, without_tiles=empty)
        catalogue = gpd.GeoDataFrame(catalogue, geometry="geometry")
    write_catalogue(catalogue, folder / store.CATALOGUE)
    manifest = {
        "format": store.FORMAT,
        "tile": tile,
        "stride": stride,
        "tiles": len(catalogue),
        "parts": len(parts),
        "labels": label_names(catalogue),
        "digest": store.digest_of(catalogue, tile, stride),
        "encoding": "phase counts of 1/256 cycle: uint8 wrapped, int16 unwrapped; positive = away",
        "ssl_insar": __version__,
    }
    write_json(folder / store.MANIFEST, manifest)
    return Archive.open(folder)


def _carry_labels(old: pd.DataFrame, new: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Keep the labels that tiles already had."""
    columns = [name for name in old.columns if name not in COLUMNS and name != "geometry"]
    if not columns:
        return new
    kept = new.merge(old[["id", *columns]], on="id", how="left", validate="one_to_one")
    return gpd.GeoDataFrame(kept, geometry="geometry")


def _finished_parts(folder: Path) -> dict[int, pd.DataFrame]:
    """The shards whose rows were written, by number."""
    tables = sorted((folder / store.PARTS).glob("[0-9]*.rows.parquet"))
    return {int(path.name.split(".")[0]): read_catalogue(path) for path in tables}


def _known_sources(parts: dict[int, pd.DataFrame]) -> dict[str, tuple[int, int]]:
    """Size and time of change of every source already cut."""
    known: dict[str, tuple[int, int]] = {}
    for rows in parts.values():
        for source, size, changed in zip(
            rows["source"], rows["source_size"], rows["source_mtime"], strict=True
        ):
            known[source] = (int(size), int(changed))
    return known


def _files_held(folder: Path) -> list[Path]:
    return [Path(source) for source in _known_sources(_finished_parts(folder))]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _check_settings(folder: Path, wanted: dict[str, float]) -> None:
    """An archive is cut one way: other settings need another folder."""
    import json

    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; --out needs a folder")
    settings = folder / store.PARTS / SETTINGS
    if not settings.exists():
        if folder.is_dir() and any(folder.iterdir()) and not (folder / store.PARTS).is_dir():
            raise UserError(
                f"{folder}: holds other files and is no archive; give --out an empty or new folder"
            )
        return
    held = json.loads(settings.read_text(encoding="utf-8"))
    if held != wanted:
        cut_with = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in held.items())
        raise UserError(f"{folder}: was cut with {cut_with}; use the same, or another --out")
