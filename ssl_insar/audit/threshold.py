"""From which correlation on two tiles count as copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FALLBACK = 0.95
"""The threshold wherever the data does not ask for a lower one."""

LOW, BIN = 0.75, 0.01
"""Down to which correlation a lower one is looked for, and how finely."""


def choose_threshold(correlations: Sequence[float] | NDArray[np.float64]) -> tuple[float, str]:
    """The default, or the middle of an emptier stretch below it if the default cuts through a crowd.

    Copies crowd at 1. What merely looks alike (tiles that share an acquisition, hence its atmosphere;
    plain ramps) thins out below: on 2,558 crops of volcanoes copies lie above 0.999 and the best
    look-alike at 0.915. Copies of other processing or with more noise may reach below the default.
    They are told from look-alikes by a stretch that hardly any pair lies in, with look-alikes below it
    and, above it, pairs that are copies by default: where either is missing there is nothing to tell
    apart, and a gap says nothing. Of several stretches the highest counts, for look-alikes are the
    sparser the more alike they are.

    Args:
        correlations: (m,) of pairs compared pixel by pixel.

    Returns:
        the threshold, `FALLBACK` at most, and a sentence on how it was chosen.
    """
    values = np.asarray(correlations, float)
    values = values[values >= LOW]
    bins = round((FALLBACK - LOW) / BIN)
    edges = np.round(LOW + BIN * np.arange(-1, bins + 2), 6)  # a bin more at either end, for neighbours
    within = edges[1:-2] > values.min(initial=1.0)  # those that have a pair below
    if not within.any() or values.max() < FALLBACK:
        why = f"no stretch between {LOW} and {FALLBACK} has pairs of tiles both below and above it"
        return FALLBACK, f"{FALLBACK}, the default: {why}"
    # One empty bin in a thin tail is chance: its neighbours count, too.
    around = np.convolve(np.histogram(values, edges)[0], np.ones(3, np.int64), "valid")
    emptiest = np.flatnonzero(within & (around == around[within].min()))
    highest = np.split(emptiest, np.flatnonzero(np.diff(emptiest) > 1) + 1)[-1]
    low, high = float(edges[1 + highest[0]]), float(edges[2 + highest[-1]])
    pairs = f"the correlations of {len(correlations):,} pairs compared pixel by pixel"
    if high >= FALLBACK:
        return FALLBACK, f"{FALLBACK}, the default: it lies in the emptiest stretch of {pairs}"
    threshold = round((low + high) / 2, 3)
    return threshold, f"{threshold:.3f}, in the emptiest stretch ({low:.2f} to {high:.2f}) of {pairs}"
