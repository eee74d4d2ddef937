"""The catalogue: one row a tile, kept as GeoParquet that opens in QGIS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
from shapely import box, unary_union
from shapely.affinity import translate
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.readers import Frame

LABEL_PREFIX = "label_"
GEOGRAPHIC = "EPSG:4326"

COLUMNS: dict[str, str] = {
    "id": "str",  # unique name of the tile
    "source": "str",  # path of the file it was cut from
    "file": "str",  # name of that file
    "fingerprint": "str",  # hash of that file's bytes
    "family": "str",  # reader that read it
    "row": "int32",  # first row of the tile in its frame, px
    "col": "int32",  # first column, px
    "height": "int32",  # of the frame, px
    "width": "int32",  # of the frame, px
    "reference_date": "date",  # earlier acquisition
    "secondary_date": "date",  # later acquisition
    "track": "str",
    "frame": "str",
    "volcano": "str",
    "region": "str",
    "wavelength": "float64",  # m
    "wrapped": "bool",
    "valid_fraction": "float32",  # share of pixels with data
    "coherence": "float32",  # mean local coherence of the phase, over valid pixels
    "part": "int32",  # which shard holds it
    "slot": "int32",  # where in the shard
}
"""Columns and their types; ``geometry`` (footprint, EPSG:4326) and label columns come on top."""


def to_table(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    """Rows as dictionaries to a catalogue with the columns of `COLUMNS` and a geometry."""
    table = gpd.GeoDataFrame(rows, columns=[*COLUMNS, "geometry"], geometry="geometry", crs=GEOGRAPHIC)
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
    """Outline of a tile in longitude and latitude, or None when the frame is not georeferenced.

    A tile across the antimeridian becomes two polygons, as GeoJSON (RFC 7946, sec. 3.1.9) wants it.
    """
    if frame.crs is None or frame.transform is None:
        return None
    from rasterio.errors import CRSError
    from rasterio.warp import transform

    a, b, c, d, e, f = frame.transform
    corners = [(col, row), (col + tile, row), (col + tile, row + tile), (col, row + tile)]
    xs = [a * x + b * y + c for x, y in corners]
    ys = [d * x + e * y + f for x, y in corners]
    try:
        lon, lat = transform(frame.crs, GEOGRAPHIC, xs, ys)
    except CRSError:
        return None
    if max(lon) - min(lon) <= 180:
        return Polygon(zip(lon, lat, strict=True))
    eastward = Polygon((x % 360, y) for x, y in zip(lon, lat, strict=True))
    west_of_it = eastward.intersection(box(0, -90, 180, 90))
    east_of_it = translate(eastward.intersection(box(180, -90, 360, 90)), xoff=-360)
    return unary_union([west_of_it, east_of_it])
