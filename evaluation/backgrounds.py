"""Quiet real tiles, which the protocols on detection put sources into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import label_names
from ssl_insar.archive.groups import assign_groups
from ssl_insar.errors import UserError
from ssl_insar.pretrain.quiet import Quiet, quiet_tiles

CHUNK = 64
SPACING = 100.0
"""m between pixels of an archive that does not tell."""


@dataclass(frozen=True)
class Backgrounds:
    """Quiet tiles of an archive.

    Attributes:
        archive: that holds them.
        rows: (n,) positions.
        groups: (n,) volcanoes.
        how: how they were found to be quiet.
        excluded: number of quiet tiles left out because an encoder was trained at their volcano.
    """

    archive: Archive
    rows: NDArray[np.intp]
    groups: NDArray[np.str_]
    how: Quiet
    excluded: int

    def chunks(self) -> Iterator[NDArray[np.intp]]:
        """Places in ``rows``, a chunk at a time."""
        for start in range(0, len(self.rows), CHUNK):
            yield np.arange(start, min(start + CHUNK, len(self.rows)))

    def phasors(self, chosen: NDArray[np.intp]) -> NDArray[np.complex64]:
        """Some of them, (k, T, T)."""
        return self.archive.phasors(self.rows[chosen])


def backgrounds(
    archive: Archive, quiet: str, trained: Path | None, most: int, seed: int, least_volcanoes: int = 1
) -> Backgrounds:
    """Choose quiet tiles.

    Args:
        archive: the tiles.
        quiet: ``labelled``, ``presumed``, or ``auto``: labelled where the archive has labels.
        trained: run folder, at whose volcanoes no tile is taken; None: no matter.
        most: number of tiles, at random.
        seed: of the choice.
        least_volcanoes: that are needed.

    Raises:
        UserError: too few are left, or there is no such run.
    """
    if quiet == "auto":
        quiet = "labelled" if label_names(archive.catalogue) else "presumed"
    rows = quiet_tiles(archive, cast(Quiet, quiet))
    groups = assign_groups(archive.catalogue).names[rows]
    unseen = np.ones(len(rows), bool) if trained is None else ~np.isin(groups, _trained_groups(trained))
    excluded = int((~unseen).sum())
    rows, groups = rows[unseen], groups[unseen]
    if len(rows) > most:
        kept = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        rows, groups = rows[kept], groups[kept]
    if len(np.unique(groups)) < least_volcanoes:
        where = f", {excluded} more at volcanoes that {trained} was trained on" if trained else ""
        raise UserError(
            f"{archive.path}: {len(rows)} quiet tiles ({quiet}) at {len(np.unique(groups))} volcanoes{where}"
            f"; at least {least_volcanoes} volcanoes are needed: give another archive"
        )
    return Backgrounds(archive, rows, groups, cast(Quiet, quiet), excluded)


def _trained_groups(run: Path) -> NDArray[np.str_]:
    """Volcanoes of the archive that a run was trained on."""
    try:
        state = json.loads((run / "run.json").read_text(encoding="utf-8"))
        place, digest = str(state["archive"]), str(state["archive_digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{run}: not a pretraining run ({error}); give --exclude-trained a run") from error
    archive = Archive.open(place)
    if archive.digest != digest:
        raise UserError(f"{run}: its archive {place} has changed since, so its volcanoes are not known")
    return np.unique(assign_groups(archive.catalogue).names)


def spacing_of(archive: Archive) -> float:
    """Median m between the pixels; `SPACING` where the archive does not tell."""
    known = archive.catalogue["spacing"].dropna()
    return float(known.median()) if len(known) else SPACING
