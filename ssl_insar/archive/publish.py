"""Makes the shards written so far an archive: merges their rows, and vouches for them in the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from ssl_insar import __version__
from ssl_insar.archive import store
from ssl_insar.archive.catalogue import COLUMNS, LABEL_PREFIX, TRUTH_PREFIX, label_names, write_catalogue
from ssl_insar.archive.shards import current
from ssl_insar.archive.store import Archive
from ssl_insar.atomic import write_json


def merged(parts: dict[int, pd.DataFrame]) -> gpd.GeoDataFrame:
    """The rows of shards as one catalogue, with the labels and truths that came with the tiles."""
    rows = current(parts)
    told = [name for name in rows.columns if name.startswith((LABEL_PREFIX, TRUTH_PREFIX))]
    return gpd.GeoDataFrame(rows[[*COLUMNS, *told, "geometry"]], geometry="geometry")


def publish(
    folder: Path, catalogue: pd.DataFrame, parts: int, *, tile: int, stride: int, about: dict[str, Any]
) -> Archive:
    """Write catalogue and manifest; what they name is an archive from then on.

    Args:
        folder: of the archive, with its shards.
        catalogue: one row a tile.
        parts: number of shards.
        tile: side of a tile, px.
        stride: step between tiles, px.
        about: further facts for the manifest.
    """
    catalogue = gpd.GeoDataFrame(catalogue, geometry="geometry")
    write_catalogue(catalogue, folder / store.CATALOGUE)
    manifest = {
        "format": store.FORMAT,
        "tile": tile,
        "stride": stride,
        **about,
        "tiles": len(catalogue),
        "parts": parts,
        "labels": label_names(catalogue),
        "digest": store.digest_of(catalogue, tile, stride),
        "encoding": "phase counts of 1/256 cycle: uint8 wrapped, int16 unwrapped; positive = away",
        "ssl_insar": __version__,
    }
    write_json(folder / store.MANIFEST, manifest)
    return Archive.open(folder)
