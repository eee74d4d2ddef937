"""Tiles that show again what another tile shows: exact, transformed, shifted or noisier copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.audit.candidates import MOST_NEAREST, NEAREST, Finder
from ssl_insar.audit.planted import recall_of_planted
from ssl_insar.audit.scan import Scan
from ssl_insar.audit.threshold import choose_threshold
from ssl_insar.audit.transforms import INVERSE, KINDS, TRANSFORMS, Transform
from ssl_insar.audit.verify import Match, verify

EXACT = "exact-duplicate"
COPY_KINDS = (EXACT, *KINDS)
"""What a copy can be, in the order of a report."""

_OFFSET = 0.02
"""A phase step of the archive is 0.025 rad."""

_SAME = 1 - 1e-6


@dataclass(frozen=True)
class Copy:
    """A tile that repeats another.

    Attributes:
        tile: row of the copy.
        other: row of the tile it repeats: the first of its group where the two match directly.
        kind: one of `COPY_KINDS`.
        correlation: see `verify.compare`.
        detail: what else was done to it, in words.
        transform: what makes the copy from the other.
    """

    tile: int
    other: int
    kind: str
    correlation: float
    detail: str
    transform: Transform = TRANSFORMS[0]


@dataclass(frozen=True)
class Copies:
    """What was found.

    Attributes:
        found: the copies, in the order of the archive.
        group: (N,) number of the group of copies a tile belongs to, its first tile's row; alone: its own.
        threshold: correlation from which tiles count as copies.
        reason: how the threshold was chosen, a sentence.
        correlations: (m,) of all pairs compared pixel by pixel, for a histogram.
        look_alikes: the best of those below the threshold, best first.
        exhaustive: whether every pair of tiles was compared (by its short vectors).
        planted: how many of how many copies made for a check the search found, see `planted`.
    """

    found: list[Copy]
    group: NDArray[np.int64]
    threshold: float
    reason: str
    correlations: NDArray[np.float64]
    look_alikes: list[Match]
    exhaustive: bool
    planted: tuple[int, int]


def find_copies(
    archive: Archive,
    scan: Scan,
    usable: NDArray[np.bool_],
    threshold: float | None = None,
    *,
    progress: bool = True,
) -> Copies:
    """Find copies among the tiles of an archive.

    Args:
        archive: N tiles.
        scan: measures of its tiles.
        usable: (N,) tiles with something to compare, neither empty nor constant.
        threshold: least correlation of copies; None: chosen by `choose_threshold`.
        progress: draw progress bars.
    """
    exact = _exact(archive, scan, usable)
    repeated = {copy.tile for copy in exact}
    once = np.array([row for row in np.flatnonzero(usable).tolist() if row not in repeated], np.int64)
    finder = Finder(scan.sketches, once, archive.tile)
    matches = _matches(archive, finder, once, threshold, progress)
    correlations = np.array([match.correlation for match in matches])
    least, reason = _least(correlations, threshold)
    linked, group = _linked(archive, [match for match in matches if match.correlation >= least])
    for copy in exact:
        group[copy.tile] = group[copy.other]
    rest = sorted((m for m in matches if m.correlation < least), key=lambda m: -m.correlation)
    ordered = sorted([*exact, *linked], key=lambda copy: copy.tile)
    planted = recall_of_planted(archive, finder, once, group, least)
    return Copies(ordered, group, least, reason, correlations, rest[:50], finder.exact, planted)


def _exact(archive: Archive, scan: Scan, usable: NDArray[np.bool_]) -> list[Copy]:
    """Tiles whose wrapped phase is that of an earlier tile, pixel by pixel."""
    first_of: dict[bytes, int] = {}
    found = []
    for row in np.flatnonzero(usable).tolist():
        first = first_of.setdefault(scan.content[row].tobytes(), row)
        if first != row:
            found.append(Copy(row, first, EXACT, 1.0, _sameness(archive, row, first)))
    return found


def _sameness(archive: Archive, tile: int, other: int) -> str:
    """What two tiles have in common whose wrapped phase is the same everywhere."""
    wrapped = archive.catalogue["wrapped"].iloc[[tile, other]].tolist()
    if all(wrapped):
        return "every pixel the same"
    return "the same wrapped phase, " + ("one of them unwrapped" if any(wrapped) else "both unwrapped")


def _least(correlations: NDArray[np.float64], given: float | None) -> tuple[float, str]:
    """The threshold and how it was chosen."""
    return choose_threshold(correlations) if given is None else (given, f"{given:g}, as given")


def _matches(
    archive: Archive, finder: Finder, rows: NDArray[np.int64], threshold: float | None, progress: bool
) -> list[Match]:
    """Pairs compared pixel by pixel, enough of them to join groups of any size.

    The neighbours asked for of a tile in a large group may all be of that group, and hide others that
    show the same: tiles that have found so many copies are asked for twice as many neighbours, and so on.
    """
    best: dict[tuple[int, int], Match] = {}
    group = np.arange(len(archive))
    asked, nearest = rows, NEAREST
    while len(asked) and nearest <= MOST_NEAREST:
        candidates = finder.pairs(asked, group, nearest, progress=progress)
        for match in verify(archive, candidates, progress=progress):
            pair = match.first, match.second
            if pair not in best or match.correlation > best[pair].correlation:
                best[pair] = match
        least, _ = _least(np.array([match.correlation for match in best.values()]), threshold)
        _, group = _linked(archive, [match for match in best.values() if match.correlation >= least])
        size = np.bincount(group[rows], minlength=len(archive))
        asked = rows[size[group[rows]] >= nearest]
        nearest *= 2
    return list(best.values())


def _linked(archive: Archive, matches: list[Match]) -> tuple[list[Copy], NDArray[np.int64]]:
    """Join matches into groups; every tile of a group but its first is a copy of one reached before it.

    Args:
        archive: N tiles.
        matches: pairs of copies.

    Returns:
        the copies, and (N,) the first tile of each tile's group.
    """
    group = np.arange(len(archive))
    partners: dict[int, dict[int, Match]] = {}
    for match in matches:
        partners.setdefault(match.first, {})[match.second] = match
        partners.setdefault(match.second, {})[match.first] = match
    copies = []
    seen: set[int] = set()
    for start in sorted(partners):
        if start in seen:
            continue
        seen.add(start)
        reached = [start]
        for tile in reached:  # grows while it is walked: nearest to the first tile comes first
            for partner in sorted(partners[tile]):
                if partner not in seen:
                    seen.add(partner)
                    reached.append(partner)
                    group[partner] = start
                    copies.append(_copy(archive, partner, tile, partners[tile][partner]))
    return copies, group


def _copy(archive: Archive, tile: int, other: int, match: Match) -> Copy:
    """The match told as what was done to ``other`` to make ``tile``."""
    transform = TRANSFORMS[match.transform if other == match.first else INVERSE[match.transform]]
    down, across = match.shift
    done = []
    if transform.swapped:
        done.append("dates swapped")
    if (down, across) != (0, 0):
        done.append(f"shifted by {abs(down)} and {abs(across)} px")
    if abs(match.offset) > _OFFSET:
        done.append(f"phase offset of {abs(match.offset):.2f} rad")
    if match.correlation > _SAME and not done:
        done.append(_sameness(archive, tile, other))
    return Copy(tile, other, transform.kind, match.correlation, "; ".join(done), transform)
