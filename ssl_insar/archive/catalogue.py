"""The catalogue: one row a tile, kept as GeoParquet that opens in QGIS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from shapely import box, polygons, unary_union
from shapely.affinity import translate
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.readers import Frame

_SQUARE = np.array([[0, 0, 1, 1], [0, 1, 1, 0]], float)[:, None]
"""Rows and columns of a unit square's corners, in order."""

LABEL_PREFIX = "label_"
TRUTH_PREFIX = "truth_"
"""Columns of what is known of simulated tiles because it was put into them."""

GEOGRAPHIC = "EPSG:4326"

COLUMNS: dict[str, str] = {
    "id": "str",  # unique name of the tile
    "source": "str",  # path of the file it was cut from
    "member": "str",  # which interferogram of that file, where it holds several
    "file": "str",  # name of that file
    "fingerprint": "str",  # hash of that file's bytes
    "content": "str",  # hash of the tile's own pixels
    "family": "str",  # reader that read it
    "provenance": "str",  # processor, version and layer, as far as the product tells
    "row": "int32",  # first row of the tile in its frame, px
    "col": "int32",  # first column, px
    "height": "int32",  # of the frame, px
    "width": "int32",  # of the frame, px
    "spacing": "float32",  # m between neighbouring pixels (geometric mean of rows and columns)
    "reference_date": "date",  # earlier acquisition
    "secondary_date": "date",  # later acquisition
    "temporal_baseline": "float32",  # days
    "perpendicular_baseline": "float32",  # m
    "track": "str",
    "frame": "str",
    "pass": "str",  # ascending or descending
    "incidence": "float32",  # of the line of sight at the tile's centre, degrees from the vertical
    "volcano": "str",
    "place_distance": "float32",  # km to the entry of the table of places that gave the volcano
    "region": "str",
    "wavelength": "float64",  # m
    "wrapped": "bool",
    "valid_fraction": "float32",  # share of pixels with data
    "coherence": "float32",  # mean local coherence of the phase, over valid pixels
    "coherent_fraction": "float32",  # share of pixels with data and local coherence of 0.5 or more
    "product_coherence": "float32",  # mean of the coherence layer delivered with the product
    "has_coherence": "bool",  # whether that layer is stored
    "has_elevation": "bool",  # whether an elevation layer is stored
    "has_deformation": "bool",  # whether a mask of where it deforms is stored
    "part": "int32",  # which shard holds it
    "slot": "int32",  # where in the shard
}
"""Columns and their types; ``geometry`` (footprint, EPSG:4326), label and truth columns come on top."""


def to_table(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    """Rows as dictionaries to a catalogue: `COLUMNS`, a geometry, and labels and truths of the tiles."""
    given = set().union(*rows)
    told = sorted(name for name in given if name.startswith((LABEL_PREFIX, TRUTH_PREFIX)))
    names = [*COLUMNS, *told, "geometry"]
    columns = {name: [row.get(name) for row in rows] for name in names}
    table = gpd.GeoDataFrame(columns, geometry="geometry", crs=GEOGRAPHIC)
    for name in told:
        table[name] = table[name].convert_dtypes()  # nullable: a label may be unknown
    for name, kind in COLUMNS.items():
        if kind in ("str", "date"):
            # None, not NaN, where unknown, whatever pandas release reads it.
            column = table[name].astype(object)
            table[name] = column.where(column.notna(), None)
        else:
            table[name] = table[name].astype(kind)
    return table


def write_catalogue(table: pd.DataFrame, path: Path) -> None:
    """Write a catalogue as GeoParquet (plain Parquet if it has no geometry), atomically."""
    if "geometry" in table:
        table = gpd.GeoDataFrame(table, geometry="geometry", crs=GEOGRAPHIC)
    with replacing(path) as scratch:
        table.to_parquet(scratch, index=False)


def read_table(path: Path) -> pd.DataFrame:
    """Read what `write_catalogue` wrote, with whatever columns it has.

    Raises:
        UserError: missing or damaged file.
    """
    try:
        return gpd.read_parquet(path) if _is_geoparquet(path) else pd.read_parquet(path)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; the folder is not whole, make it again") from None
    except Exception as error:  # pyarrow raises many kinds on a damaged file
        raise UserError(f"{path}: damaged catalogue ({error}); make it again") from error


def _is_geoparquet(path: Path) -> bool:
    return b"geo" in (pq.read_schema(path).metadata or {})


def read_catalogue(path: Path) -> gpd.GeoDataFrame:
    """Read a catalogue.

    Raises:
        UserError: missing or damaged file, or another table.
    """
    table = read_table(path)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise UserError(f"{path}: not an ssl_insar catalogue (no column {', '.join(missing)})")
    for name, kind in COLUMNS.items():
        if kind in ("str", "date"):
            column = table[name].astype(object)
            table[name] = column.where(column.notna(), None)
    return table


def label_names(table: pd.DataFrame) -> list[str]:
    """Names of the label columns, without their prefix."""
    return [name[len(LABEL_PREFIX) :] for name in table.columns if name.startswith(LABEL_PREFIX)]


def footprint(frame: Frame, row: int, col: int, tile: int) -> BaseGeometry | None:
    """Outline of one tile; see `footprints`."""
    return footprints(frame, [(row, col)], tile)[0]


def footprints(frame: Frame, corners: Sequence[tuple[int, int]], tile: int) -> list[BaseGeometry | None]:
    """Outlines of tiles in longitude and latitude, or None when the frame is not georeferenced.

    A tile across the antimeridian becomes two polygons, as GeoJSON (RFC 7946, sec. 3.1.9) wants it.

    Args:
        frame: which they were cut from.
        corners: first row and column of each, px.
        tile: their side, px.
    """
    if frame.crs is None or frame.transform is None:
        return [None] * len(corners)
    a, b, c, d, e, f = frame.transform
    rows, cols = (np.asarray(corners, float).T[..., None] + tile * _SQUARE).reshape(2, -1)
    xs, ys = a * cols + b * rows + c, d * cols + e * rows + f
    if frame.crs != GEOGRAPHIC:
        from rasterio.warp import transform

        try:
            xs, ys = transform(frame.crs, GEOGRAPHIC, xs, ys)
        except Exception:  # of a damaged reference system or place PROJ makes errors of many kinds
            return [None] * len(corners)
    places = np.stack([xs, ys], axis=-1).reshape(-1, 4, 2)
    # Together, but for the few that are damaged or lie across the antimeridian.
    with np.errstate(invalid="ignore"):  # a damaged georeference leads to infinity
        plain = (np.abs(places).max(axis=1) <= (360, 90)).all(axis=1)
        plain &= np.ptp(places[..., 0], axis=1) <= 180
    outlines: list[BaseGeometry | None] = [None] * len(places)
    for i, outline in zip(np.flatnonzero(plain), polygons(places[plain]), strict=True):
        outlines[i] = outline
    for i in np.flatnonzero(~plain):
        outlines[i] = _outline(places[i])
    return outlines


def _outline(points: NDArray[np.float64]) -> BaseGeometry | None:
    """The outline of a tile across the antimeridian; None where there is no such place."""
    lon, lat = points.T
    # A damaged georeference leads anywhere; not a number compares as False.
    if not (np.abs(lat).max() <= 90 and np.abs(lon).max() <= 360):
        return None
    eastward = Polygon((x % 360, y) for x, y in points)
    if not eastward.is_valid:
        return None
    west_of_it = eastward.intersection(box(0, -90, 180, 90))
    east_of_it = translate(eastward.intersection(box(180, -90, 360, 90)), xoff=-360)
    return unary_union([west_of_it, east_of_it])
