"""Assessments as files: CSV, or with footprints for a GIS."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import geopandas as gpd
import pandas as pd

from ssl_insar.archive.catalogue import GEOGRAPHIC
from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError

DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON"}
"""Formats with footprints, in longitude and latitude, by suffix."""


def check_table_name(out: Path, placed: bool = True) -> None:
    """Refuse a file that could not be written, before any work.

    Args:
        out: the file.
        placed: whether the tiles have footprints.

    Raises:
        UserError: a folder, an unknown suffix, or a format with footprints where there are none.
    """
    suffix = out.suffix.casefold()
    if out.is_dir():
        raise UserError(f"{out}: is a folder; --out needs the name of a file")
    if suffix not in (".csv", *DRIVERS):
        raise UserError(f"{out}: give --out a name that ends in .csv, {', '.join(DRIVERS)}")
    if suffix in DRIVERS and not placed:
        raise UserError(f"{out}: no tile has a footprint; give --out a .csv")


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Write a table in the format of its suffix, whole or not at all; a CSV goes without ``geometry``."""
    driver = DRIVERS.get(out.suffix.casefold())
    with replacing(out) as scratch:
        if driver is None:
            table.drop(columns="geometry", errors="ignore").to_csv(scratch, index=False, float_format="%.6g")
            return
        # OGR has no column of Python dates that may be missing.
        told = {
            name: [value.isoformat() if isinstance(value, date) else value for value in table[name]]
            for name in table.columns
            if name.endswith("_date")
        }
        placed = gpd.GeoDataFrame(table.assign(**told), geometry="geometry", crs=GEOGRAPHIC)
        # By default the layer is named after the file, which here is a scratch name.
        placed.to_file(scratch, driver=driver, layer="scores")
