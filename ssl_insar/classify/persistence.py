"""Detections that return in an interferogram which shares no acquisition with the first.

The atmosphere belongs to an acquisition: every interferogram made with it shows the same false signal.
What two interferograms of a place show that have no acquisition in common is of the ground.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ssl_insar.archive.days import days_of
from ssl_insar.archive.groups import assign_groups

WITHIN = 36.0
"""Days that may lie between two interferograms of one detection: three cycles of 12 days."""


def confirmations(catalogue: pd.DataFrame, detected: ArrayLike, within: float = WITHIN) -> NDArray[np.int64]:
    """In how many other interferograms each detection is seen again.

    Another detection counts if it is of the same place (the volcano; where that is not known, the same
    tile of the frame), shares no acquisition, and its span overlaps or is ``within`` days. Dates of two
    tracks that are both known are different acquisitions even on one day.

    Args:
        catalogue: n rows, with dates; a tile without both confirms nothing and is not confirmed.
        detected: (n,) bool.
        within: largest gap between the spans, days.

    Returns:
        (n,) number of interferograms; 0 where not detected. A detection persists with 1 or more.
    """
    days = np.stack([days_of(catalogue[name]) for name in ("reference_date", "secondary_date")], axis=1)
    first, last = days.min(axis=1), days.max(axis=1)
    rows = np.flatnonzero(np.asarray(detected, bool) & (first >= 0) & (last > first))
    places = _places(catalogue)[rows]
    track = (
        pd.factorize(catalogue["track"].astype(object))[0] if "track" in catalogue else np.full(len(days), -1)
    )
    counts = np.zeros(len(catalogue), np.int64)
    for place in np.unique(places):
        here = rows[places == place]
        gap = np.maximum(first[here][:, None], first[here]) - np.minimum(last[here][:, None], last[here])
        same_day = (days[here][:, None, :, None] == days[here][None, :, None, :]).any(axis=(2, 3))
        known = (track[here][:, None] >= 0) & (track[here] >= 0)
        other_track = known & (track[here][:, None] != track[here])
        seen = (gap <= within) & (~same_day | other_track)
        # Tiles of one interferogram are one confirmation.
        _, image = np.unique(
            np.column_stack([first[here], last[here], track[here]]), axis=0, return_inverse=True
        )
        by_image = np.zeros((len(here), int(image.max()) + 1), bool)
        np.logical_or.at(by_image.T, image, seen.T)
        counts[here] = by_image.sum(axis=1)
    return counts


def _places(catalogue: pd.DataFrame) -> NDArray[np.str_]:
    """Name of the place of each tile."""
    groups = assign_groups(catalogue)
    places = pd.Series(groups.names)
    for name in ("row", "col"):
        if name in catalogue:
            corner = " " + catalogue[name].reset_index(drop=True).astype(str)
            places = places.str.cat(corner.where(groups.kinds != "volcano", ""))
    return places.to_numpy(dtype=str)
