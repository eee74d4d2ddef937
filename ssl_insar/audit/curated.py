"""Writes a curated archive: the kept tiles of another one, byte for byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive import Archive, store
from ssl_insar.archive.build import SETTINGS
from ssl_insar.archive.catalogue import LABEL_PREFIX, read_catalogue, write_catalogue
from ssl_insar.atomic import check_replaceable, replacing_folder, write_json
from ssl_insar.audit.curate import Curation
from ssl_insar.audit.targets import check_apart
from ssl_insar.errors import UserError
from ssl_insar.progress import bar

CURATION = "curation.json"
"""Marks an archive as curated, and says by which rules."""

DROPPED = "dropped.csv"


def check_target(archive: Archive, target: Path) -> None:
    """Refuse a place where a curated archive may not go, before the long work.

    Raises:
        UserError: it is the archive itself, inside it or around it, or holds something else.
    """
    check_apart([("--write curated", target), ("the archive", archive.path)])
    check_replaceable(target, CURATION)


def write_curated(archive: Archive, curation: Curation, target: Path, *, progress: bool = True) -> Archive:
    """Write the kept tiles as an archive of their own, whole or not at all.

    Shards keep their numbers, so a tile is found where it was. All layers and labels come along, but for
    labels that copies contradict each other in.

    Args:
        archive: N tiles.
        curation: which of them stay.
        target: folder; an earlier curated archive there is replaced.
        progress: draw a progress bar.

    Raises:
        UserError: no tile is left, a shard cannot be read, or what `check_target` raises.
    """
    check_target(archive, target)
    if not curation.keep.any():
        raise UserError(f"{archive.path}: the rules leave no tile; there is nothing to write")
    kept = archive.catalogue[curation.keep].reset_index(drop=True).copy()
    for name, which in curation.contradicted.items():
        labels = kept[LABEL_PREFIX + name].convert_dtypes()
        kept[LABEL_PREFIX + name] = labels.mask(which[curation.keep])
    parts = np.unique(kept["part"].to_numpy())
    with replacing_folder(target, CURATION) as scratch:
        (scratch / store.PARTS).mkdir()
        with bar(len(parts), "curate", "shard", shown=progress) as progress_bar:
            for part in parts.tolist():
                here = np.flatnonzero(kept["part"].to_numpy() == part)
                slots = kept["slot"].to_numpy()[here]
                _copy_part(archive.path, scratch, part, slots)
                kept.loc[here, "slot"] = np.arange(len(here), dtype=np.int32)
                progress_bar.update()
        write_catalogue(kept, scratch / store.CATALOGUE)
        _write_facts(archive, curation, kept, len(parts), scratch)
    return Archive.open(target)


def _copy_part(source: Path, target: Path, part: int, slots: NDArray[np.int32]) -> None:
    """The tiles of some slots of one shard: every layer there is, and their rows."""
    for layer in sorted((source / store.PARTS).glob(f"{part:05d}.*.npy")):
        try:
            tiles = np.load(layer, mmap_mode="r", allow_pickle=False)[slots]
        except (OSError, ValueError, IndexError) as error:
            raise UserError(f"{layer}: missing or damaged ({error}); ingest into a new archive") from error
        np.save(target / store.PARTS / layer.name, tiles)
    rows = read_catalogue(store.part_file(source, part, "rows"))
    held = rows.set_index("slot", drop=False).loc[slots].reset_index(drop=True)
    held["slot"] = np.arange(len(slots), dtype=np.int32)
    write_catalogue(gpd.GeoDataFrame(held, geometry="geometry"), store.part_file(target, part, "rows"))


def _write_facts(archive: Archive, curation: Curation, kept: pd.DataFrame, parts: int, folder: Path) -> None:
    facts: dict[str, Any] = {
        "from": str(archive.path.resolve()),
        "digest": archive.digest,
        "tiles": len(archive),
        "kept": len(kept),
        "dropped": curation.counts(),
        "labels_made_unknown": curation.labels_made_unknown(),
        "rules": curation.rules,
    }
    gone = archive.catalogue.loc[~curation.keep, ["id", "source"]]
    table = gone.assign(reason=curation.reason[~curation.keep])
    table.to_csv(folder / DROPPED, index=False, errors="replace", lineterminator="\n")
    settings = archive.path / store.PARTS / SETTINGS
    if settings.exists():
        # What was dropped would come back with the next ingest: settings that no ingest has refuse it.
        held = json.loads(settings.read_text(encoding="utf-8")) | {"curated_from": facts["from"]}
        write_json(folder / store.PARTS / SETTINGS, held)
    skipped = archive.path / "skipped.csv"
    if skipped.exists():
        shutil.copyfile(skipped, folder / skipped.name)
    manifest = store.read_manifest(archive.path) | {
        "tiles": len(kept),
        "parts": parts,
        "digest": store.digest_of(kept, archive.tile, archive.stride),
        "curation": facts,
    }
    write_json(folder / CURATION, facts)
    write_json(folder / store.MANIFEST, manifest)
