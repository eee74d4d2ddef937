"""What is unlike anything elsewhere, and what is unlike its own past.

**Novelty** of a tile is its distance, 1 - cosine, to its k-th nearest tile of another place: the distance to
the k-th neighbour is a plain and strong detector of outliers (Ramaswamy, Rastogi and Shim 2000, "Efficient
algorithms for mining outliers from large data sets", SIGMOD).

**Anomaly in time** compares a tile with earlier ones of the same ground: its distance to the k-th nearest of
them, in robust deviations (1.4826 median absolute deviations) from the median that the same distance had
before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.groups import groups_of
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search.index import Index

K = 5
FEWEST = 8
"""Earlier tiles of the same ground, each with a distance of its own, from which an anomaly is told."""

_MORE = 30
"""Neighbours asked for beyond k before those of the own place are left out one place at a time."""

_QUERIES = 4096
_LEAST_SPREAD = 1e-4
"""Spread of distances below which they count as equal: that of float16 embeddings."""

_COLUMNS = ("id", "volcano", "frame", "track", "reference_date", "secondary_date", "row", "col")


def novelty_table(index: Index, k: int = K) -> pd.DataFrame:
    """Novelty and anomaly in time of every tile, the most novel first.

    Args:
        index: the index.
        k: which neighbour's distance counts.

    Returns:
        the catalogue's columns that tell a tile's place and time, ``novelty`` (in [0, 2]), ``like`` (id of
        the nearest tile of another place), ``earlier`` (number of earlier tiles of the same ground),
        ``own_past`` (distance to the k-th nearest of these) and ``anomaly``; NaN where there are too few.
    """
    table = index.catalogue
    places = groups_of(table)
    distance, nearest = elsewhere(index, places, k)
    earlier, own, anomaly = in_time(index, places, k)
    told = pd.DataFrame(table[[name for name in _COLUMNS if name in table]]).reset_index(drop=True)
    ids = table["id"].to_numpy(object)
    told["novelty"] = distance
    told["like"] = [ids[row] if row >= 0 else None for row in nearest]
    told["earlier"], told["own_past"], told["anomaly"] = earlier, own, anomaly
    return told.sort_values("novelty", ascending=False, kind="stable", ignore_index=True)


def elsewhere(index: Index, places: NDArray[Any], k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance to the k-th nearest tile of another place, and the row of the nearest.

    Where fewer than k are elsewhere, the farthest of them counts; with none, NaN and -1.

    Shape:
        (N,) -> (N,), (N,)
    """
    count = len(index)
    distance, nearest = np.full(count, np.nan), np.full(count, -1, np.int64)
    left = []
    for start in range(0, count, _QUERIES):
        rows = np.arange(start, min(start + _QUERIES, count))
        for row, found in zip(rows, index.search(index.vectors(rows), k + _MORE), strict=True):
            others = [one for one in found if places[one.position] != places[row]][:k]
            if len(others) == k:
                distance[row], nearest[row] = 1 - others[-1].cosine, others[0].position
            else:
                left.append(row)
    # Larger places than that: one search for each, in which it cannot answer.
    for place in np.unique(places[left]):
        rows = np.array([row for row in left if places[row] == place])
        for row, found in zip(
            rows, index.search(index.vectors(rows), k, exclude=places == place), strict=True
        ):
            if found:
                distance[row], nearest[row] = 1 - found[-1].cosine, found[0].position
    return distance, nearest


def in_time(
    index: Index, places: NDArray[Any], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Number of earlier tiles of the same ground, distance to the k-th nearest of them, and the anomaly.

    The same ground: place, frame, track and corner agree. Earlier: ended on an earlier day.

    Shape:
        (N,) -> three (N,)
    """
    table = index.catalogue
    count = len(table)
    earlier, own, anomaly = np.zeros(count, np.int64), np.full(count, np.nan), np.full(count, np.nan)
    ends = pd.to_datetime(table["secondary_date"]).to_numpy("datetime64[D]")
    known = ~np.isnat(ends)
    keys = table.reindex(columns=["frame", "track", "row", "col"]).astype(object).assign(place=places)
    for rows in keys[known].groupby(list(keys), dropna=False).indices.values():
        here = np.flatnonzero(known)[rows]
        here = here[np.argsort(ends[here], kind="stable")]
        before = np.searchsorted(ends[here], ends[here], side="left")
        vectors = unit_rows(index.vectors(here))
        for i, number in enumerate(before):
            earlier[here[i]] = number
            if number < k:
                continue
            apart = 1 - vectors[:number] @ vectors[i]
            own[here[i]] = np.partition(apart, k - 1)[k - 1]
            past = own[here[:number]]
            past = past[np.isfinite(past)]
            if len(past) >= FEWEST:
                middle = np.median(past)
                spread = max(1.4826 * float(np.median(np.abs(past - middle))), _LEAST_SPREAD)
                anomaly[here[i]] = (own[here[i]] - middle) / spread
    return earlier, own, anomaly
