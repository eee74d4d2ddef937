"""What is searched for, a tile of the index or any readable file, and what is found."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import LABEL_PREFIX, footprint
from ssl_insar.archive.sources import fingerprint
from ssl_insar.archive.spacing import at_spacing
from ssl_insar.archive.tiling import cut
from ssl_insar.errors import UserError
from ssl_insar.phase import BoolArray
from ssl_insar.readers import Frame, ReadOptions, read
from ssl_insar.search.embedding import embedded, encoder_of, tile_of
from ssl_insar.search.exclude import Facts
from ssl_insar.search.index import Index, Neighbour

if TYPE_CHECKING:
    from ssl_insar.models.encoder import Encoder

MIN_VALID = 0.05
"""Least share of valid pixels in a tile of a query file, as at ingest."""

_COLUMNS = (
    *("volcano", "region", "reference_date", "secondary_date", "track", "frame"),
    *("file", "source", "row", "col", "valid_fraction", "coherence"),
)


@dataclass(frozen=True)
class Query:
    """A query, embedded.

    Attributes:
        name: what the user gave.
        vectors: (q, D) one embedding a tile, and a view of it where there are several.
        tiles: q facts for the exclusions.
        position: row in the index's catalogue, for a tile of the index; None for a file.
        frame: the interferogram, for a file; None for a tile of the index.
        others: scenes that are no answers either, as those of examples.
        views: q names of what was done to the tiles, see `ssl_insar.search.expand`; "" for nothing.
        scenes: (n, T, T) phasors whose mean embedding the only vector is; None: it is of one tile.
    """

    name: str
    vectors: NDArray[np.float32]
    tiles: list[Facts]
    position: int | None = None
    frame: Frame | None = None
    others: list[Facts] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    scenes: NDArray[np.complex64] | None = None


@dataclass(frozen=True)
class Match(Neighbour):
    """A neighbour, and which tile of the query it is a neighbour of.

    Attributes:
        tile: number of the query's tile.
    """

    tile: int


def resolve(
    index: Index,
    query: str,
    encoder: str | Path | Encoder | None = None,
    *,
    member: str | None = None,
    options: ReadOptions | None = None,
) -> Query:
    """Make a query of a tile id or of a file.

    A file is cut into tiles that overlap by half, so that no pattern is lost on a cut.

    Args:
        index: where to search.
        query: a tile id of the index; else a file that `ssl_insar.readers.read` can read.
        encoder: what embeds a file; None: the encoder that made the index, from where it was then.
        member: which interferogram of a file that holds several.
        options: what a file cannot say about itself.

    Raises:
        UserError: neither an id nor a file, a file that cannot be read, is smaller than a tile or
            holds no data, an encoder that is missing or not the one that made the index.
    """
    position = index.position(query)
    if position is not None:
        row = index.catalogue.iloc[position]
        return Query(query, index.vectors([position]), [Facts.of_row(row)], position)
    path = Path(query)
    if not _exists(path):
        closest = _closest(query, index)
        hint = f"; the closest ids are: {', '.join(closest)}" if closest else ""
        raise UserError(f"{query}: neither a tile id of {index.path} nor a file that exists{hint}")
    frame = read(path, options, member)
    if index.spacing is not None:
        frame = at_spacing(frame, index.spacing)
    tile = tile_of(index)
    pieces = [piece for piece in cut(frame, tile, max(tile // 2, 1)) if piece.valid.mean() >= MIN_VALID]
    if not pieces:
        raise UserError(f"{path}: no tile of {tile} x {tile} px holds {MIN_VALID:.0%} or more valid pixels")
    vectors = embedded(encoder_of(index, encoder), (piece.phasor for piece in pieces))
    content, source = fingerprint(path), str(path.resolve())
    tiles = [
        Facts(
            source=source,
            fingerprint=content,
            row=piece.row,
            col=piece.col,
            reference_date=frame.reference_date,
            secondary_date=frame.secondary_date,
            track=frame.track,
            frame=frame.frame,
            volcano=frame.volcano,
            footprint=footprint(frame, piece.row, piece.col, tile),
        )
        for piece in pieces
    ]
    return Query(query, vectors, tiles, frame=frame)


def find(
    index: Index,
    query: Query,
    k: int = 10,
    *,
    keep_same_pair: bool = False,
    keep_overlapping: bool = False,
    unlike_place: bool = False,
    allowed: BoolArray | None = None,
) -> list[Match]:
    """The ``k`` tiles most like a query, best first; `ssl_insar.search.exclude` says which are left out.

    A tile's score for a query of several tiles is its best cosine with any of them.

    Args:
        index: where to search.
        query: from `resolve`.
        k: how many.
        keep_same_pair: let tiles of the query's interferogram be answers.
        keep_overlapping: let tiles on the query's ground be answers.
        unlike_place: let no tile of the query's frame or volcano be an answer.
        allowed: (N,) True where a row may be an answer, as `Filter.mask` gives it; None: all.
    """
    scenes = [*query.tiles, *query.others]
    excluded = index.exclusions.mask(scenes, keep_same_pair=keep_same_pair, keep_overlapping=keep_overlapping)
    if unlike_place:
        excluded |= index.exclusions.same_place(scenes)
    if allowed is not None:
        excluded |= ~allowed
    return _best(index, query, k, excluded)


def history(
    index: Index, query: Query, k: int | None = None, allowed: BoolArray | None = None
) -> list[Match]:
    """The query's own ground through time: tiles that overlap with it, by their dates, the query among them.

    Args:
        index: where to search.
        query: from `resolve`.
        k: how many, the first in time; None: all.
        allowed: as in `find`.

    Raises:
        UserError: no tile overlaps with it, or nothing tells where it is.
    """
    there = index.exclusions.same_ground(query.tiles)
    if allowed is not None:
        there &= allowed
    if not there.any():
        raise UserError(
            f"{query.name}: no tile of {index.path} is known to lie on its ground; give a query with a "
            "georeference, or of a frame and volcano that the index holds"
        )
    found = _best(index, query, int(there.sum()), ~there)
    dates = index.catalogue.reindex(columns=["secondary_date", "reference_date"]).apply(pd.to_datetime)
    order = dates.iloc[[match.position for match in found]].reset_index(drop=True)
    ranked = order.sort_values(list(order), kind="stable", na_position="last").index
    return [found[row] for row in ranked][:k]


def _best(index: Index, query: Query, k: int, excluded: BoolArray) -> list[Match]:
    """Tiles by their best cosine with any of the query's."""
    best: dict[int, Match] = {}
    for number, neighbours in enumerate(index.search(query.vectors, k, exclude=excluded)):
        for found in neighbours:
            held = best.get(found.position)
            if held is None or found.cosine > held.cosine:
                best[found.position] = Match(found.id, found.position, found.cosine, number)
    return sorted(best.values(), key=lambda match: (-match.cosine, match.position))[:k]


