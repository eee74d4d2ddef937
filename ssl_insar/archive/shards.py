"""Shards: groups of tiles that are written together, and exist only once they are whole.

A shard is its layers (``phase``, ``valid``, ...) and, written last, its ``rows`` table; without the
table it does not exist and is written over. So a kill loses at most the shard in hand.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive import store
from ssl_insar.archive.catalogue import read_catalogue, to_table, write_catalogue
from ssl_insar.archive.cutting import Cut, Known, Skipped, kinds
from ssl_insar.atomic import replacing, write_json

SHARD_TILES = 1024
SHARD_SECONDS = 10.0
"""A shard is written when it holds this many tiles or is this old: what a kill can cost."""

SEEN = "seen.json"
"""Sources that changed on disk but not in their pixels: by source and member, size, time, members."""

_STAMPS = ["source_size", "source_mtime", "source_members"]


def finished(folder: Path) -> dict[int, pd.DataFrame]:
    """The rows of the shards that were written to their end, by number."""
    tables = sorted((folder / store.PARTS).glob("[0-9]*.rows.parquet"))
    return {int(path.name.split(".")[0]): read_catalogue(path) for path in tables}


def current(parts: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """All rows in order, without those of interferograms that a later state of their file replaced."""
    rows = pd.concat([parts[part] for part in sorted(parts)], ignore_index=True)
    state = list(zip(rows["source_size"], rows["source_mtime"], strict=True))
    names = list(zip(rows["source"], rows["member"], strict=True))
    latest = dict(zip(names, state, strict=True))
    return rows[[latest[name] == at for name, at in zip(names, state, strict=True)]].reset_index(drop=True)


def known_sources(parts: dict[int, pd.DataFrame], folder: Path) -> dict[str, Known]:
    """Every source already cut, in its latest state."""
    known: dict[str, Known] = {}
    seen = _read_seen(folder)
    for part in sorted(parts):
        once = parts[part][["source", "member", *_STAMPS]].drop_duplicates()
        for source, member, size, changed, members in once.itertuples(index=False):
            told = seen.get(source, {}).get(member or "")
            now, count = ((told[0], told[1]), told[2]) if told else ((int(size), int(changed)), int(members))
            entry = known.get(source)
            if entry is None or entry.stamp < now[::-1]:
                # Kept with the time first: the later state of a file counts.
                entry = known[source] = Known(now[::-1], count, set())
            if entry.stamp == now[::-1]:
                entry.held.add(member)
    return {source: Known(k.stamp[::-1], k.members, k.held) for source, k in known.items()}


def _read_seen(folder: Path) -> dict[str, dict[str, list[int]]]:
    path = folder / store.PARTS / SEEN
    try:
        seen: dict[str, dict[str, list[int]]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it only saves reading again
        return {}
    return seen


class ShardWriter:
    """Collects encoded tiles and writes them as shards.

    Attributes:
        added: tiles taken.
        replaced: tiles of an earlier state of the same file that they stand in for.
    """

    def __init__(self, folder: Path, parts: dict[int, pd.DataFrame]) -> None:
        self.folder = folder
        self.added = 0
        self.replaced = 0
        self._next = max(parts, default=-1) + 1
        self._held: list[Cut] = []
        self._size = 0
        self._started = time.monotonic()
        self._ids: set[str] = set()
        self._copies: set[tuple[str, str | None, str]] = set()
        self._states: dict[tuple[str, str | None], tuple[str, list[str]]] = {}
        self._seen = _read_seen(folder)
        if parts:
            held: Any = current(parts).groupby(["source", "member"], dropna=False)
            for (source, member), rows in held:
                name = str(source)
                self._note(Path(name).name, name, member if isinstance(member, str) else None, rows)

    def _note(self, file: str, source: str, member: str | None, rows: pd.DataFrame) -> None:
        content = _digest(rows["content"])
        self._ids.update(rows["id"])
        self._copies.add((file, member, content))
        self._states[source, member] = (content, rows["id"].tolist())

    def add(self, path: Path, cut: Cut, members: int) -> Skipped | None:
        """Take the tiles of one interferogram.

        A copy of a file of that name is turned away. The same file with the same pixels (touched, or a
        stack that grew) is only noted; with other pixels, its tiles take the place of the former ones.
        """
        first = cut.rows[0]
        member, content = first["member"], _digest(row["content"] for row in cut.rows)
        before = self._states.get((str(path), member))
        if before and before[0] == content:
            stamped = [int(first["source_size"]), int(first["source_mtime"]), members]
            self._seen.setdefault(str(path), {})[member or ""] = stamped
            return None
        if (path.name, member, content) in self._copies:
            return Skipped(str(path), "same name and content as a file already in the archive")
        self._copies.add((path.name, member, content))
        if before:
            self.replaced += len(before[1])
            self._ids.difference_update(before[1])  # what was labelled under a name stays so
        self._seen.get(str(path), {}).pop(member or "", None)
        for row in cut.rows:
            plain = row["id"] = f"{row.pop('_stem')}_r{row['row']}_c{row['col']}"
            row["source_members"] = members
            length = 8
            while row["id"] in self._ids:  # another file of that name: its content tells them apart
                row["id"] = f"{plain}_{first['fingerprint'][:length]}"
                length += 8
            self._ids.add(row["id"])
        self._states[str(path), member] = (content, [row["id"] for row in cut.rows])
        self._held.append(cut)
        self.added += len(cut.rows)
        self._size += len(cut.rows)
        if self._size >= SHARD_TILES or time.monotonic() - self._started > SHARD_SECONDS:
            self.flush()
        return None

    def flush(self) -> None:
        """Write what is held; the rows go last and make the shard real."""
        for cuts in kinds(self._held).values():
            part, self._next = self._next, self._next + 1
            rows = [row for cut in cuts for row in cut.rows]
            for slot, row in enumerate(rows):
                row["part"], row["slot"] = part, slot
            for what in cuts[0].layers:
                with replacing(store.part_file(self.folder, part, what)) as scratch:
                    _save([cut.layers[what] for cut in cuts], scratch)
            stamps = pd.DataFrame({name: [row[name] for row in rows] for name in _STAMPS})
            table = pd.concat([to_table(rows), stamps], axis=1)
            write_catalogue(table, store.part_file(self.folder, part, "rows"))
        if self._seen:
            write_json(self.folder / store.PARTS / SEEN, self._seen)
        self._held, self._size = [], 0
        self._started = time.monotonic()


def _save(layers: list[NDArray[Any]], path: Path) -> None:
    """Write arrays one behind the other as one ``.npy``, without a copy of them all in memory."""
    first = layers[0]
    header = np.lib.format.header_data_from_array_1_0(first)
    header["shape"] = (sum(len(layer) for layer in layers), *first.shape[1:])
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for layer in layers:
            file.write(layer.data)


def _digest(contents: Iterable[str]) -> str:
    return hashlib.sha256("".join(contents).encode()).hexdigest()
