"""``manifest.json`` of an index: which segments it consists of, and where they came from.

It alone says what belongs to the index. Everything that it names is written before it and never
changed afterwards, and it is replaced in one step: who reads it sees the old index or the new one.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssl_insar.atomic import write_json
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import FORMAT as EMBEDDINGS_FORMAT
from ssl_insar.models.embeddings import Provenance, read_manifest
from ssl_insar.search.backend import import_faiss
from ssl_insar.search.segment import About
from ssl_insar.search.tuning import GOAL, Tuned

FORMAT = 2
"""1: one index in the folder itself. 2: segments."""

NAME = "manifest.json"
HOW = "ssl-insar index EMBEDDINGS --out"

_RESCORE_OF_FORMAT_1 = 4


class NewerError(UserError):
    """The index was written by a newer version, which alone can tell what is in it."""


@dataclass(frozen=True)
class Manifest:
    """What an index is.

    Attributes:
        dimension: length of a vector.
        provenance: encoder and archive behind the vectors; the archive of the first, if there are more.
        tile: side of the tiles, px; None: unknown.
        spacing: pixel spacing of the archive, m; None: as delivered.
        segments: in the order of the rows.
        removed: file of the rows that are no longer answers; None: there are none.
        removed_count: their number.
        generation: how often the index was changed.
        next_key: the next key; none is ever given twice.
        next_segment: number of the next segment.
        goal: recall that searches are tuned to.
        memory: bytes the index may take; None: half of the machine's.
        changing: whether vectors are to be added and removed.
        exact_up_to: vectors up to which a search compares with all.
    """

    dimension: int
    provenance: Provenance
    tile: int | None
    spacing: float | None
    segments: tuple[About, ...] = ()
    removed: str | None = None
    removed_count: int = 0
    generation: int = 0
    next_key: int = 0
    next_segment: int = 1
    goal: float = GOAL
    memory: int | None = None
    changing: bool = True
    exact_up_to: int = 0

    @property
    def count(self) -> int:
        """Vectors that can be found."""
        return sum(about.count for about in self.segments) - self.removed_count

    @property
    def main(self) -> About:
        """The largest segment."""
        return max(self.segments, key=lambda about: about.count)

    @property
    def recall(self) -> float | None:
        """Measured recall of the segments at 10, weighted by their vectors; None: exact."""
        if all(about.tuned.recall is None for about in self.segments):
            return None
        total = sum(about.count for about in self.segments)
        parts = (
            about.count * (1.0 if about.tuned.recall is None else about.tuned.recall)
            for about in self.segments
        )
        return round(sum(parts) / total, 4)

    def as_json(self) -> dict[str, Any]:
        """The form on disk."""
        values = dataclasses.asdict(self)
        return {
            "format": EMBEDDINGS_FORMAT,
            "kind": "index",
            "index_format": FORMAT,
            "count": self.count,
            "dimension": self.dimension,
            **values.pop("provenance"),
            "metric": "cosine",
            "factory": self.main.factory,
            "recall_at_10": self.recall,
            "faiss": str(import_faiss().__version__),
            **values,
        }


def read(folder: Path) -> Manifest:
    """Read the manifest of an index, of this format or an older one.

    Raises:
        UserError: no such folder, not an index, damaged, or a newer format.
    """
    told = read_manifest(folder, "an index", HOW)
    if told.get("kind") != "index":
        raise UserError(f"{folder}: holds no index; make one with: {HOW} {folder}")
    try:
        if int(told.get("index_format", 0)) > FORMAT or told["format"] > EMBEDDINGS_FORMAT:
            raise NewerError(f"{folder}: written by a newer ssl_insar; upgrade to read it")
        return _of_format_1(told) if int(told["index_format"]) < FORMAT else _of(told)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, f"{NAME}: {error!r}") from error


def publish(folder: Path, manifest: Manifest) -> None:
    """Make this the index, in one step that outlives a loss of power."""
    write_json(folder / NAME, manifest.as_json())
    flush_folder(folder)


def flush_folder(folder: Path) -> None:
    """Have the system write a folder, its files and its list of names, to the disk."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    for path in (*(p for p in folder.iterdir() if p.is_file()), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def damaged(folder: Path, why: str) -> UserError:
    """The error of an index that cannot be read."""
    return UserError(f"{folder}: damaged index ({why}); make it again with: {HOW} {folder}")


def _of(told: dict[str, Any]) -> Manifest:
    known = {field.name: told[field.name] for field in dataclasses.fields(Manifest) if field.name in told}
    known["segments"] = tuple(About.of(about) for about in told["segments"])
    manifest = Manifest(**known, provenance=_provenance(told))
    if not manifest.segments or manifest.count != int(told["count"]):
        raise ValueError(f"segments hold {manifest.count}, not {told['count']} tiles")
    return manifest


def _of_format_1(told: dict[str, Any]) -> Manifest:
    probes, count = told["probes"], int(told["count"])
    tuned = Tuned(probes, 1 if probes is None else _RESCORE_OF_FORMAT_1, told["recall_at_10"])
    about = About(".", count, told["factory"], "flat" if probes is None else "ivf", tuned=tuned)
    return Manifest(
        dimension=int(told["dimension"]),
        provenance=_provenance(told),
        tile=told.get("tile"),
        spacing=told.get("spacing"),
        segments=(about,),
        next_key=count,
    )


def _provenance(told: dict[str, Any]) -> Provenance:
    return Provenance(**{field.name: told[field.name] for field in dataclasses.fields(Provenance)})