def as_table(index: Index, query: Query, matches: Sequence[Match]) -> pd.DataFrame:
    """Matches with what the catalogue knows about them.

    Returns:
        one row a match: ``rank`` from 1, ``cosine``, ``id``, the catalogue's columns of interest,
        its label columns, and ``query_row``, ``query_col``: where in the query the like tile lies, px;
        ``query_view`` where the query was asked for in several views.
    """
    rows = index.catalogue.iloc[[match.position for match in matches]]
    labels = [name for name in rows.columns if name.startswith(LABEL_PREFIX)]
    table = pd.DataFrame(rows[["id", *(name for name in _COLUMNS if name in rows), *labels]]).reset_index(
        drop=True
    )
    table.insert(0, "rank", np.arange(1, len(matches) + 1))
    table.insert(1, "cosine", [match.cosine for match in matches])
    table["query_row"] = [query.tiles[match.tile].row for match in matches]
    table["query_col"] = [query.tiles[match.tile].col for match in matches]
    if query.views:
        table["query_view"] = [query.views[match.tile] or "as it is" for match in matches]
    return table


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a path, or a zero byte in it
        return False


def _closest(query: str, index: Index, count: int = 3) -> list[str]:
    """Ids that look like a query: the most trigrams in common first, difflib among those."""

    def trigrams(text: str) -> set[str]:
        return {text[i : i + 3] for i in range(len(text) - 2)}

    wanted = trigrams(query)
    pool = heapq.nlargest(100, index.catalogue["id"], key=lambda name: len(wanted & trigrams(name)))
    return difflib.get_close_matches(query, pool, count, cutoff=0.5)
