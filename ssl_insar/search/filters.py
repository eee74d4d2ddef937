"""Which tiles of an index may be answers at all: a condition, a place, a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.phase import BoolArray
from ssl_insar.search.where import rows_where

EARTH_RADIUS = 6371.0088
"""km; mean radius of the Earth (IUGG)."""


@dataclass(frozen=True)
class Filter:
    """What an answer must fulfil; None: anything.

    Attributes:
        where: a condition on the catalogue's columns, see `ssl_insar.search.where`.
        near: longitude and latitude of a place, degrees.
        within: distance from it, km, of the centre of a tile's footprint.
        since: first day on which the interferogram may begin.
        until: last day on which it may end.
    """

    where: str | None = None
    near: tuple[float, float] | None = None
    within: float | None = None
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if (self.near is None) != (self.within is None):
            raise UserError("a place needs a distance and a distance a place: give both --near and --within")
        if self.near is not None and not (abs(self.near[0]) <= 360 and abs(self.near[1]) <= 90):
            raise UserError(f"--near {self.near[0]:g},{self.near[1]:g}: no longitude and latitude, degrees")

    def mask(self, catalogue: pd.DataFrame) -> BoolArray | None:
        """Rows that may be answers; None: all, as nothing is asked.

        A tile whose place or dates are unknown is no answer where they are asked for.

        Shape:
            N rows -> (N,)

        Raises:
            UserError: a condition that cannot be understood, or that no tile fulfils.
        """
        if self == Filter():
            return None
        allowed = np.ones(len(catalogue), bool)
        if self.where is not None:
            allowed &= rows_where(self.where, catalogue)
        if self.near is not None and self.within is not None:
            allowed &= distance(catalogue["geometry"].to_numpy(object), *self.near) <= self.within
        if self.since is not None:
            allowed &= _days(catalogue, "reference_date") >= np.datetime64(self.since)
        if self.until is not None:
            allowed &= _days(catalogue, "secondary_date") <= np.datetime64(self.until)
        if not allowed.any():
            raise UserError(
                f"none of the {len(catalogue)} tiles fulfils the filter; widen --where, --within or the dates"
            )
        return allowed


def _days(catalogue: pd.DataFrame, name: str) -> NDArray[np.datetime64]:
    days: NDArray[np.datetime64] = pd.to_datetime(catalogue[name]).to_numpy("datetime64[D]")
    return days


def distance(outlines: NDArray[np.object_], lon: float, lat: float) -> NDArray[np.float64]:
    """Great-circle distance of footprints' centres from a place, km; inf where there is no footprint.

    Haversine formula (Sinnott 1984, "Virtues of the haversine", Sky and Telescope 68, 159). Of a
    footprint in two parts, across the antimeridian, the nearer counts.

    Args:
        outlines: (n,) shapely geometries in longitude and latitude, or None.
        lon: degrees.
        lat: degrees.

    Shape:
        -> (n,)
    """
    shapes = outlines.copy()
    shapes[pd.isna(shapes)] = None
    parts, owner = shapely.get_parts(shapes, return_index=True)
    centres = np.radians(shapely.get_coordinates(shapely.centroid(parts)))
    # A part that is empty has no centre.
    owner = owner[~shapely.is_empty(parts)]
    here = np.radians([lon, lat])
    across, up = (centres - here).T / 2
    squared = np.sin(up) ** 2 + np.cos(centres[:, 1]) * np.cos(here[1]) * np.sin(across) ** 2
    found = np.full(len(outlines), np.inf)
    np.minimum.at(found, owner, 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(squared, 0, 1))))
    return found
