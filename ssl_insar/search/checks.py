"""What an index takes and what it is asked with: checked before FAISS, which takes anything in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings
from ssl_insar.search import exact
from ssl_insar.search.archives import cutting_of
from ssl_insar.search.manifest import Manifest


def check_vectors(embeddings: Embeddings) -> None:
    """Refuse what FAISS would take without a word and never find again.

    Raises:
        UserError: none at all, ids that are not unique, or NaN, infinite or zero vectors.
    """
    if len(embeddings) == 0:
        raise UserError("the embeddings hold no tile; there is nothing to index")
    ids = embeddings.catalogue["id"]
    repeated = ids[ids.duplicated()].unique()
    if len(repeated):
        raise UserError(
            f"tile ids occur more than once: {some(repeated)}; embed an archive made by ssl-insar ingest"
        )
    bad: list[int] = []
    for start in range(0, len(embeddings), exact.ROWS):
        with np.errstate(over="ignore"):
            rows = np.asarray(embeddings.matrix[start : start + exact.ROWS], np.float16)
        broken = ~np.isfinite(rows).all(axis=1) | ~rows.any(axis=1)
        bad.extend(start + np.flatnonzero(broken))
    if bad:
        named = some(ids.iloc[bad])
        raise UserError(
            f"{len(bad)} of {len(ids)} embeddings are NaN, infinite or zero: {named}; "
            "the encoder is untrained, or its training diverged: pretrain and embed again"
        )


def check_alike(folder: Path, manifest: Manifest, embeddings: Embeddings) -> None:
    """Refuse embeddings that cannot be compared with those of an index.

    Raises:
        UserError: another encoder, dimension or size of tiles.
    """
    ours, theirs = manifest.provenance, embeddings.provenance
    if theirs.encoder_hash != ours.encoder_hash:
        raise UserError(
            f"{folder}: made by another encoder (hash {ours.encoder_hash}, these embeddings by "
            f"{theirs.encoder_hash}): embed with that one, or index everything again"
        )
    dimension = embeddings.matrix.shape[1]
    if dimension != manifest.dimension:
        raise UserError(f"{folder}: holds vectors of dimension {manifest.dimension}, not {dimension}")
    cutting = cutting_of(theirs.archive)
    for name, unit in (("tile", "px"), ("spacing", "m")):
        mine, given = getattr(manifest, name), cutting[name]
        if manifest.tile is not None and cutting["tile"] is not None and mine != given:
            raise UserError(
                f"{folder}: holds tiles of {name} {mine} {unit}, these have {given}: "
                "ingest again with the same --tile and --spacing"
            )


def checked_queries(vectors: NDArray[np.floating[Any]], dimension: int, folder: Path) -> NDArray[np.float32]:
    """Queries as unit vectors.

    Shape:
        (q, D) or (D,) -> (q, D)

    Raises:
        UserError: another dimension, or NaN, infinite or only zero elements.
    """
    queries = np.atleast_2d(np.asarray(vectors, np.float32))
    if queries.ndim != 2 or queries.shape[1] != dimension:
        raise UserError(
            f"{folder}: vectors of dimension {queries.shape[-1]} searched in an index of dimension "
            f"{dimension}; use the encoder that made the index"
        )
    largest = np.abs(queries).max(axis=1, keepdims=True)
    if not (np.isfinite(largest).all() and largest.all()):
        raise UserError("a query vector is NaN, infinite or zero; the encoder or its input is broken")
    queries = queries / largest  # no square is too large or too small
    unit: NDArray[np.float32] = queries / np.sqrt(np.einsum("qd,qd->q", queries, queries))[:, None]
    return unit


def some(names: Any) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(str(name) for name in list(names)[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
