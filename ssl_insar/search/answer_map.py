"""Answers on a map: their footprints as GeoJSON or GeoPackage."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from ssl_insar.archive.catalogue import GEOGRAPHIC
from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.search.index import Index

FORMATS = {"geojson": "GeoJSON", "gpkg": "GPKG"}
"""Suffixes and the names that GDAL has for them."""


def save_map(index: Index, table: pd.DataFrame, path: Path) -> int:
    """Write answers with their footprints, EPSG:4326, whole or not at all.

    Args:
        index: where they were found.
        table: from `ssl_insar.search.query.as_table`.
        path: ends in .geojson (RFC 7946) or .gpkg (OGC GeoPackage).

    Returns:
        how many of them have no footprint; they are in the file without one.

    Raises:
        UserError: none of them has one.
    """
    outlines = index.catalogue.set_index("id")["geometry"].reindex(table["id"]).to_numpy(object)
    unknown = int(pd.isna(outlines).sum())
    if unknown == len(table):
        raise UserError("no answer is georeferenced; ingest products with a georeference")
    told = table.astype({name: str for name in ("reference_date", "secondary_date") if name in table})
    with replacing(path) as scratch:
        gpd.GeoDataFrame(told, geometry=outlines, crs=GEOGRAPHIC).to_file(
            scratch, driver=FORMATS[path.suffix[1:]], layer=path.stem, engine="pyogrio"
        )
    return unknown
