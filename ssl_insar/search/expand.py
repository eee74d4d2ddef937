"""The same deformation as other interferograms would show it: mirrored, and with the two dates swapped.

An encoder ignores such changes as far as it has learnt to; asking for all of them at once does not rely on it
(query expansion; a tile's score is its best cosine with any of the views of the query).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.search.embedding import embedded, encoder_of, mean_vector, tile_of
from ssl_insar.search.index import Index
from ssl_insar.search.pictures import Pictures
from ssl_insar.search.query import Query

if TYPE_CHECKING:
    from ssl_insar.models.encoder import Encoder

Tile = NDArray[np.complexfloating[Any, Any]]


def _swapped(flip: Callable[[Tile], Tile]) -> Callable[[Tile], Tile]:
    """With swapped dates the phase changes its sign."""
    return lambda z: np.conj(flip(z))


_FLIPS: dict[str, Callable[[Tile], Tile]] = {
    "mirrored east-west": lambda z: z[:, ::-1],
    "mirrored north-south": lambda z: z[::-1],
    "turned by half": lambda z: z[::-1, ::-1],
}
VIEWS: dict[str, Callable[[Tile], Tile]] = {
    **_FLIPS,
    "dates swapped": np.conj,
    **{f"{name}, dates swapped": _swapped(flip) for name, flip in _FLIPS.items()},
}
"""What a query is asked as, besides as it is: phasor -> phasor."""


def expand(
    index: Index,
    query: Query,
    encoder: str | Path | Encoder | None = None,
    pictures: Pictures | None = None,
) -> Query:
    """A query that also asks for its own `VIEWS`.

    Args:
        index: where to search.
        query: from `ssl_insar.search.query.resolve`; not yet moved by examples.
        encoder: as there.
        pictures: of the index, where a tile's pixels are taken from; None: from where they were.

    Raises:
        UserError: the pixels or the encoder are out of reach.
    """
    eye, side = encoder_of(index, encoder), tile_of(index)
    if query.scenes is not None:
        views = [mean_vector(eye, map(change, query.scenes)) for change in VIEWS.values()]
        return _with_views(query, views)
    if query.frame is None:
        phasors = (pictures or Pictures(index)).phasors([query.tiles[0].id or query.name])
    else:
        patches = [query.frame.window(tile.row, tile.col, side, side) for tile in query.tiles]
        phasors = np.stack([ph.phasor(patch.phase, patch.valid) for patch in patches])
    views = [embedded(eye, map(change, phasors)) for change in VIEWS.values()]
    return _with_views(query, views)


def _with_views(query: Query, views: list[NDArray[np.float32]]) -> Query:
    return dataclasses.replace(
        query,
        vectors=np.concatenate([query.vectors, *views]),
        tiles=query.tiles * (1 + len(VIEWS)),
        views=[name for name in ("", *VIEWS) for _ in query.tiles],
    )
