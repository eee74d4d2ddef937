"""Which of some tiles are in the index, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ssl_insar.search.snapshot import Snapshot


@dataclass(frozen=True)
class Held:
    """Tiles that are in the index.

    Attributes:
        ids: tile ids.
        places: where in the list that was asked for.
        keys: their keys.
        rows: rows of each segment.
    """

    ids: list[str]
    places: NDArray[np.int64]
    keys: NDArray[np.int64]
    rows: list[NDArray[np.int64]]

    def without(self, now: Snapshot) -> list[NDArray[np.int64]]:
        """Rows of each segment that are left without these."""
        every = (
            np.arange(len(s)) if live is None else live
            for s, live in zip(now.segments, now.live, strict=True)
        )
        return [np.setdiff1d(e, r, assume_unique=True) for e, r in zip(every, self.rows, strict=True)]


def find_held(now: Snapshot, ids: Sequence[str]) -> Held:
    """Those of some tile ids that the index holds."""
    wanted = pa.array(list(ids), pa.string())
    rows, places, keys = [], [], []
    for held, live in zip(now.segments, now.live, strict=True):
        found, place = held.find(wanted)
        if live is not None:
            still = np.isin(found, live)
            found, place = found[still], place[still]
        rows.append(found)
        places.append(place)
        keys.append(held.keys[found])
    where = np.concatenate(places)
    return Held([ids[i] for i in where], where, np.concatenate(keys), rows)
