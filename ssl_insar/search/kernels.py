"""Cosines of candidates straight from the float16 vectors, compiled: no float32 copy of them is made.

The first call imports numba and compiles, so `ssl_insar.search.exact` calls it for work that repays that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.compiled import compiled


@compiled(fastmath={"reassoc", "contract"})  # sums in any order, the same for every row: equal vectors tie
def best_of(
    bits: NDArray[np.uint16],
    queries: NDArray[np.float32],
    rows: NDArray[np.int64],
    best: NDArray[np.int64],
    cosines: NDArray[np.float32],
) -> Any:
    """The best of each query's candidates by their cosines; of equal ones the first row.

    A float16's exponent and fraction, moved to where a float32 has them, make a float32 that is too
    small by 2^112, also where it is subnormal.

    Args:
        bits: (N, D) the vectors, float16, as integers.
        queries: (q, D) unit vectors.
        rows: (q, n) candidates; -1 where there is none.
        best: (q, k) to be filled, from -1.
        cosines: (q, k) to be filled, from -inf.

    Returns:
        nothing that means anything: a sum that keeps the first loop from being left out.
    """
    count, dimension = queries.shape
    keep = best.shape[1]
    moved = np.empty(dimension, np.int32)
    small = moved.view(np.float32)
    scale = np.float32(2.0**112)
    touched = np.int64(0)
    for i in range(count):
        query, held_rows, held = queries[i], best[i], cosines[i]
        # Candidates lie anywhere: asking for all their memory at once, a number from each 64 bytes, hides
        # the wait for it, which takes ten times as long as the sums.
        for row in rows[i]:
            if row >= 0:
                vector = bits[row]
                for x in range(0, dimension, 32):
                    touched += np.int64(vector[x])
        full = 0
        for row in rows[i]:
            if row < 0:
                continue
            vector = bits[row]
            for x in range(dimension):
                half = np.int32(vector[x])
                moved[x] = ((half & 0x7FFF) << 13) | ((half & 0x8000) << 16)
            dot, square = np.float32(0), np.float32(0)
            for x in range(dimension):
                value = small[x] * scale
                dot += value * query[x]
                square += value * value
            cosine = min(max(dot / np.sqrt(square), np.float32(-1)), np.float32(1))
            if full < keep:
                place = full
                full += 1
            elif held[keep - 1] < cosine or (held[keep - 1] == cosine and held_rows[keep - 1] > row):
                place = keep - 1
            else:
                continue
            while place > 0 and (
                held[place - 1] < cosine or (held[place - 1] == cosine and held_rows[place - 1] > row)
            ):
                held[place], held_rows[place] = held[place - 1], held_rows[place - 1]
                place -= 1
            held[place], held_rows[place] = cosine, row
    return touched
