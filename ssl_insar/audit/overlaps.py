"""Tiles of one interferogram that show the same ground: told from their place, or from their pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ssl_insar.archive import Archive
from ssl_insar.audit.align import Spectrum, align
from ssl_insar.audit.descriptors import SIDE, as_field
from ssl_insar.audit.facts import text
from ssl_insar.audit.findings import Finding, listed
from ssl_insar.audit.scan import Scan
from ssl_insar.audit.transforms import TRANSFORMS, Transform
from ssl_insar.progress import bar

MOST_PAIRS = 10_000
"""Pairs of tiles compared by their pixels; a minute or two."""

_SLIVER = 1e-3
"""Share of a tile that neighbours may seem to share by rounding."""

_TURNS = tuple(transform for transform in TRANSFORMS if not transform.swapped)
"""Tiles of one date pair can be turned against each other, but their dates are the same."""

_LIKELY = 0.5
"""Correlation of sketches from which the pixels are asked."""


@dataclass(frozen=True)
class Overlap:
    """Two tiles that show the same ground at the same dates.

    Attributes:
        first: row of the one.
        second: row of the other, higher.
        share: common part, of the first tile.
        correlation: of the common part, see `verify.compare`; None where the place was known.
        turn: what turns the first so that it lies as the second does; told from the pixels only.
        shift: (rows, columns) by which the turned first is moved to lie on the second; likewise.
    """

    first: int
    second: int
    share: float
    correlation: float | None = None
    turn: Transform = TRANSFORMS[0]
    shift: tuple[int, int] = (0, 0)

    @property
    def detail(self) -> str:
        """How it was told, in words; "" if from the place."""
        if self.correlation is None:
            return ""
        how = "" if self.turn == TRANSFORMS[0] else f", {self.turn.kind}"
        return f"by their pixels{how}, correlation {self.correlation:.3f} there"


@dataclass(frozen=True)
class Overlaps:
    """All of them.

    Attributes:
        found: the pairs of tiles.
        untold: pairs of tiles of one interferogram that were not compared, for there are too many; at most.
        told: (N,) tiles of which it can be told whether they overlap another one: their dates are known or
            others are of their file, and they were compared with those by place or by pixels.
    """

    found: list[Overlap]
    untold: int
    told: NDArray[np.bool_]

    @property
    def tiles(self) -> int:
        """Tiles that overlap another one."""
        return len({row for pair in self.found for row in (pair.first, pair.second)})

    def findings(self, catalogue: pd.DataFrame) -> Iterator[Finding]:
        """A finding for each two files (or one) whose tiles overlap: of many tiles, many pairs do."""
        ids, names = catalogue["id"].tolist(), text(catalogue, "file").tolist()
        file = _files(catalogue)
        groups: dict[tuple[int, int], list[Overlap]] = {}
        for pair in self.found:
            one, two = sorted((int(file[pair.first]), int(file[pair.second])))
            groups.setdefault((one, two), []).append(pair)
        for pairs in groups.values():
            best = max(pairs, key=lambda pair: pair.share)
            said = listed(list(dict.fromkeys(names[row] for row in (best.first, best.second))))
            detail = f"{len(pairs):,} pairs of tiles" if len(pairs) > 1 else "1 pair of tiles"
            detail += f" of {said}" + (f"; {best.detail}" if best.detail else "")
            yield Finding("overlap", ids[best.first], ids[best.second], round(best.share, 4), detail)


def find_overlaps(
    archive: Archive,
    scan: Scan,
    usable: NDArray[np.bool_],
    copies: NDArray[np.int64],
    threshold: float,
    *,
    progress: bool = True,
) -> Overlaps:
    """Find tiles of one interferogram that show the same ground.

    Tiles of one file are judged by their row and column, tiles of different files by their
    footprints. Where a footprint is missing the pixels decide: crops around neighbouring volcanoes
    are often cut, and even turned, from one interferogram.

    Args:
        archive: N tiles.
        scan: measures of its tiles.
        usable: (N,) tiles whose pixels can tell; noise cannot, once it is moved.
        copies: (N,) group of copies of each tile; copies are told elsewhere.
        threshold: correlation of the common part from which two tiles show the same.
        progress: draw a progress bar.
    """
    catalogue = archive.catalogue
    shapes = np.array(catalogue["geometry"], dtype=object)
    file = _files(catalogue)
    at = catalogue[["row", "col"]].to_numpy(np.int64)
    found: list[Overlap] = []
    unplaced: list[tuple[int, int]] = []
    track = pd.factorize(text(catalogue, "track"))[0]  # -1 where unknown
    placed = ~shapely.is_missing(shapes)
    told = _date_pairs(catalogue).notna().to_numpy(copy=True)
    untold = 0
    for rows in _interferograms(catalogue):
        found += _on_grid(rows, file, at, archive.tile)
        if len(np.unique(file[rows])) == 1:
            told[rows] = True
            continue
        found += _on_map(rows, file, track, shapes)
        told[rows] = placed[rows] | usable[rows]
        if not placed[rows].all():
            telling = rows[usable[rows]].tolist()
            pairs = (
                (a, b)
                for a, b in combinations(telling, 2)
                if file[a] != file[b]
                and copies[a] != copies[b]
                and not (placed[a] and placed[b])
                and not _of_two(track, a, b)
            )
            room = MOST_PAIRS - len(unplaced)
            unplaced += islice(pairs, room)
            left = next(pairs, None)
            if left is not None:
                untold += math.comb(len(telling), 2) - room
                # Pairs come in the order of their first tile: those before it were compared with all.
                told[telling[telling.index(left[0]) :]] = False
    found += _by_pixels(archive, scan, unplaced, threshold, progress)
    return Overlaps(sorted(found, key=lambda pair: (pair.first, pair.second)), untold, told)


def _files(catalogue: pd.DataFrame) -> NDArray[np.int64]:
    """Number of the interferogram in its file that each tile was cut from."""
    name = text(catalogue, "source").fillna("") + "\n" + text(catalogue, "member").fillna("")
    return np.asarray(pd.factorize(name)[0], np.int64)


def _interferograms(catalogue: pd.DataFrame) -> Iterator[NDArray[np.int64]]:
    """Rows of one date pair; of one file where the dates are not known.

    Not of one track: where that is unknown of some, they may be of the same interferogram as the others.
    """
    key = _date_pairs(catalogue).fillna(pd.Series(_files(catalogue)).astype(str))
    for rows in key.groupby(key, sort=False).indices.values():
        if len(rows) > 1:
            yield np.asarray(rows, np.int64)


def _date_pairs(catalogue: pd.DataFrame) -> pd.Series[Any]:
    """Both dates of each tile, missing where one is not known."""
    return text(catalogue, "reference_date") + "\n" + text(catalogue, "secondary_date")


def _of_two(track: NDArray[np.int64], first: Any, second: Any) -> Any:
    """Whether tiles, one pair or arrays of them, are known to be of different tracks."""
    return (track[first] != track[second]) & (track[first] >= 0) & (track[second] >= 0)


def _on_grid(
    rows: NDArray[np.int64], file: NDArray[np.int64], at: NDArray[np.int64], tile: int
) -> list[Overlap]:
    """Squares of one file that share pixels."""
    top, left = at[rows].T
    first, second = _touching(shapely.box(left, top, left + tile, top + tile), rows)
    same = file[first] == file[second]
    first, second = first[same], second[same]
    share = np.clip(tile - np.abs(at[first] - at[second]), 0, None).prod(axis=1) / tile**2
    return _overlaps(first, second, share, 0.0)


def _on_map(
    rows: NDArray[np.int64], file: NDArray[np.int64], track: NDArray[np.int64], shapes: NDArray[Any]
) -> list[Overlap]:
    """Footprints of different files that share area."""
    first, second = _touching(shapes[rows], rows)
    other = (file[first] != file[second]) & ~_of_two(track, first, second)
    first, second = first[other], second[other]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    share = np.minimum(shared / np.maximum(shapely.area(shapes[first]), 1e-300), 1.0)
    return _overlaps(first, second, share, _SLIVER)


def _touching(shapes: NDArray[Any], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    one, two = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    return rows[one[one < two]], rows[two[one < two]]


def _overlaps(
    first: NDArray[np.int64], second: NDArray[np.int64], share: NDArray[np.float64], least: float
) -> list[Overlap]:
    keep = share > least
    columns = (column[keep].tolist() for column in (first, second, share))
    return [Overlap(one, two, part) for one, two, part in zip(*columns, strict=True)]


def _by_pixels(
    archive: Archive, scan: Scan, pairs: list[tuple[int, int]], threshold: float, progress: bool
) -> list[Overlap]:
    """Pairs whose sketches agree somewhere, compared pixel by pixel there."""
    found = []
    turned: tuple[int, Spectrum] | None = None
    with (
        threadpool_limits(limits=1, user_api="blas"),
        bar(len(pairs), "overlap", "pair", shown=progress and bool(pairs)) as progress_bar,
    ):
        for first, second in pairs:
            if turned is None or turned[0] != first:
                field = _sketch(scan, first)
                turned = first, Spectrum(np.stack([turn(field) for turn in _TURNS]))
            alike, cells = turned[1].best(Spectrum(_sketch(scan, second)[None]))
            for number in np.argsort(-alike)[:2].tolist():
                if alike[number] < _LIKELY:
                    break
                overlap = _aligned(archive, first, second, _TURNS[number], cells[number], threshold)
                if overlap is not None:
                    found.append(overlap)
                    break
            progress_bar.update()
    return found


def _sketch(scan: Scan, row: int) -> NDArray[np.complex64]:
    """A tile's sketch without its mean."""
    field = as_field(scan.sketches[row : row + 1])[0]
    centred: NDArray[np.complex64] = (field - field.mean()) * (field != 0)
    return centred


def _aligned(
    archive: Archive, first: int, second: int, turn: Transform, cells: tuple[int, int], threshold: float
) -> Overlap | None:
    one, two = archive.phasors([first, second])
    cell = archive.tile / SIDE
    near = round(cells[0] * cell), round(cells[1] * cell)
    aligned = align(turn(one), two, near, math.ceil(cell))
    if aligned.correlation < threshold:
        return None
    return Overlap(first, second, aligned.share, aligned.correlation, turn, aligned.shift)
