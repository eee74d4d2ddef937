"""Rasters written with rasterio, georeferenced like a LiCSAR frame unless told otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

SHAPE = (20, 26)
ORIGIN = Affine(0.001, 0, 40.5, 0, -0.001, 13.5)


def write_tiff(path: Path, bands: np.ndarray, **profile: Any) -> Path:
    """Write (H, W) or (bands, H, W), making the folder; ``tags`` become the file's tags."""
    bands = bands if bands.ndim == 3 else bands[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = profile.pop("tags", {})
    settings: dict[str, Any] = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": "EPSG:4326",
        "transform": ORIGIN,
    }
    with rasterio.open(path, "w", **(settings | profile)) as dataset:
        dataset.write(bands)
        if tags:
            dataset.update_tags(**tags)
    return path


def wrapped_phase(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """(H, W) float32 rad, all of it data."""
    return np.random.default_rng(4).uniform(-np.pi, np.pi, shape).astype(np.float32)


def unwrapped_phase(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """(H, W) float32 rad over several cycles, all of it data."""
    return np.random.default_rng(4).normal(0, 12, shape).astype(np.float32)


def byte_coherence(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """(H, W) uint8, 255 = coherence 1."""
    return np.random.default_rng(5).integers(1, 256, shape, dtype=np.uint8)
