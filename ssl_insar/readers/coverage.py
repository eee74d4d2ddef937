"""When a mapped deformation makes a tile positive, whether it was drawn as polygons or as a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.pixels import Window

TILE_SHARE = 0.05
"""A deformation that covers this share of a tile makes it positive: of 224 px of 100 m, a square of 5 km."""

REGION_SHARE = 0.5
"""So does one of which this share lies inside the tile, however small it is."""


def deforms(of_tile: float, of_region: float) -> int | None:
    """Whether a tile shows a deformation that was mapped.

    A large deformation is told by how much of the tile it covers, a small one by how much of it the
    tile holds. A tile that a deformation only grazes is neither an example of it nor of quiet.

    Args:
        of_tile: share of the tile that mapped deformation covers.
        of_region: share of a deformation that lies inside the tile, the largest of all.

    Returns:
        1 or 0; None for a tile that is only grazed.
    """
    if of_tile >= TILE_SHARE or of_region >= REGION_SHARE:
        return 1
    return 0 if of_tile == 0 else None


class Regions:
    """The connected regions of a mask, each cut out, so that tiles are compared without the mask."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        """``mask``: (H, W), True where there is deformation; pixels that touch at a corner connect."""
        from scipy import ndimage

        numbers, _ = ndimage.label(mask, structure=np.ones((3, 3)))
        self._parts = [
            (box[0].start, box[1].start, numbers[box] == number)
            for number, box in enumerate(ndimage.find_objects(numbers), start=1)
        ]

    def __len__(self) -> int:
        return len(self._parts)

    def verdict(self, window: Window) -> int | None:
        """Whether a tile of the mask is positive; see `deforms`."""
        covered, largest = 0, 0.0
        for row, col, part in self._parts:
            top, left = window.row - row, window.col - col
            rows = slice(max(top, 0), max(top + window.height, 0))
            cols = slice(max(left, 0), max(left + window.width, 0))
            inside = int(np.count_nonzero(part[rows, cols]))
            covered += inside
            largest = max(largest, inside / np.count_nonzero(part))
        return deforms(covered / (window.height * window.width), largest)
