"""Which tiles may show the same event, and which share so much that they must not be negatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ssl_insar.archive import Archive
from ssl_insar.archive.days import days_of
from ssl_insar.audit.copies import COPY_KINDS
from ssl_insar.errors import UserError


class Events:
    """Partners of tiles: the same ground at the same time, without a common acquisition.

    What happened between the dates of both is in both; the atmosphere, which belongs to an acquisition, is
    not. Two interferograms of a place are partners if their spans overlap by half of the shorter and they
    share no date. Places are told by frame, volcano and position in the frame.

    Args:
        archive: with dates; tiles without have no partner.
    """

    def __init__(self, archive: Archive) -> None:
        table = archive.catalogue
        days = [days_of(table[name]) for name in ("reference_date", "secondary_date")]
        self.first, self.last = np.minimum(*days), np.maximum(*days)
        known = (self.first >= 0) & (self.last > self.first) & table["frame"].notna().to_numpy(bool)
        names = ["frame", "volcano", "row", "col"]
        place = table.groupby(names, dropna=False, sort=False).ngroup().to_numpy(np.int64)
        self.place = np.where(known, place, -1)
        order = np.argsort(self.place, kind="stable")
        order = order[self.place[order] >= 0]
        ends = np.flatnonzero(np.diff(self.place[order])) + 1
        self._members = {int(self.place[rows[0]]): rows for rows in np.split(order, ends) if len(rows) > 1}

    def candidates(self, tile: int) -> NDArray[np.intp]:
        """All partners of a tile."""
        rows = self._members.get(int(self.place[tile]))
        if rows is None:
            return np.array([], np.intp)
        start = np.maximum(self.first[rows], self.first[tile])
        common = np.minimum(self.last[rows], self.last[tile]) - start
        shorter = np.minimum(self.last[rows] - self.first[rows], self.last[tile] - self.first[tile])
        dates = (self.first[tile], self.last[tile])
        apart = ~np.isin(self.first[rows], dates) & ~np.isin(self.last[rows], dates)
        chosen: NDArray[np.intp] = rows[apart & (2 * common >= shorter)]
        return chosen

    def partner(self, tile: int, rng: np.random.Generator) -> int | None:
        """One of them at random; None where there is none."""
        rows = self.candidates(tile)
        return int(rng.choice(rows)) if len(rows) else None


def meeting_keys(archive: Archive, findings: str | Path | None = None) -> NDArray[np.int64]:
    """Numbers that tiles share which must not be negatives of each other.

    Args:
        archive: tiles of an interferogram share both its dates, and so their atmosphere.
        findings: ``findings.csv`` of an audit, whose copies are kept apart.

    Returns:
        (N, 3): acquisition of the reference date, of the secondary date, group of copies; -1 is none.

    Raises:
        UserError: ``findings`` is not such a file.
    """
    table = archive.catalogue
    # Without a frame, the track: two frames of one pass share the day's weather where they meet.
    frame = table["frame"].fillna(table["track"]).fillna("").astype(str)
    keys = np.full((len(table), 3), -1, np.int64)
    dates = pd.concat([table["reference_date"], table["secondary_date"]], ignore_index=True)
    frames = pd.concat([frame, frame], ignore_index=True)
    named = dates.notna().to_numpy(bool) & (frames != "").to_numpy(bool)
    codes = np.full(len(dates), -1, np.int64)
    codes[named] = pd.factorize(frames[named].str.cat(dates[named].astype(str), sep="|"))[0]
    keys[:, 0], keys[:, 1] = codes[: len(table)], codes[len(table) :]
    if findings is not None:
        group = _copies(archive, Path(findings))
        # Beyond all acquisitions: the columns share one set of numbers.
        keys[:, 2] = np.where(group >= 0, group + codes.max(initial=0) + 1, -1)
    return keys


def _copies(archive: Archive, path: Path) -> NDArray[np.int64]:
    """Group of copies of each tile, -1 for none."""
    try:
        found = pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable CSV ({error}); give findings.csv of an audit") from error
    if not {"kind", "tile", "other"} <= set(found):
        raise UserError(f"{path}: lacks kind, tile and other; give findings.csv of an audit")
    alike = found[found["kind"].isin(COPY_KINDS) & found["other"].notna()]
    position = pd.Series(np.arange(len(archive)), index=archive.catalogue["id"])
    rows = alike["tile"].map(position).to_numpy(float), alike["other"].map(position).to_numpy(float)
    held = np.isfinite(rows[0]) & np.isfinite(rows[1])
    first, second = (each[held].astype(np.int64) for each in rows)
    joined = coo_matrix((np.ones(len(first)), (first, second)), shape=(len(archive),) * 2)
    _, component = connected_components(joined, directed=False)
    lone = np.bincount(component)[component] == 1
    group: NDArray[np.int64] = component.astype(np.int64)
    group[lone] = -1
    return group
