"""Builds an archive: reads sources in parallel, cuts tiles, writes shards; interruptible anywhere.

A kill loses at most the shard in hand (`ssl_insar.archive.shards`), and the same command picks up
behind the last one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from ssl_insar.archive import store
from ssl_insar.archive.catalogue import (
    COLUMNS,
    read_catalogue,
)
from ssl_insar.archive.cutting import Cut, Cutter, Cutting, Known, Skipped
from ssl_insar.archive.labels import FACTS, check_files, join
from ssl_insar.archive.publish import merged, publish
from ssl_insar.archive.shards import ShardWriter, finished, known_sources
from ssl_insar.archive.sources import find, stamp
from ssl_insar.archive.store import Archive
from ssl_insar.archive.workers import Workers
from ssl_insar.atomic import replacing, write_json
from ssl_insar.errors import UserError
from ssl_insar.memory import keep_freed_memory
from ssl_insar.progress import bar
from ssl_insar.readers import ReadOptions
from ssl_insar.readers.products import others

SETTINGS = "settings.json"
TOLD = 3
"""Skipped files named while reading; the report counts them all."""


@dataclass
class Report:
    """What an ingest did.

    Attributes:
        archive: the finished archive.
        found: number of source files asked for.
        known: how many of them the archive already held.
        read: how many gave new tiles.
        new_tiles: tiles added.
        replaced: tiles of earlier states of files that changed, which the new ones stand in for.
        skipped: interferograms that gave no tile.
        left: files left out because a better representation of the same interferogram was found.
    """

    archive: Archive
    found: int
    known: int
    read: int
    new_tiles: int
    replaced: int
    skipped: list[Skipped] = field(default_factory=list)
    left: int = 0

    def reasons(self) -> Counter[str]:
        """How often each reason occurs, file names left out."""
        return Counter(s.reason for s in self.skipped)


@dataclass(frozen=True)
class Extras:
    """What is added to the catalogue once the tiles are there.

    Attributes:
        labels: label files, later ones last.
        ignore_absent: let labels name files or tiles that are not there.
        places: table of volcanoes.
        place_radius: km within which a place gives its name to a tile.
    """

    labels: tuple[Path, ...] = ()
    ignore_absent: bool = False
    places: Path | None = None
    place_radius: float = 50.0


def ingest(
    sources: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    tile: int = 224,
    stride: int | None = None,
    spacing: float | None = None,
    labels: str | Path | Sequence[str | Path] | None = None,
    ignore_absent: bool = False,
    places: str | Path | None = None,
    place_radius: float = 50.0,
    min_valid: float = 0.05,
    prefer: str = "wrapped",
    options: ReadOptions | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Report:
    """Build an archive, or add to one what is new.

    Args:
        sources: folders, files or globs.
        out: archive folder.
        tile: side of a tile, px.
        stride: step between tiles, px; None: ``tile``.
        spacing: pixel spacing to multilook to, m; None: as delivered.
        labels: label tables, later ones last: CSV, Hephaestus JSON, polygons.
        ignore_absent: let labels name files or tiles that are not there.
        places: table of volcanoes with their coordinates; the nearest names a tile.
        place_radius: km beyond which no place names a tile.
        min_valid: tiles with a smaller share of valid pixels are left out.
        prefer: of several representations of one interferogram in a folder, keep the ``wrapped``
            or the ``unwrapped`` one, or ``all``.
        options: what files cannot say about themselves.
        workers: threads, or for large collections processes, that read; None: one a core.
        progress: draw a progress bar.

    Returns:
        a report with the open archive and what was skipped and why.

    Raises:
        UserError: a source is missing, nothing readable was found, or ``out`` was cut differently.
    """
    keep_freed_memory()  # a tenth of the time goes into giving tiles' memory back and taking it anew
    sources = [sources] if isinstance(sources, (str, Path)) else list(sources)
    folder = Path(out)
    cutting = _checked(Cutting(tile, stride or tile, min_valid, spacing, options or ReadOptions()))
    files, left = find(sources, prefer=prefer, options=cutting.options)
    tables = [labels] if isinstance(labels, (str, Path)) else list(labels or ())
    extras = Extras(tuple(map(Path, tables)), ignore_absent, Path(places) if places else None, place_radius)
    parts = finished(folder) if folder.is_dir() else {}
    known = known_sources(parts, folder)
    _check_extras(extras, [*files, *map(Path, known)])
    settings = cutting.settings() | {"prefer": prefer}
    _check_settings(folder, settings, empty=not parts)
    (folder / store.PARTS).mkdir(parents=True, exist_ok=True)
    for scratch in (folder / store.PARTS).glob(".*"):  # of a killed ingest
        scratch.unlink()
    write_json(folder / store.PARTS / SETTINGS, settings)

    todo = [path for path in files if not _held(known.get(str(path)), path)]
    writer = ShardWriter(folder, parts)
    skipped: list[Skipped] = []
    gave: set[Path] = set()
    with (
        bar(len(todo), "ingest", "file", shown=progress and bool(todo)) as progress_bar,
        Workers(Cutter(cutting, known), todo, workers) as crew,
    ):

        def take(paths: list[Path]) -> None:
            for path, outcome, index in crew.cut(paths):
                result = outcome.result
                refused = writer.add(path, result, outcome.members) if isinstance(result, Cut) else result
                if refused is not None:
                    skipped.append(refused)
                    if progress and refused is result and len(skipped) <= TOLD:
                        progress_bar.write(f"skipped {refused.source}: {refused.reason}")
                elif result is not None:
                    gave.add(path)
                if index == 0:  # only now is known how many interferograms a stack holds
                    progress_bar.total = int(progress_bar.total or 0) + outcome.members - 1
                progress_bar.update()

        take(todo)
        second = others([Path(s.source) for s in skipped], left)
        progress_bar.total = int(progress_bar.total or 0) + len(second)
        take(second)
        writer.flush()
    archive = _finish(folder, cutting, extras, skipped)
    return Report(
        archive,
        len(files),
        len(files) - len(todo),
        len(gave),
        writer.added,
        writer.replaced,
        skipped,
        len(left) - len(second),
    )


def _checked(cutting: Cutting) -> Cutting:
    if cutting.tile < 16:
        raise UserError(f"--tile {cutting.tile}: a tile needs 16 px or more")
    if cutting.stride < 1:
        raise UserError(f"--stride {cutting.stride}: must be 1 px or more")
    if not 0 <= cutting.min_valid <= 1:  # also refuses NaN
        raise UserError(f"--min-valid {cutting.min_valid}: is a share, between 0 and 1")
    if cutting.spacing is not None and not cutting.spacing > 0:
        raise UserError(f"--spacing {cutting.spacing}: must be more than 0 m")
    return cutting


def _check_extras(extras: Extras, files: list[Path]) -> None:
    """Tables are read before the long work, not after it."""
    for path in extras.labels:
        check_files(path, list(dict.fromkeys(files)), ignore_absent=extras.ignore_absent)
    if extras.places:
        from ssl_insar.archive.places import read_places

        read_places(extras.places)


def _held(known: Known | None, path: Path) -> bool:
    return known is not None and known.whole and known.stamp == stamp(path)


def _finish(folder: Path, cutting: Cutting, extras: Extras, skipped: list[Skipped]) -> Archive:
    """Merge the shards' rows into the catalogue and vouch for them in the manifest."""
    with replacing(folder / "skipped.csv") as scratch:
        pd.DataFrame([vars(s) for s in skipped], columns=["source", "reason"]).to_csv(scratch, index=False)
    parts = finished(folder)
    if not parts:
        first = f"; the first: {Path(skipped[0].source).name}: {skipped[0].reason}" if skipped else ""
        raise UserError(
            f"none of the {len(skipped)} files could be read{first} (all in {folder / 'skipped.csv'})"
        )
    catalogue = merged(parts)
    if (folder / store.CATALOGUE).exists():
        catalogue = _carry(read_catalogue(folder / store.CATALOGUE), catalogue)
    if extras.places:
        from ssl_insar.archive.places import assign

        catalogue = assign(catalogue, extras.places, max_distance_km=extras.place_radius)
    for path in extras.labels:
        empty = [s.source for s in skipped]
        catalogue = join(
            catalogue, path, ignore_absent=extras.ignore_absent, without_tiles=empty, tile=cutting.tile
        )
    about = {"spacing": cutting.spacing, "options": asdict(cutting.options)}
    return publish(folder, catalogue, len(parts), tile=cutting.tile, stride=cutting.stride, about=about)


