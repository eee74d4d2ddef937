"""Rectangular dislocations from an independent code, for tests to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray


def two_triangles(
    east: NDArray[np.float64],
    north: NDArray[np.float64],
    centre: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    burgers: Sequence[float],
) -> NDArray[np.float64]:
    """Surface displacement of a rectangle, cut into two triangles of cutde's.

    Args:
        east: of the surface points, m, (N,).
        north: of the surface points, m, (N,).
        centre: of the rectangle, East, North, Up, m.
        first: half of one side, a vector, m.
        second: half of the other; with an upward cross product of the two, slip has Okada's signs.
        burgers: strike-slip, dip-slip and opening, m.

    Shape:
        -> (N, 3)
    """
    halfspace = pytest.importorskip(
        "cutde.halfspace", reason="cutde, the code to compare with, is not installed (extra `dev`)"
    )
    centre, first, second = (np.asarray(value, float) for value in (centre, first, second))
    corners = [centre + i * first + j * second for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    triangles = np.array([[corners[0], corners[1], corners[2]], [corners[0], corners[2], corners[3]]])
    points = np.column_stack([east, north, np.zeros_like(east)])
    matrix = halfspace.disp_matrix(points, triangles, 0.25)
    total: NDArray[np.float64] = np.einsum("nitj,j->ni", matrix, np.asarray(burgers, float))
    return total
