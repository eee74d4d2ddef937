"""Batches of labelled tiles that follow from seed and step alone, every class as often as is wanted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def labelled_batches(
    rows: NDArray[np.intp], chances: NDArray[np.float64], size: int, total: int, seed: int, start: int = 0
) -> Iterator[list[int]]:
    """Yield the batches of the steps ``start .. total``.

    Systematic sampling (Cochran 1977, "Sampling Techniques", chapter 8): a comb of ``size`` even teeth over
    the chances of tiles in an order that is new in each step, but keeps tiles of equal chance together. So a
    batch holds each class as often as its chance says, to one tile, and a rare tile as often as that takes.

    Args:
        rows: (n,) positions of tiles.
        chances: (n,) that one is drawn, of sum 1.
        size: of a batch.
        total: steps of the whole run.
        seed: of the run.
        start: first step.
    """
    for step in range(start, total):
        rng = np.random.default_rng((seed, step))
        shuffled = rng.permutation(len(rows))
        order = shuffled[np.argsort(chances[shuffled], kind="stable")]
        edges = np.cumsum(chances[order])
        teeth = (np.arange(size) + rng.random()) / size * edges[-1]
        drawn = order[np.searchsorted(edges, teeth, side="right").clip(max=len(rows) - 1)]
        yield rows[rng.permutation(drawn)].tolist()
