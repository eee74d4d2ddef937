"""A map of an archive: embeddings laid out in the plane by UMAP, alike beside alike."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.models.embeddings import unit_rows
from ssl_insar.threads import torch_threads

MOST = 20_000
"""Tiles laid out; a larger archive is sampled, because UMAP needs minutes for more."""


def layout(
    matrix: NDArray[np.floating[Any]], seed: int = 0, neighbours: int = 15
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Lay embeddings out in the plane (McInnes et al. 2018), reproducibly.

    Args:
        matrix: (N, D) embeddings.
        seed: of layout and sample.
        neighbours: how local the map is.

    Returns:
        which rows were laid out (n,), and where (n, 2).
    """
    with warnings.catch_warnings(), torch_threads():
        # A seeded layout runs on one thread, and UMAP says so at every call.
        warnings.simplefilter("ignore")
        from umap import UMAP

        rows = np.arange(len(matrix))
        if len(rows) > MOST:
            rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
        reducer = UMAP(
            n_neighbors=min(neighbours, max(2, len(rows) - 1)),
            metric="cosine",
            min_dist=0.1,
            random_state=seed,
            # The spectral start needs more points than a tiny archive has.
            init="spectral" if len(rows) > 50 else "random",
        )
        return rows, np.asarray(reducer.fit_transform(unit_rows(matrix[rows])), np.float32)
