"""Acquisitions that several interferograms are made from: each carries its atmosphere into all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.audit.facts import text
from ssl_insar.audit.findings import Finding


@dataclass(frozen=True)
class Acquisitions:
    """How the tiles of an archive share acquisitions.

    Attributes:
        table: one row an acquisition, the most used first: ``date``, ``track``, ``tiles``, ``pairs``
            (date pairs it is part of), ``frames``, ``tile`` (id of one of the tiles).
        pairs: pairs of tiles, of different date pairs, that share an acquisition.
        undated: tiles with an unknown date.
    """

    table: pd.DataFrame
    pairs: int
    undated: int

    @property
    def shared(self) -> pd.DataFrame:
        """Those that are part of several date pairs."""
        return self.table[self.table["pairs"] > 1]

    def findings(self) -> Iterator[Finding]:
        """A finding for each shared acquisition."""
        row: Any
        for row in self.shared.itertuples(index=False):
            where = f", track {row.track}" if row.track else ""
            frames = f" in {row.frames:,} frames" if row.frames > 1 else ""
            detail = f"{row.date}{where}: {row.tiles:,} tiles of {row.pairs:,} date pairs{frames}"
            yield Finding("shared-acquisition", row.tile, "", float(row.tiles), detail)


def find_acquisitions(catalogue: pd.DataFrame) -> Acquisitions:
    """Count the uses of each acquisition: a date, on a track where that is known."""
    ends = pd.DataFrame(
        {name: text(catalogue, name) for name in ("reference_date", "secondary_date", "frame")}
    )
    ends["tile"], ends["track"] = text(catalogue, "id"), text(catalogue, "track").fillna("")
    ends["pair"] = ends["reference_date"] + "\n" + ends["secondary_date"]
    dated = ends[ends["pair"].notna()]
    uses = pd.concat([dated.assign(date=dated[end]) for end in ("reference_date", "secondary_date")])
    table = uses.groupby(["date", "track"], sort=True, as_index=False).agg(
        tiles=("tile", "size"), pairs=("pair", "nunique"), frames=("frame", "nunique"), tile=("tile", "first")
    )
    # Tiles of one date pair share both acquisitions; they are one interferogram and not counted here.
    within = uses.groupby(["date", "track", "pair"]).size().to_numpy()
    shared = int(_twos(table["tiles"].to_numpy()).sum() - _twos(within).sum())
    order = table.sort_values(["tiles", "date", "track"], ascending=[False, True, True])
    return Acquisitions(order.reset_index(drop=True), shared, len(ends) - len(dated))


def _twos(counts: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    return counts * (counts - 1) // 2
