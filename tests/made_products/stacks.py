"""Files of many interferograms: MintPy, KFTS, and minicubes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr

from made_products.scenes import (
    DAYS,
    FRAME,
    SHAPE,
    WAVELENGTH,
    Shape,
    centres,
    coherence,
    heights,
    level,
    scene,
    stack,
    wrapped,
)


def _mintpy(path: Path, kind: str, unit: str, shape: Shape) -> h5py.File:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = h5py.File(path, "w")
    facts = {"FILE_TYPE": kind, "UNIT": unit, "WIDTH": shape[1], "LENGTH": shape[0], "EPSG": 4326}
    facts |= {"X_FIRST": 150.91, "Y_FIRST": -34.17, "X_STEP": 0.001, "Y_STEP": -0.001}
    facts |= {"WAVELENGTH": WAVELENGTH, "PROCESSOR": "isce", "ORBIT_DIRECTION": "DESCENDING"}
    facts |= {"relative_orbit": 128, "START_DATE": DAYS[0], "END_DATE": DAYS[-1]}
    file.attrs.update({key: str(value) for key, value in facts.items()})
    return file


def _mintpy_layers(folder: Path, shape: Shape) -> None:
    with _mintpy(folder / "inputs/geometryGeo.h5", "geometry", "1", shape) as file:
        file["height"], file["incidenceAngle"] = heights(shape), level(39, shape)
        file["azimuthAngle"] = level(-102, shape)
    with _mintpy(folder / "temporalCoherence.h5", "temporalCoherence", "1", shape) as file:
        file["temporalCoherence"] = coherence(shape)


PACKED: dict[str, Any] = {"chunks": (1, 16, 16), "compression": "gzip", "shuffle": True}


def mintpy_stack(folder: Path, shape: Shape = SHAPE) -> Path:
    """Three interferograms, all of them kept."""
    _mintpy_layers(folder, shape)
    path = folder / "inputs" / "ifgramStack.h5"
    with _mintpy(path, "ifgramStack", "radian", shape) as file:
        file.create_dataset("unwrapPhase", data=stack(shape), **PACKED)
        file.create_dataset("coherence", data=np.stack([coherence(shape)] * 3), **PACKED)
        first, second, third = DAYS
        file["date"] = np.array([[first, second], [first, third], [second, third]], "S8")
        file["bperp"] = np.array([10.5, -20.25, -30.75], np.float32)
        file["dropIfgram"] = np.ones(3, bool)
    return path


def mintpy_timeseries(folder: Path, shape: Shape = SHAPE) -> Path:
    """Displacement at three dates, m."""
    _mintpy_layers(folder, shape)
    path = folder / "timeseries.h5"
    with _mintpy(path, "timeseries", "m", shape) as file:
        file["timeseries"] = np.cumsum(stack(shape), axis=0) / 100
        file["date"] = np.array(DAYS, "S8")
        file["bperp"] = np.array([0, 10.5, -20.25], np.float32)
    return path


def mintpy_velocity(folder: Path, shape: Shape = SHAPE) -> Path:
    """Mean velocity, m/year."""
    _mintpy_layers(folder, shape)
    path = folder / "velocity.h5"
    with _mintpy(path, "velocity", "m/year", shape) as file:
        file["velocity"] = scene(shape) / 100
    return path


def kfts(folder: Path, shape: Shape = SHAPE) -> Path:
    """A stack of three interferograms."""
    folder.mkdir(parents=True)
    with h5py.File(folder / "stack.h5", "w") as file:
        file["igram"] = stack(shape)
        file["Jmat"] = np.array([[1, -1, 0], [1, 0, -1], [0, 1, -1]], np.float64)
        file["dates"] = 737_064 + 12 * np.arange(3)
        file["bperp"] = np.array([10.5, -20.25, -30.75])
    return folder / "stack.h5"


def _zarr_array(
    store: Path, name: str, values: np.ndarray, dims: tuple[str, ...], chunks: Shape | None
) -> Any:
    whole = (1,) * (values.ndim - 2) + chunks if chunks and values.ndim >= 2 else values.shape
    facts: dict[str, Any] = {"shape": values.shape, "dtype": values.dtype, "chunks": whole}
    facts["fill_value"] = np.nan if values.dtype.kind == "f" else 0
    if int(zarr.__version__[0]) >= 3:
        array = zarr.create_array(store=str(store), name=name, zarr_format=2, **facts)
    else:
        array = zarr.open_group(str(store), mode="a").create_dataset(name, **facts)
    array.attrs["_ARRAY_DIMENSIONS"] = list(dims)
    array[...] = values
    return array


def minicube(folder: Path, shape: Shape = SHAPE) -> Path:
    """A cube of two dates after one, with coherence, heights and a deformation mask."""
    store = folder / f"{FRAME}.zarr"
    kind = {"zarr_format": 2} if int(zarr.__version__[0]) >= 3 else {}
    zarr.open_group(str(store), mode="w", **kind)
    size = (1, 2, *shape)
    dims = ("primary_date", "secondary_date", "y", "x")
    x, y = centres(shape)
    mask = np.zeros(size, np.uint8)
    mask[0, 1, 20:30, 10:20] = 1
    for name, values, axes in (
        ("insar_difference", np.stack([wrapped(shape), wrapped(shape, 1)])[None], dims),
        ("insar_coherence", np.full(size, 128, np.uint8), dims),
        ("deformation_mask", mask, dims),
        ("dem", heights(shape), dims[2:]),
        ("y", y, dims[2:3]),
        ("x", x, dims[3:]),
        ("primary_date", np.array([0]), dims[:1]),
        ("secondary_date", np.array([12, 24]), dims[1:2]),
    ):
        array = _zarr_array(store, name, values, axes, (24, 24))
        if name.endswith("date"):
            array.attrs["units"] = "days since 2019-01-05"
    return store
