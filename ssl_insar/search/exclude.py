"""Which tiles must not be answers: those that show the query's own scene again.

The nearest neighbours of a tile are, of course, itself, its copies, and its own ground and
atmosphere cut a little differently. They say nothing about "where else", so they are left out
unless asked for.

**The query itself** is always left out: the same tile id, or the same place in the same file.

**Same pair**: tiles of one interferogram. That is

- the same source file, or byte-identical copies of it; or
- the same reference and secondary date (both known) and the same *frame id*. Crops of one
  interferogram in different files share both. Where a frame id is unknown on either side, the track
  decides; where that is unknown too, the volcano; at last, the folder of the files. Dates alone do
  not: one satellite images many places on one day. Nor does a folder or a volcano alone: it holds
  many pairs.

**Overlapping**: tiles that show the same ground, at whatever dates. That is

- footprints that share some area, when both tiles are georeferenced, whatever frame and track; or
- pixel squares that share some area in one file; or, when not both are georeferenced, in one frame
  id and volcano, whose files are taken to lie on one pixel grid as LiCSAR's do. For crops whose
  place in the frame is not known this errs on the side of leaving out.

**Same place**, left out only when asked for: tiles of the same frame id or of the same volcano.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from ssl_insar.phase import BoolArray


@dataclass(frozen=True)
class Facts:
    """What decides whether another tile shows the same scene; None where unknown.

    Attributes:
        id: tile id, when the tile is in the index.
        source: path of the file.
        fingerprint: hash of that file's bytes.
        row: first row of the tile in its frame, px.
        col: first column, px.
        reference_date: earlier acquisition.
        secondary_date: later acquisition.
        track: relative orbit and pass.
        frame: frame id.
        volcano: name of the place.
        footprint: outline in longitude and latitude (shapely polygon).
    """

    id: str | None = None
    source: str | None = None
    fingerprint: str | None = None
    row: int = 0
    col: int = 0
    reference_date: date | None = None
    secondary_date: date | None = None
    track: str | None = None
    frame: str | None = None
    volcano: str | None = None
    footprint: Any = None

    @classmethod
    def of_row(cls, row: pd.Series[Any]) -> Facts:
        """Facts of a catalogue row."""
        known: dict[str, Any] = {name: _known(row.get(name)) for name in _TEXT}
        known |= {name: _day(row.get(name)) for name in _DATES}
        outline = _outlines(np.array([row.get("geometry")], dtype=object))[0]
        return cls(row=int(row.get("row", 0)), col=int(row.get("col", 0)), footprint=outline, **known)


_TEXT = ("id", "source", "fingerprint", "track", "frame", "volcano")
_DATES = ("reference_date", "secondary_date")


class Exclusions:
    """The catalogue's side of the rules, prepared once for many queries."""

    def __init__(self, catalogue: pd.DataFrame, tile: int | None = None) -> None:
        """Prepare.

        Args:
            catalogue: N tiles.
            tile: side of a tile, px; None: estimated from the catalogue, rather too large.
        """
        count = len(catalogue)

        def column(name: str) -> pd.Series[Any]:
            return catalogue[name] if name in catalogue else pd.Series([None] * count, dtype=object)

        self._text = {name: _Codes(column(name)) for name in _TEXT}
        folders = {s: str(Path(s).parent) for s in column("source").unique() if isinstance(s, str)}
        self._text["folder"] = _Codes(column("source").map(folders.get))
        self._dates = {name: pd.to_datetime(column(name)).to_numpy("datetime64[D]") for name in _DATES}
        self._row = column("row").fillna(0).to_numpy(np.int64)
        self._col = column("col").fillna(0).to_numpy(np.int64)
        self._side = tile or _side(catalogue)
        self._footprints = _outlines(column("geometry").to_numpy(object))
        self._mapped: BoolArray = ~shapely.is_missing(self._footprints)
        self._tree = shapely.STRtree(self._footprints)

    def mask(
        self, tiles: Sequence[Facts], *, keep_same_pair: bool = False, keep_overlapping: bool = False
    ) -> BoolArray:
        """Rows that are no answer to a query.

        Args:
            tiles: the query's tiles; what is excluded for one is excluded for all.
            keep_same_pair: let tiles of the same pair be answers, unless they overlap.
            keep_overlapping: let overlapping tiles be answers, unless they are of the same pair.

        Shape:
            -> (N,) bool, True = excluded
        """
        excluded = np.zeros(len(self._row), bool)
        # Tiles of one query file differ in their place alone: what they share is asked once.
        groups: dict[Facts, list[Facts]] = {}
        for tile in tiles:
            excluded |= self._is("id", tile.id)
            key = dataclasses.replace(tile, id=None, row=0, col=0, footprint=None)
            groups.setdefault(key, []).append(tile)
        for shared, members in groups.items():
            same_file = self._same_file(shared)
            if not keep_same_pair:
                excluded |= same_file | self._same_pair(shared)
            here = np.flatnonzero(same_file)
            grid = np.flatnonzero(same_file | self._same_grid(shared))
            for tile in members:
                excluded[here[self._near(tile, here, 1)]] = True  # the query itself
                if not keep_overlapping:
                    excluded[self._overlapping(tile, grid)] = True
        return excluded

    def same_place(self, tiles: Sequence[Facts]) -> BoolArray:
        """Rows of the frame, the volcano or the file of any of some tiles, whatever the dates.

        Shape:
            -> (N,) bool
        """
        there = np.zeros(len(self._row), bool)
        for shared in {dataclasses.replace(t, id=None, row=0, col=0, footprint=None) for t in tiles}:
            there |= self._is("frame", shared.frame) | self._is("volcano", shared.volcano)
            there |= self._same_file(shared)
        return there

    def same_ground(self, tiles: Sequence[Facts]) -> BoolArray:
        """Rows that overlap with any of some tiles, these among them.

        Shape:
            -> (N,) bool
        """
        there = np.zeros(len(self._row), bool)
        for tile in tiles:
            grid = np.flatnonzero(self._same_file(tile) | self._same_grid(tile))
            there[self._overlapping(tile, grid)] = True
        return there

    def _is(self, name: str, value: str | None) -> BoolArray:
        return self._text[name].equal(value)

    def _same_file(self, tile: Facts) -> BoolArray:
        return self._is("source", tile.source) | self._is("fingerprint", tile.fingerprint)

    def _same_grid(self, tile: Facts) -> BoolArray:
        return self._is("frame", tile.frame) & self._text["volcano"].same(tile.volcano)

    def _near(self, tile: Facts, rows: NDArray[np.int64], reach: int) -> BoolArray:
        """Which of some rows start less than ``reach`` px from the tile, down and across."""
        down, across = np.abs(self._row[rows] - tile.row), np.abs(self._col[rows] - tile.col)
        near: BoolArray = (down < reach) & (across < reach)
        return near

    def _same_pair(self, tile: Facts) -> BoolArray:
        if tile.reference_date is None or tile.secondary_date is None:
            return np.zeros(len(self._row), bool)
        dates = self._dates["reference_date"] == np.datetime64(tile.reference_date)
        dates &= self._dates["secondary_date"] == np.datetime64(tile.secondary_date)
        # The finest name that both sides know decides.
        place = self._is("folder", None if tile.source is None else str(Path(tile.source).parent))
        for name, value in (("volcano", tile.volcano), ("track", tile.track), ("frame", tile.frame)):
            place = np.where(self._text[name].unknown(value), place, self._is(name, value))
        same: BoolArray = dates & place
        return same

    def _overlapping(self, tile: Facts, grid: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows on the tile's ground; ``grid`` are the rows on its pixel grid."""
        on_grid = grid[self._near(tile, grid, self._side)]
        if tile.footprint is None:
            return on_grid
        touching = self._tree.query(tile.footprint, predicate="intersects")
        area = shapely.area(shapely.intersection(self._footprints[touching], tile.footprint))
        # Neighbours share an edge, which rounding turns into a sliver.
        on_map = touching[area > 1e-6 * tile.footprint.area]
        # Where both are on the map, the map decides.
        return np.concatenate([on_map, on_grid[~self._mapped[on_grid]]])


class _Codes:
    """A column as integers, so that comparing millions of rows with a value is one pass."""

    def __init__(self, column: pd.Series[Any]) -> None:
        codes, values = pd.factorize(column.astype(object), use_na_sentinel=True)
        self._codes: NDArray[np.int64] = np.asarray(codes, np.int64)
        self._code_of = {value: code for code, value in enumerate(values)}

    def equal(self, value: Any) -> BoolArray:
        """Rows known to hold the value; none when it is None."""
        code = None if value is None else self._code_of.get(value)
        if code is None:
            return np.zeros(len(self._codes), bool)
        rows: BoolArray = self._codes == code
        return rows

    def unknown(self, value: Any) -> BoolArray:
        """Rows in which either side is unknown."""
        return np.ones(len(self._codes), bool) if value is None else self._codes < 0

    def same(self, value: Any) -> BoolArray:
        """Rows that hold the value, None counting as a value."""
        return self._codes < 0 if value is None else self.equal(value)


def _side(catalogue: pd.DataFrame) -> int:
    """Side of a tile, px, or a little more: the least room between a tile's start and its frame's end."""
    if len(catalogue) == 0 or not {"row", "col", "height", "width"} <= set(catalogue):
        return np.iinfo(np.int32).max  # unknown: all tiles of one grid count as overlapping
    down = (catalogue["height"] - catalogue["row"]).min()
    across = (catalogue["width"] - catalogue["col"]).min()
    return int(min(down, across))


def _known(value: Any) -> Any:
    """None for every way in which a table says "unknown"."""
    return None if pd.isna(value) else value


def _outlines(shapes: NDArray[Any]) -> NDArray[Any]:
    """Footprints that area and intersection can be asked of, and None for the others."""
    shapes = shapes.copy()
    shapes[pd.isna(shapes)] = None
    shapes[~np.isfinite(shapely.bounds(shapes)).all(axis=1)] = None  # missing, empty, off the map
    broken = ~shapely.is_missing(shapes) & ~shapely.is_valid(shapes)
    shapes[broken] = shapely.make_valid(shapes[broken])
    return shapes


def _day(value: Any) -> date | None:
    """A calendar day, whichever type the table made of it."""
    value = _known(value)
    return None if value is None else pd.Timestamp(value).date()
