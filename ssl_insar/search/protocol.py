"""What a vector engine must be able to do to stand behind the search commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.models.embeddings import Embeddings


@runtime_checkable
class VectorStore(Protocol):
    """Vectors and what is known of them, by keys that are never given twice.

    Every change is whole or not made at all, and is seen by every search that starts after it. The
    embedded engine is `ssl_insar.search.Store` (FAISS); a cluster's need not keep files.
    """

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def __len__(self) -> int:
        """Number of vectors."""

    def search(
        self, vectors: NDArray[np.floating[Any]], k: int, allowed: NDArray[Any] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Keys and cosines of the ``k`` nearest of each query among those allowed, best first."""

    def vectors(self, keys: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Unit vectors by key."""

    def catalogue(self) -> pd.DataFrame:
        """What is known of each vector, and its ``key``."""

    def add(self, embeddings: Embeddings, *, replace: bool = False) -> int:
        """Add tiles; with ``replace``, those whose id is there take the place of the old."""

    def remove(self, ids: Sequence[str]) -> int:
        """Remove tiles by id."""
