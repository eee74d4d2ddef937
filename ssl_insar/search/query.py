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
from ssl_insar.search.exclude import Facts
from ssl_insar.search.index import Index, Neighbour

if TYPE_CHECKING:
    from ssl_insar.models.encoder import Encoder

MIN_VALID = 0.05
"""Least share of valid pixels in a tile of a query file, as at ingest."""

_BATCH = 64
"""Tiles embedded at a time."""

_COLUMNS = (
    *("volcano", "region", "reference_date", "secondary_date", "track", "frame"),
    *("file", "source", "row", "col", "valid_fraction", "coherence"),
)


@dataclass(frozen=True)
class Query:
    """A query, embedded.

    Attributes:
        name: what the user gave.
        vectors: (q, D) one embedding a tile.
        tiles: q facts for the exclusions.
        position: row in the index's catalogue, for a tile of the index; None for a file.
        frame: the interferogram, for a file; None for a tile of the index.
        others: scenes that are no answers either, as those of examples.
    """

    name: str
    vectors: NDArray[np.float32]
    tiles: list[Facts]
    position: int | None = None
    frame: Frame | None = None
    others: list[Facts] = field(default_factory=list)


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
    tile = index.tile
    if tile is None:
        raise UserError(
            f"{index.path}: does not say how large its tiles are, because the archive "
            f"{index.provenance.archive} was gone when it was made; restore it and index again"
        )
    pieces = [piece for piece in cut(frame, tile, max(tile // 2, 1)) if piece.valid.mean() >= MIN_VALID]
    if not pieces:
        raise UserError(f"{path}: no tile of {tile} x {tile} px holds {MIN_VALID:.0%} or more valid pixels")
    eye = _encoder_of(index, encoder)
    batches = (pieces[i : i + _BATCH] for i in range(0, len(pieces), _BATCH))
    vectors = np.concatenate([eye.embed_phasors(np.stack([p.phasor for p in batch])) for batch in batches])
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
        allowed: (N,) True where a row may be an answer, as `Filter.mask` gives it; None: all.
    """
    excluded = index.exclusions.mask(
        [*query.tiles, *query.others], keep_same_pair=keep_same_pair, keep_overlapping=keep_overlapping
    )
    if allowed is not None:
        excluded |= ~allowed
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
        its label columns, and ``query_row``, ``query_col``: where in the query the like tile lies, px.
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
    return table


def _encoder_of(index: Index, given: str | Path | Encoder | None) -> Encoder:
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
