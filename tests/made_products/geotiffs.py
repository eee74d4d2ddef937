"""GeoTIFF products: LiCSAR, HyP3, and plain ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from made_rasters import write_tiff
from rasterio.transform import Affine

from made_products.scenes import (
    FRAME,
    PAIR,
    SHAPE,
    Shape,
    coherence,
    grey,
    heights,
    level,
    phasor,
    scene,
    wrapped,
)

STRIPS = {"blockysize": 4}
"""GDAL looks at no checksum of what it unpacks, so that damage anywhere in a strip changes all that follows
in there; real files have many strips."""


def licsar(folder: Path, shape: Shape = SHAPE) -> Path:
    """The layers of a frame of the portal; returns the wrapped phase."""
    metadata, pair = folder / FRAME / "metadata", folder / FRAME / "interferograms" / PAIR
    land = np.ones(shape, np.uint8)
    land[-4:] = 0
    for layer, values in {
        "E": level(0.6, shape),
        "N": level(-0.11, shape),
        "U": level(0.7924, shape),
        "hgt": heights(shape),
        "landmask": land,
    }.items():
        write_tiff(metadata / f"{FRAME}.geo.{layer}.tif", values)
    (metadata / "baselines").write_text("20180101 20190105 12.5 369\n20180101 20190117 -30.0 381\n")
    (metadata / "metadata.txt").write_text("heading=-169.9\navg_incidence_angle=39.2\napplied_DEM=cop30\n")
    write_tiff(pair / f"{PAIR}.geo.cc.tif", (coherence(shape) * 255).astype(np.uint8))
    write_tiff(pair / f"{PAIR}.geo.unw.tif", scene(shape), **STRIPS, compress="lzw")
    return write_tiff(pair / f"{PAIR}.geo.diff_pha.tif", wrapped(shape), **STRIPS, compress="lzw")


def _hyp3(folder: Path, name: str, shape: Shape, **profile: Any) -> Path:
    water = np.ones(shape, np.uint8)
    water[:, -4:] = 0
    place = {"crs": "EPSG:32611", "transform": Affine(80, 0, 400_000, 0, -80, 4_100_000)}
    for layer, values in {
        "corr": coherence(shape),
        "dem": heights(shape),
        "lv_theta": level(0.89, shape),
        "lv_phi": level(-2.91, shape),
        "water_mask": water,
        "unw_phase": scene(shape),
    }.items():
        write_tiff(folder / name / f"{name}_{layer}.tif", values, **(place | profile))
    (folder / name / f"{name}.txt").write_text(
        "Reference Granule: S1A_IW_SLC__1SDV_20171111T150004_20171111T150032_019219_0208AF_EE89\n"
        "Reference Pass Direction: ASCENDING\nBaseline: 61.8974\nHeading: -13.0235756\n"
        "Spacecraft height: 699974.5329\nEarth radius at nadir: 6371383.6099\n"
        "Slant range center: 878813.0619\nDEM source: GLO-30\nUnwrapping type: mcf\n"
    )
    return folder / name / f"{name}_unw_phase.tif"


def hyp3_gamma(folder: Path, shape: Shape = SHAPE) -> Path:
    """A scene as HyP3 GAMMA packs it; returns the unwrapped phase."""
    name = "S1AB_20171111T150004_20171117T145926_VVP006_INT80_G_ueF_4D09"
    return _hyp3(folder, name, shape, **STRIPS, compress="deflate", predictor=1)


def hyp3_burst(folder: Path, shape: Shape = SHAPE) -> Path:
    """A burst as HyP3 ISCE2 packs it; returns the unwrapped phase."""
    name = "S1_213524_IW1_20170411_20170517_VV_INT80_8E81"
    return _hyp3(folder, name, shape, nodata=0, tiled=True, blockxsize=16, blockysize=16)


def geotiff_float(folder: Path, shape: Shape = SHAPE) -> Path:
    """Unwrapped phase tagged by PyRate, with its coherence beside it."""
    write_tiff(folder / f"{PAIR}_coh.tif", coherence(shape))
    tags = {"INSAR_PROCESSOR": "GAMMA", "DATA_TYPE": "ORIGINAL_IFG", "WAVELENGTH_METRES": "0.0554658"}
    return write_tiff(folder / f"{PAIR}_unw.tif", scene(shape), tags=tags)


def geotiff_complex(folder: Path, shape: Shape = SHAPE) -> Path:
    """A complex interferogram in BigTIFF."""
    return write_tiff(folder / f"{PAIR}.tif", phasor(shape), **STRIPS, BIGTIFF="YES", compress="deflate")


def geotiff_grey(folder: Path, shape: Shape = SHAPE) -> Path:
    """Grey phase."""
    return write_tiff(folder / f"{PAIR}_grey.tif", grey(shape))
