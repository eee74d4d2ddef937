"""A check on the search itself: copies of the archive's own tiles are made, and looked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.audit.align import common_parts
from ssl_insar.audit.candidates import Finder, agree
from ssl_insar.audit.descriptors import sketch
from ssl_insar.audit.transforms import TRANSFORMS
from ssl_insar.audit.verify import SHIFT, compare

COUNT = 200


def recall_of_planted(
    archive: Archive,
    finder: Finder,
    rows: NDArray[np.int64],
    group: NDArray[np.int64],
    threshold: float,
    *,
    count: int = COUNT,
    seed: int = 0,
) -> tuple[int, int]:
    """Turn, shift and offset some tiles at random, and count how many the search leads back to.

    Args:
        archive: N tiles.
        finder: index of its tiles.
        rows: (n,) the tiles in the index.
        group: (N,) group of copies of each tile; any of its group will do.
        threshold: correlation from which tiles count as copies.
        count: copies to make.
        seed: of the drawing.

    Returns:
        how many were found, and of how many.
    """
    chosen = np.random.default_rng(seed).choice(rows, min(count, len(rows)), replace=False)

    def changed(number: int) -> NDArray[np.complex64]:
        """A copy, the same at each call: all of them together may be too large for memory."""
        row = int(chosen[number])
        return _changed(archive.phasors([row])[0], np.random.default_rng([seed, row]))

    sketches = np.concatenate([sketch(changed(number)[None]) for number in range(len(chosen))])
    numbers, tiles, transforms = finder.near(sketches)
    related = group[tiles] == group[chosen[numbers]]
    found: set[int] = set()
    for number, tile, transform in zip(
        numbers[related].tolist(), tiles[related].tolist(), transforms[related].tolist(), strict=True
    ):
        if (
            number in found
            or not agree(sketches[[number]], finder.sketches[[tile]], transform, archive.tile)[0]
        ):
            continue
        turned = TRANSFORMS[transform](changed(number))
        if compare(turned, archive.phasors([tile])[0])[0] >= threshold:
            found.add(number)
    return len(found), len(chosen)


def _changed(field: NDArray[np.complex64], rng: np.random.Generator) -> NDArray[np.complex64]:
    """The field moved by up to 2 px with what comes in left blank, turned, and offset in phase."""
    down, across = rng.integers(-SHIFT, SHIFT + 1, 2).tolist()
    moved = np.zeros_like(field)
    taken, left = common_parts(field, moved, (down, across))
    left[...] = taken
    turned: NDArray[np.complex64] = TRANSFORMS[rng.integers(len(TRANSFORMS))](moved)
    return turned * np.complex64(np.exp(1j * rng.uniform(0, 2 * np.pi)))