def _carry(old: pd.DataFrame, new: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Keep what label and place tables told the archive's tiles before."""
    told = [*FACTS, "place_distance"]
    labels = [name for name in old.columns if name not in COLUMNS and name != "geometry"]
    before = old.drop_duplicates("id").set_index("id").reindex(new["id"])
    for name in [*told, *labels]:
        former = before[name].reset_index(drop=True)
        if name not in new:
            new[name] = former
        elif former.notna().any():
            new[name] = former.where(former.notna(), new[name])
    return new


def _check_settings(folder: Path, wanted: dict[str, Any], *, empty: bool) -> None:
    """An archive is cut one way: other settings need another folder, unless it is still ``empty``."""
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
    if "preset" in held:
        raise UserError(f"{folder}: is a simulated archive; give ingest another --out")
    if "curated_from" in held:
        raise UserError(
            f"{folder}: is a curated archive; ingest into {held['curated_from']} and audit that again"
        )
    if held != wanted and not empty:
        flags = {"layout": "as", "roipac_toward": "roipac-toward"}
        cut_with = " ".join(
            f"--{flags.get(name, name.replace('_', '-'))}" + ("" if value is True else f" {value}")
            for name, value in held.items()
            if value not in (None, False)
        )
        raise UserError(f"{folder}: was cut with {cut_with}; use the same, or another --out")
