"""Which pairs of tiles are worth comparing pixel by pixel: nearest neighbours of short vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssl_insar.audit.descriptors import (
    WIDTH,
    as_field,
    coarser,
    gradients,
    noise_share,
    sketch_correlation,
    vectors,
)
from ssl_insar.audit.transforms import INVERSE, TRANSFORMS
from ssl_insar.progress import bar

EXACT_UP_TO = 30_000
"""Tiles up to which every pair is compared; beyond, an inverted-file index is asked."""

NEAREST = 4
"""Neighbours asked for at first, for each tile and transform, itself included."""

MOST_NEAREST = 256
"""Neighbours asked for at most, of tiles that have found as many copies as they were asked for."""

LEAST_COSINE = 0.3

LEAST_CLEAR, LEAST_NOISE = 0.8, 0.45
"""Correlation of sketches asked for, of clear tiles and of noise: a shift of 2 px leaves noise 0.56."""

_COLUMNS = ("first", "second", "transform")
_ROWS = 4096
_PAIRS = 2048


@dataclass(frozen=True)
class Candidates:
    """Pairs: tile ``first[i]``, transformed by ``transform[i]``, may be tile ``second[i]``.

    Shape:
        three times (m,), ``first < second``, each triple once
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    transform: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, which: NDArray[np.bool_]) -> Candidates:
        """Some of them."""
        return Candidates(self.first[which], self.second[which], self.transform[which])


class Finder:
    """An index of the tiles that may be copies, asked for each tile in each of its sixteen guises."""

    def __init__(self, sketches: NDArray[np.int8], rows: NDArray[np.int64], tile: int) -> None:
        """Fill the index.

        Args:
            sketches: (N, 2, SIDE, SIDE) of all tiles.
            rows: (n,) the tiles to look among.
            tile: side of a tile, px.
        """
        from ssl_insar.search.backend import build

        self.sketches = sketches
        self._rows = rows
        self._tile = tile
        self.exact = len(rows) <= EXACT_UP_TO
        matrix = np.zeros((len(rows), WIDTH), np.float16)
        for start in range(0, len(rows), _ROWS):
            here = slice(start, start + _ROWS)
            matrix[here] = vectors(self._gradients(sketches[rows[here]]), TRANSFORMS[0])
        self._store = build(matrix, EXACT_UP_TO).store if len(rows) else None

    def pairs(
        self, asked: NDArray[np.int64], group: NDArray[np.int64], nearest: int, *, progress: bool = True
    ) -> Candidates:
        """Pairs among the tiles themselves whose sketches agree in some guise.

        Args:
            asked: (q,) rows of the tiles whose neighbours are wanted.
            group: (N,) group of each tile; pairs within one are not wanted.
            nearest: neighbours to look at, for each tile and transform.
            progress: draw a progress bar.
        """
        found = []
        asked_before = nearest // 2 if nearest > NEAREST else 0
        step = max(_ROWS * NEAREST // nearest, 1)  # bounds the neighbours held at a time
        with bar(len(asked), "compare", "tile", shown=progress) as progress_bar:
            for start in range(0, len(asked), step):
                rows = asked[start : start + step]
                first, second, transform = self.near(self.sketches[rows], nearest)
                same = group[rows[first]] == group[second]
                guise = first * len(TRANSFORMS) + transform
                # Only a guise whose neighbours so far were all of the tile's own group can hide others.
                crowded = np.bincount(guise, same)[guise] >= asked_before
                apart = ~same & crowded
                found.append(self._alike(_ordered(rows[first[apart]], second[apart], transform[apart])))
                progress_bar.update(len(rows))
        if not found:
            return Candidates(*(np.empty(0, np.int64) for _ in range(3)))
        columns = [np.concatenate([getattr(some, name) for some in found]) for name in _COLUMNS]
        return Candidates(*np.unique(np.stack(columns, axis=1), axis=0).T)

    def near(
        self, sketches: NDArray[np.int8], nearest: int = NEAREST
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Tiles of the index that given sketches may be copies of.

        Returns:
            (m,) which sketch, (m,) row of the archive, (m,) transform that takes the one to the other.
        """
        blocks = self._gradients(sketches)
        hits = []
        for number, transform in enumerate(TRANSFORMS):
            queries = vectors(blocks, transform)
            asked = np.flatnonzero(queries.any(axis=1))
            if self._store is None or not len(asked):
                continue
            cosines, places = self._store.search(queries[asked], min(nearest, len(self._rows)))
            at, rank = np.nonzero((places >= 0) & (cosines > LEAST_COSINE))
            hits.append((asked[at], self._rows[places[at, rank]], np.full(len(at), number)))
        if not hits:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
        first, second, transform_ = (np.concatenate(column) for column in zip(*hits, strict=True))
        return first, second, transform_

    @staticmethod
    def _gradients(sketches: NDArray[np.int8]) -> NDArray[np.complex64]:
        return gradients(as_field(sketches)).astype(np.complex64)

    def _alike(self, candidates: Candidates) -> Candidates:
        """Those whose whole sketches agree, too."""
        keep = np.zeros(len(candidates), bool)
        for number in np.unique(candidates.transform):
            here = np.flatnonzero(candidates.transform == number)
            for start in range(0, len(here), _PAIRS):
                some = here[start : start + _PAIRS]
                one, two = (self.sketches[rows[some]] for rows in (candidates.first, candidates.second))
                keep[some] = agree(one, two, int(number), self._tile)
        return candidates.take(keep)


def agree(first: NDArray[np.int8], second: NDArray[np.int8], transform: int, tile: int) -> NDArray[np.bool_]:
    """Whether sketches, the first ones transformed, agree well enough to look closer.

    Shape:
        (n, 2, SIDE, SIDE) twice -> (n,)
    """
    one, two = (coarser(as_field(some), tile) for some in (first, second))
    noise = np.minimum(noise_share(one, tile), noise_share(two, tile))
    least = LEAST_CLEAR + (LEAST_NOISE - LEAST_CLEAR) * noise
    alike: NDArray[np.bool_] = sketch_correlation(TRANSFORMS[transform](one), two) > least
    return alike


def _ordered(first: NDArray[np.int64], second: NDArray[np.int64], transform: NDArray[np.int64]) -> Candidates:
    """The same pairs with the lower tile first, each once."""
    back = first > second
    turned = np.where(back, np.array(INVERSE)[transform], transform)
    columns = np.where(back, second, first), np.where(back, first, second), turned
    return Candidates(*np.unique(np.stack(columns, axis=1), axis=0).T)
