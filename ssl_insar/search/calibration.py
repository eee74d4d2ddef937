"""What a cosine is worth in an index: how many random pairs of its tiles are as alike.

Cosines of one encoder crowd near 1, of another near 0; the share of random pairs means the same for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssl_insar.archive.groups import groups_of
from ssl_insar.search.index import Index

PAIRS = 20_000
"""Random pairs drawn: shares down to about 1 in 10,000 are told apart."""


class RandomPairs:
    """Cosines of random pairs of tiles of different places; the same for every call.

    Args:
        index: of two tiles or more.
        pairs: how many are drawn; those of one place are left out unless all are.
    """

    def __init__(self, index: Index, pairs: int = PAIRS) -> None:
        rng = np.random.default_rng(0)
        count = len(index)
        first = rng.integers(count, size=pairs)
        second = (first + rng.integers(1, max(count, 2), size=pairs)) % count
        # Of those drawn alone: the names of millions take seconds.
        drawn = np.unique(np.concatenate([first, second]))
        places = groups_of(index.catalogue.iloc[drawn].reset_index(drop=True))
        apart = places[np.searchsorted(drawn, first)] != places[np.searchsorted(drawn, second)]
        if apart.any():
            first, second = first[apart], second[apart]
        cosines = np.einsum("nd,nd->n", index.vectors(first), index.vectors(second))
        self.cosines: NDArray[np.float32] = np.sort(cosines)

    def share(self, cosines: ArrayLike) -> NDArray[Any]:
        """Share of random pairs that are at least as alike, never 0: (1 + those that are) / (1 + all).

        The one added is the pair itself (Davison and Hinkley 1997, "Bootstrap Methods and their Application",
        section 4.2.3). For a query of several tiles or views, whose best cosine counts, a chance match is
        likelier by up to their number.

        Shape:
            any -> the same
        """
        above = len(self.cosines) - np.searchsorted(self.cosines, np.asarray(cosines), side="left")
        return (1 + above) / (1 + len(self.cosines))
