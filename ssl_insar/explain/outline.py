"""The salient part of a tile as a polygon: in pixels, and where its footprint is known, on the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely import transform, unary_union
from shapely.geometry import Polygon, shape
from shapely.geometry.base import BaseGeometry

LEVEL = 0.5
"""Saliency, relative to the tile's largest, from which a place counts as salient."""


@dataclass(frozen=True)
class Salient:
    """The salient part of a tile.

    Attributes:
        outline: polygons in px, x = column and y = row from the tile's upper left corner.
        row: of the most salient pixel.
        col: likewise.
        share: of the tile's area inside the outline.
    """

    outline: BaseGeometry
    row: int
    col: int
    share: float


def salient_part(saliency: NDArray[np.floating], level: float = LEVEL) -> Salient | None:
    """Outline of what is at least so salient; None where nothing is.

    Args:
        saliency: (T, T) from 0 to 1, see `ssl_insar.explain.saliency.saliency`.
        level: least saliency inside.
    """
    from rasterio.features import shapes

    inside = saliency >= level
    if not inside.any() or not saliency.max() > 0:
        return None
    pieces = [shape(piece) for piece, _ in shapes(inside.astype(np.uint8), mask=inside)]
    row, col = np.unravel_index(int(saliency.argmax()), saliency.shape)
    outline = unary_union(pieces).simplify(1.0)
    return Salient(outline, int(row), int(col), float(inside.mean()))


def on_the_map(outline: BaseGeometry, footprint: BaseGeometry | None, tile: int) -> BaseGeometry | None:
    """An outline in px moved to where the tile lies.

    Bilinear between the four corners: exact where rows and columns are along the axes of the footprint's
    reference system, else off by metres over a tile of some 20 km.

    Args:
        outline: in px.
        footprint: of the tile, its corners in the order of `ssl_insar.archive.catalogue.footprints`.
        tile: side, px.

    Returns:
        in the footprint's reference system; None without a footprint, and for one that the antimeridian
        cuts in two.
    """
    if not isinstance(footprint, Polygon) or len(footprint.exterior.coords) != 5:
        return None
    corners = np.asarray(footprint.exterior.coords, float)[:4]

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        across, down = (points / tile).T[:, :, None]
        top = corners[0] + across * (corners[1] - corners[0])
        bottom = corners[3] + across * (corners[2] - corners[3])
        moved: NDArray[np.float64] = top + down * (bottom - top)
        return moved

    return transform(outline, place)
