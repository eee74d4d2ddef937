"""The encoder that made an index, and vectors of queries made with it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search.index import Index

if TYPE_CHECKING:
    from ssl_insar.models.encoder import Encoder

_BATCH = 64
"""Tiles embedded at a time."""


def encoder_of(index: Index, given: str | Path | Encoder | None) -> Encoder:
    """The encoder that made an index.

    Args:
        index: the index.
        given: the encoder or its folder; None: where it was when the index was made.

    Raises:
        UserError: it is not there, or another one.
    """
    from ssl_insar.models.encoder import Encoder

    made_by = index.provenance
    if given is None and not made_by.encoder:
        raise UserError(f"{index.path}: does not say where its encoder is; pass --encoder RUN")
    if isinstance(given, Encoder):
        encoder, named = given, "the given one"
    elif given is not None:
        encoder, named = Encoder.load(given), str(given)
    else:
        try:
            encoder, named = Encoder.load(made_by.encoder), made_by.encoder
        except UserError as error:
            raise UserError(f"a file needs the index's encoder; {error}; or pass --encoder RUN") from error
    if encoder.hash != made_by.encoder_hash:
        raise UserError(
            f"{index.path}: index was made by another encoder (hash {made_by.encoder_hash}, {named} is "
            f"{encoder.hash}): embed and index again, or pass --encoder with the one that made it"
        )
    return encoder.eval()


def tile_of(index: Index) -> int:
    """Side of the index's tiles, px.

    Raises:
        UserError: it does not say.
    """
    if index.tile is None:
        raise UserError(
            f"{index.path}: does not say how large its tiles are, because the archive "
            f"{index.provenance.archive} was gone when it was made; restore it and index again"
        )
    return index.tile


def embedded(
    encoder: Encoder, phasors: Iterable[NDArray[np.complexfloating[Any, Any]]]
) -> NDArray[np.float32]:
    """Vectors of tiles, which are asked for a batch at a time.

    Shape:
        n times (T, T) complex, 0 = no data -> (n, D)

    Raises:
        ValueError: no tile.
    """
    left = iter(phasors)
    vectors = []
    while batch := list(islice(left, _BATCH)):
        vectors.append(encoder.embed_phasors(np.stack(batch)))
    return np.concatenate(vectors)


def mean_vector(
    encoder: Encoder, phasors: Iterable[NDArray[np.complexfloating[Any, Any]]]
) -> NDArray[np.float32]:
    """The unit vector in the middle of those of some tiles.

    Shape:
        n times (T, T) complex, 0 = no data -> (1, D)
    """
    return unit_rows(unit_rows(embedded(encoder, phasors)).mean(axis=0, keepdims=True))
