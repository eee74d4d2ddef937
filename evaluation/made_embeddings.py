"""Made embeddings for benchmarks, clustered like real ones.

Embeddings by encoders of 512 features, of 2,405 real crops of 181 volcanoes and of 1,200 simulated ones, have
as unit vectors a mean cosine of .44 to .78, variances that fall as rank to the power of -1.4 to -2.0, and 36
to 63 % of their variance between places. So have these: a common direction that gives a mean cosine of .6;
variances as rank^-1.7; half of the variance is of places, which have 50 tiles each, the other half of tiles.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar.models.embeddings import unit_rows

MEAN_COSINE, SLOPE, BETWEEN, PLACE = 0.6, 1.7, 0.5, 50
_CHUNK = 100_000


class MadeEmbeddings:
    """A distribution of vectors.

    Args:
        count: tiles in the collection, which decides how many places there are.
        dimension: of the vectors.
        seed: another seed gives others.

    Attributes:
        places: how many there are.
    """

    def __init__(self, count: int, dimension: int, seed: int = 0) -> None:
        rng = np.random.default_rng([seed, 0])
        spread = np.arange(1, dimension + 1) ** -SLOPE
        spread *= (1 - MEAN_COSINE) / spread.sum()
        turned = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
        self._seed = seed
        self._axes = (np.sqrt(spread)[:, None] * turned).astype(np.float32)
        common = np.linalg.qr(rng.normal(size=(dimension, 1)))[0][:, 0]
        self._common = (np.sqrt(MEAN_COSINE) * common).astype(np.float32)
        self.places = max(count // PLACE, 1)

    def draw(self, part: int, place: NDArray[np.int64]) -> NDArray[np.float32]:
        """Unit vectors of tiles of some places; each part has others.

        Shape:
            (n,) numbers of places -> (n, D)
        """
        rng = np.random.default_rng([self._seed, 1, part])
        count = len(place)
        dimension = len(self._common)
        names, member = np.unique(place, return_inverse=True)
        # A place is drawn from its number, so that no table of all places stands in memory.
        centres = np.stack(
            [np.random.default_rng([self._seed, 2, n]).standard_normal(dimension, np.float32) for n in names]
        )
        own = rng.standard_normal((count, dimension), np.float32)
        drawn = np.sqrt(BETWEEN) * centres[member] + np.sqrt(1 - BETWEEN) * own
        return unit_rows(drawn.astype(np.float32) @ self._axes + self._common)


def collection(path: Path, count: int, dimension: int, seed: int = 0) -> NDArray[np.float16]:
    """The vectors of a collection, kept in a file and read from there.

    Shape:
        -> (count, D), memory-mapped
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".partial")
        made = MadeEmbeddings(count, dimension, seed)
        held = np.lib.format.open_memmap(scratch, "w+", np.float16, (count, dimension))
        for start in range(0, count, _CHUNK):
            here = min(_CHUNK, count - start)
            # One place after the other, as an archive has them.
            tiles = np.arange(start, start + here)
            held[start : start + here] = made.draw(start // _CHUNK, tiles * made.places // count)
        held.flush()
        scratch.replace(path)
    matrix: NDArray[np.float16] = np.load(path, mmap_mode="r")
    return matrix


def queries(count: int, total: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """Tiles of the same places that are not in the collection.

    Shape:
        -> (count, D)
    """
    made = MadeEmbeddings(total, dimension, seed)
    return made.draw(1_000_000, np.random.default_rng([seed, 3]).integers(made.places, size=count))
