"""Tiles so alike that an encoder hardly tells them apart: copies, or the same scene processed twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ssl_insar.search.index import Index

COSINE = 0.999
_NEIGHBOURS = 20
_QUERIES = 4096
_COLUMNS = ("id", "file", "volcano", "frame", "track", "reference_date", "secondary_date", "row", "col")


def duplicate_groups(index: Index, cosine: float = COSINE) -> pd.DataFrame:
    """Groups of tiles that are linked by a cosine of so much or more, the largest first.

    A tile is linked to its 20 nearest at most; larger groups hang together through these. What is alike to an
    encoder need not be a copy: ``ssl-insar audit`` compares pixels.

    Args:
        index: the index.
        cosine: least similarity of two tiles that are linked.

    Returns:
        one row a tile that has a duplicate: ``group`` from 1, ``size`` of it, ``cosine`` with the tile of the
        group that it is most like, and the catalogue's columns that tell a tile; none: an empty table.

    Raises:
        ValueError: the cosine is not in (-1, 1].
    """
    if not -1 < cosine <= 1:
        raise ValueError(f"cosine {cosine} is not in (-1, 1]")
    count = len(index)
    first: list[int] = []
    second: list[int] = []
    closest = np.full(count, -1.0)
    for start in range(0, count, _QUERIES):
        rows = np.arange(start, min(start + _QUERIES, count))
        for row, found in zip(rows, index.search(index.vectors(rows), _NEIGHBOURS + 1), strict=True):
            # float32 sums of equal float16 vectors may fall short of 1 by a little.
            linked = [one for one in found if one.position != row and one.cosine >= cosine - 1e-6]
            first += [int(row)] * len(linked)
            second += [one.position for one in linked]
            if linked:
                closest[row] = max(closest[row], linked[0].cosine)
                closest[[one.position for one in linked]] = np.maximum(
                    closest[[one.position for one in linked]], [one.cosine for one in linked]
                )
    pair = np.array(first, np.int64), np.array(second, np.int64)
    links = coo_matrix((np.ones(len(first), bool), pair), shape=(count, count))
    _, member = connected_components(links, directed=False)
    size = np.bincount(member)[member]
    rows = np.flatnonzero(size > 1)
    rows = rows[np.lexsort((rows, member[rows], -size[rows]))]
    table = index.catalogue
    told = pd.DataFrame(table[[name for name in _COLUMNS if name in table]].iloc[rows]).reset_index(drop=True)
    told.insert(0, "group", pd.factorize(member[rows])[0] + 1)
    told.insert(1, "size", size[rows])
    told.insert(2, "cosine", closest[rows])
    return told
