"""What a split lets a classifier know about the held-out tiles before it looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.groups import assign_groups
from ssl_insar.audit.copies import Copies
from ssl_insar.audit.facts import text
from ssl_insar.audit.findings import Finding
from ssl_insar.audit.overlaps import Overlaps
from ssl_insar.audit.split import Split

SHARED = {
    "volcano": "of a volcano that training holds, too",
    "frame": "of a frame that training holds, too",
    "date-pair": "of a date pair that training holds, too",
    "interferogram": "of an interferogram (frame and date pair) that training holds, too",
    "date": "made from a date that training holds, too",
    "acquisition": "made from an acquisition (track and date) that training holds, too",
    "overlap": "overlapping a training tile of the same interferogram",
    "pixels": "copies of a training tile",
}
"""What can leak, and how it is said of tiles."""


@dataclass(frozen=True)
class Leak:
    """How much of a held-out part is known from training in one respect.

    Attributes:
        part: name of the held-out part.
        what: one of `SHARED`.
        tiles: held-out tiles of which it can be told.
        leaked: how many of them share it with a training tile.
        rows: (leaked,) which.
    """

    part: str
    what: str
    tiles: int
    leaked: int
    rows: NDArray[np.int64]

    @property
    def share(self) -> float:
        """Share of the tiles of which it can be told; NaN if there are none."""
        return self.leaked / self.tiles if self.tiles else float("nan")


def find_leaks(catalogue: pd.DataFrame, split: Split, copies: Copies, overlaps: Overlaps) -> list[Leak]:
    """What each held-out part shares with training."""
    keys = _keys(catalogue, copies)
    beside = np.zeros(len(catalogue), bool)
    for pair in overlaps.found:
        beside[pair.first] |= split.train[pair.second]
        beside[pair.second] |= split.train[pair.first]
    leaks = []
    for part, held in split.held.items():
        for what in SHARED:
            if what == "overlap":
                rows = np.flatnonzero(held & beside)
                # An overlap that was found is told, whatever else of the tile could not be compared.
                leaks.append(Leak(part, what, int((held & (overlaps.told | beside)).sum()), len(rows), rows))
                continue
            columns = keys[what]
            trained = pd.unique(pd.concat([column[split.train] for column in columns]).dropna())
            told = held & np.logical_and.reduce([column.notna().to_numpy() for column in columns])
            same = told & np.logical_or.reduce([column.isin(trained).to_numpy() for column in columns])
            leaks.append(Leak(part, what, int(told.sum()), int(same.sum()), np.flatnonzero(same)))
    return leaks


def leak_findings(
    catalogue: pd.DataFrame, split: Split, leaks: list[Leak], copies: Copies
) -> Iterator[Finding]:
    """A finding for each respect in which something leaks, and one for each copied tile."""
    ids = catalogue["id"].tolist()
    for leak in leaks:
        if leak.what != "pixels" and leak.leaked:
            detail = f"{leak.leaked:,} of {leak.tiles:,} {leak.part} tiles are {SHARED[leak.what]}"
            yield Finding(f"leak-{leak.what}", value=round(leak.share, 4), detail=detail)
    copied = {copy.tile: copy for copy in copies.found}
    for leak in leaks:
        if leak.what != "pixels":
            continue
        for row in leak.rows.tolist():
            same = np.flatnonzero((copies.group == copies.group[row]) & split.train)
            other = int(same[0])
            link = next(
                (c for c in (copied.get(row), copied.get(other)) if c and {c.tile, c.other} == {row, other}),
                None,
            )
            how = f"{link.kind}" if link else "copy of a copy"
            value = round(link.correlation, 6) if link else None
            yield Finding(
                "leak-pixels", ids[row], ids[other], value, f"{leak.part} tile, in training too ({how})"
            )


def _keys(catalogue: pd.DataFrame, copies: Copies) -> dict[str, list[pd.Series[Any]]]:
    """For each respect the columns that must not meet: None where it is not known."""
    groups = assign_groups(catalogue)
    volcano = pd.Series(groups.names, dtype="string").where(groups.kinds == "volcano")
    frame, track, reference, secondary = (
        text(catalogue, name) for name in ("frame", "track", "reference_date", "secondary_date")
    )
    pair = reference + "\n" + secondary
    return {
        "volcano": [volcano],
        "frame": [frame],
        "date-pair": [pair],
        "interferogram": [frame + "\n" + pair],
        "date": [reference, secondary],
        "acquisition": [track + "\n" + reference, track + "\n" + secondary],
        "pixels": [pd.Series(copies.group)],
    }
