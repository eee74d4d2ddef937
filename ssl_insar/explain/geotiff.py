"""A map of scores as Cloud-Optimised GeoTIFF, and what is above a threshold as polygons; band by band."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from shapely.geometry import shape

from ssl_insar.atomic import replacing
from ssl_insar.explain.sliding import Band
from ssl_insar.readers import Frame

_BLOCK = 512
"""Side of the blocks of a Cloud-Optimised GeoTIFF, px."""


def write_cog(
    frame: Frame, bands: Iterable[Band], path: Path, description: str, tags: dict[str, str]
) -> None:
    """Write bands of rows as a Cloud-Optimised GeoTIFF in the frame's reference system, whole or not at all.

    float32, NaN for no data, with overviews (averages of what is known).

    Args:
        frame: whose place and size the map has.
        bands: all its rows, in order.
        path: file to write.
        description: of the layer.
        tags: further facts.
    """
    import rasterio
    from rasterio.shutil import copy
    from rasterio.windows import Window

    width = frame.shape[1]
    with replacing(path) as scratch, _quiet(), tempfile.TemporaryDirectory(dir=path.parent) as folder:
        plain = Path(folder) / "plain.tif"
        with rasterio.open(plain, "w", **_profile(frame, "float32", nodata=np.nan)) as raster:
            raster.set_band_description(1, description)
            raster.update_tags(**tags)
            for band in bands:
                raster.write(band.scores, 1, window=Window(0, band.row, width, len(band.scores)))
        copy(
            plain, scratch, driver="COG", BLOCKSIZE=_BLOCK, COMPRESS="DEFLATE", PREDICTOR="YES",
            OVERVIEW_RESAMPLING="AVERAGE", BIGTIFF="IF_SAFER",
        )  # fmt: skip


def areas_above(frame: Frame, path: Path, threshold: float) -> gpd.GeoDataFrame:
    """Connected areas of a map that reach a threshold, the highest first.

    Args:
        frame: that was mapped.
        path: the map, from `write_cog`; it is read block by block.
        threshold: least score.

    Returns:
        columns ``highest``, ``mean`` (of the score) and ``pixels``; polygons in the frame's reference system,
        in px (x = column, y = row) where it has none.
    """
    import rasterio
    from rasterio.features import geometry_mask, geometry_window, shapes

    rows: list[dict[str, Any]] = []
    with _quiet(), tempfile.TemporaryDirectory(dir=path.parent) as folder, rasterio.open(path) as raster:
        above = Path(folder) / "above.tif"
        with rasterio.open(above, "w", **_profile(frame, "uint8", nodata=0)) as mask:
            for _, window in raster.block_windows(1):
                inside = raster.read(1, window=window) >= threshold  # False for NaN
                mask.write(inside.astype(np.uint8), 1, window=window)
        with rasterio.open(above) as mask:
            for piece, value in shapes(rasterio.band(mask, 1), mask=rasterio.band(mask, 1)):
                if not value:
                    continue
                window = geometry_window(raster, [piece])
                scores = raster.read(1, window=window)
                outside = geometry_mask([piece], scores.shape, raster.window_transform(window))
                held = scores[~outside]
                rows.append(
                    {
                        "highest": float(np.nanmax(held)),
                        "mean": float(np.nanmean(held)),
                        "pixels": int(held.size),
                        "geometry": shape(piece),
                    }
                )
    table = gpd.GeoDataFrame(
        rows, columns=["highest", "mean", "pixels", "geometry"], geometry="geometry", crs=frame.crs
    )
    return table.sort_values("highest", ascending=False, ignore_index=True)


def write_areas(table: gpd.GeoDataFrame, path: Path) -> None:
    """Write the areas as a GeoPackage, whole or not at all."""
    with replacing(path) as scratch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")  # pixels, and that is meant
        table.to_file(scratch, driver="GPKG", layer="areas", geometry_type="Polygon")


def _profile(frame: Frame, kind: str, nodata: float) -> dict[str, Any]:
    from rasterio.transform import Affine

    height, width = frame.shape
    placed = frame.crs is not None and frame.transform is not None
    facts: dict[str, Any] = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": kind}
    facts |= {"nodata": nodata, "compress": "deflate", "BIGTIFF": "IF_SAFER"}
    if placed and frame.transform is not None:
        facts |= {"crs": frame.crs, "transform": Affine(*frame.transform)}
    return facts


@contextmanager
def _quiet() -> Iterator[None]:
    """No warning that a frame has no place: it is told once, by the command."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
