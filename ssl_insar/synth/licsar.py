"""A simulated stack as the files of a LiCSAR frame: what `ssl_insar.readers.licsar` reads.

``FRAME/interferograms/PAIR/NAME.geo.{diff_pha,unw,cc}.tif`` and
``FRAME/metadata/FRAME.geo.{E,N,U,hgt}.tif``, in longitude and latitude. Phase is float32, rad, positive away
from the satellite, with 0 for no data, which no tag says; coherence has 8 bits (coherence x 255), heights are
whole metres, and 0 is no data there, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.atomic import replacing
from ssl_insar.readers.frame import Affine

_STEP = 2.0**-9
"""rad; phases are rounded to this, a tenth of the noise at its least, and files halve in size."""


def write_interferogram(
    base: Path,
    transform: Affine,
    *,
    wrapped: NDArray[np.floating[Any]],
    unwrapped: NDArray[np.floating[Any]],
    coherence: NDArray[np.floating[Any]],
    valid: NDArray[np.bool_],
) -> None:
    """Write the layers of one pair; a layer that is there is whole, and kept.

    Args:
        base: path without ``.geo.LAYER.tif``.
        transform: from (column, row) to (longitude, latitude), degrees.
        wrapped: (H, W), rad.
        unwrapped: (H, W), rad.
        coherence: (H, W), 0 to 1.
        valid: (H, W).
    """
    eighth = np.where(valid, np.clip(np.round(coherence * 255), 1, 255), 0).astype(np.uint8)
    # Wrapped phase last: it is what a walk takes, and its layers then lie beside it.
    for layer, values in (
        ("cc", eighth),
        ("unw", _phase(unwrapped, valid)),
        ("diff_pha", _phase(wrapped, valid)),
    ):
        _write(layer_path(base, layer), values, transform)


def write_metadata(
    base: Path,
    transform: Affine,
    los: tuple[float, float, float],
    height: NDArray[np.floating[Any]] | None,
    shape: tuple[int, int],
) -> None:
    """Write what all pairs of a frame share; a layer that is there is whole, and kept.

    Args:
        base: path without ``.geo.LAYER.tif``.
        transform: from (column, row) to (longitude, latitude), degrees.
        los: unit vector from the ground to the satellite, (East, North, Up); the same over the scene.
        height: (H, W), m; None where it is not known.
        shape: (H, W).
    """
    for axis, component in zip("ENU", los, strict=True):
        _write(layer_path(base, axis), np.full(shape, component, np.float32), transform)
    if height is not None:
        metres = np.maximum(np.round(height), 1).astype(np.float32)
        _write(layer_path(base, "hgt"), metres, transform)


def layer_path(base: Path, layer: str) -> Path:
    """File of a layer, such as ``diff_pha``."""
    return base.with_name(f"{base.name}.geo.{layer}.tif")


def _phase(phase: NDArray[np.floating[Any]], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """As it is stored: an honest phase of 0 would read as no data."""
    rounded = np.round(phase / _STEP) * _STEP
    values: NDArray[np.float32] = np.where(valid, np.where(rounded == 0, _STEP, rounded), 0).astype(
        np.float32
    )
    return values


def _write(path: Path, values: NDArray[Any], transform: Affine) -> None:
    """Write one band; the file is there whole or not at all."""
    import rasterio

    if path.is_file():
        return
    with (
        replacing(path) as scratch,
        rasterio.open(
            scratch,
            "w",
            driver="GTiff",
            height=values.shape[0],
            width=values.shape[1],
            count=1,
            dtype=values.dtype,
            crs="EPSG:4326",
            transform=rasterio.Affine(*transform),
            compress="deflate",
            zlevel=1,
        ) as dataset,
    ):
        dataset.write(values, 1)
