"""Tiles that show again what another tile shows: exact, transformed, shifted or noisier copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.audit.candidates import Finder
from ssl_insar.audit.planted import recall_of_planted
from ssl_insar.audit.scan import Scan
from ssl_insar.audit.transforms import INVERSE, KINDS, TRANSFORMS, Transform
from ssl_insar.audit.verify import Match, verify

EXACT = "exact-duplicate"
COPY_KINDS = (EXACT, *KINDS)
"""What a copy can be, in the order of a report."""

LOW, HIGH, BIN = 0.75, 0.99, 0.01
"""Between which correlations the threshold is looked for, and how finely."""

FALLBACK = 0.95
"""Threshold where nothing lies between: nothing has to be told apart."""

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
    group = np.arange(len(archive))
    found: dict[int, Copy] = {}
    first_of: dict[bytes, int] = {}
    for row in np.flatnonzero(usable).tolist():
        first = first_of.setdefault(scan.content[row].tobytes(), row)
        if first != row:
            found[row] = Copy(row, first, EXACT, 1.0, "every pixel the same")
            group[row] = first
    once = np.array(sorted(first_of.values()), np.int64)
    finder = Finder(scan.sketches, once, archive.tile)
    matches = verify(archive, finder.pairs(progress=progress), progress=progress)
    correlations = np.array([match.correlation for match in matches])
    if threshold is None:
        threshold, reason = choose_threshold(correlations)
    else:
        reason = f"{threshold:g}, as given"
    good = [match for match in matches if match.correlation >= threshold]
    for copy in _linked(good, group):
        found[copy.tile] = copy
    # Exact duplicates joined the group of their first tile before that joined another.
    group = group[group]
    rest = sorted((m for m in matches if m.correlation < threshold), key=lambda m: -m.correlation)
    ordered = [found[row] for row in sorted(found)]
    planted = recall_of_planted(archive, finder, once, group, threshold)
    return Copies(ordered, group, threshold, reason, correlations, rest[:50], finder.exact, planted)


def choose_threshold(correlations: Sequence[float] | NDArray[np.float64]) -> tuple[float, str]:
    """The middle of the emptiest stretch in the correlations of the pairs compared.

    Copies crowd at 1. What merely looks alike (tiles that share an acquisition, hence its atmosphere;
    plain ramps) thins out below: on 2,558 crops of volcanoes copies lie above 0.999 and the best
    look-alike, which shares an acquisition, at 0.915. Copies of other processing or with more noise
    may lie between, so the place where the two meet is looked up in each archive.

    Args:
        correlations: (m,) of pairs compared pixel by pixel.

    Returns:
        the threshold, and a sentence on how it was chosen.
    """
    values = np.asarray(correlations, float)
    counts, edges = np.histogram(values, np.linspace(LOW, HIGH, round((HIGH - LOW) / BIN) + 1))
    if not counts.any():
        return FALLBACK, f"{FALLBACK}, the default: no pair compared lies between {LOW} and {HIGH}"
    # Below the first pair there are none by choice of the candidates: that stretch says nothing.
    counts[: np.flatnonzero(counts)[0]] = len(values) + 1
    # One empty bin in a thin tail is chance: its neighbours count, too.
    around = np.convolve(np.pad(counts, 1, mode="edge"), np.ones(3, np.int64), "valid")
    emptiest = np.flatnonzero(around == around.min())
    runs = np.split(emptiest, np.flatnonzero(np.diff(emptiest) > 1) + 1)
    longest = max(reversed(runs), key=len)
    low, high = float(edges[longest[0]]), float(edges[longest[-1] + 1])
    threshold = round((low + high) / 2, 3)
    return threshold, (
        f"{threshold:.3f}, in the emptiest stretch ({low:.2f} to {high:.2f}) of the correlations of "
        f"{len(values):,} pairs compared pixel by pixel"
    )


def _linked(matches: list[Match], group: NDArray[np.int64]) -> list[Copy]:
    """Join matches into groups; every tile of a group but its first is a copy of one before it.

    Args:
        matches: pairs of copies.
        group: (N,) changed in place: the first tile of each tile's group.
    """
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
                    copies.append(_copy(partner, tile, partners[tile][partner]))
    return copies


def _copy(tile: int, other: int, match: Match) -> Copy:
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
        done.append("every pixel the same")
    return Copy(tile, other, transform.kind, match.correlation, "; ".join(done), transform)
