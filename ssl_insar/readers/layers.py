"""Layers of array files (HDF5, netCDF): windows of phase and of what belongs to it, from one grid.

An array here is anything that is sliced like one: an HDF5 dataset, a memory map. It is a layer itself,
or a stack of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.frame import Affine
from ssl_insar.readers.pixels import Patch, Window
from ssl_insar.readers.values import BEYOND_PHASE, phase_and_validity

COARSE = 64
"""Cells along a side of a line of sight; it varies by less than half a degree in one of them."""

_HEIGHTS = (-500.0, 9000.0)
"""m; what lies beyond is a fill value."""

_UNEVEN = 0.1
"""px; coordinates further than this from an even grid are no grid."""


class Layer(Protocol):
    """An (H, W) layer of raw values."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        ...

    @property
    def fill(self) -> float | None:
        """Value that means no data, beside 0 and NaN; or None."""
        ...

    def values(self, window: Window) -> NDArray[Any]:
        """Raw values of a window, the caller's to change."""
        ...


@dataclass(frozen=True)
class Plane:
    """A two-dimensional array, or one plane of a stack.

    Attributes:
        array: (H, W), or (N, H, W) with ``index``.
        index: which plane of a stack.
        fill: value that means no data, beside 0 and NaN; or None.
        upside_down: the southernmost row is stored first; windows count from the north.
    """

    array: Any
    index: int | None = None
    fill: float | None = None
    upside_down: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return int(self.array.shape[-2]), int(self.array.shape[-1])

    def values(self, window: Window) -> NDArray[Any]:
        """Raw values of a window, the caller's to change."""
        rows, cols = window.slices
        if self.upside_down:
            height = self.shape[0]
            rows = slice(height - rows.stop, height - rows.start)
        where = (rows, cols) if self.index is None else (self.index, rows, cols)
        values: NDArray[Any] = self.array[where]
        if isinstance(self.array, np.ndarray):  # of which that is a view
            values = np.array(values)
        return values[::-1] if self.upside_down else values


@dataclass(frozen=True)
class Difference:
    """A later layer minus an earlier one; no data in either is no data.

    Equal values, which no two measurements are, stand for no data in both and become 0.
    """

    later: Layer
    earlier: Layer
    fill: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.later.shape

    def values(self, window: Window) -> NDArray[Any]:
        """Difference of raw values in a window; NaN where either has none.

        An untagged fill in one layer alone would make a difference that looks like any other. A 0 in
        one alone is data: MintPy's first date is 0 throughout.
        """
        later, earlier = self.later.values(window), self.earlier.values(window)
        known = _holds(later, self.fill) & _holds(earlier, self.fill)
        with np.errstate(invalid="ignore", over="ignore"):  # between fills, which are taken out
            difference: NDArray[Any] = np.where(known, later - earlier, np.float32(np.nan))
        return difference


@dataclass(frozen=True)
class LayeredPhase:
    """Phase and what belongs to it, from layers of one grid.

    Attributes:
        phase: float, or complex (its argument is the phase).
        per_unit: rad that one unit of a float phase layer stands for.
        coherence: 0 to 1; NaN is no data.
        elevation: m.
        mask: a layer, and which of its values mark pixels whose phase is to be used.
    """

    phase: Layer
    per_unit: float = 1.0
    coherence: Layer | None = None
    elevation: Layer | None = None
    mask: tuple[Layer, Callable[[NDArray[Any]], NDArray[np.bool_]]] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.phase.shape

    def read(self, window: Window) -> Patch:
        """The window of all layers."""
        phase, valid = phase_and_validity(self.phase.values(window), self.phase.fill)
        if self.per_unit != 1:
            phase *= np.float32(self.per_unit)
            valid &= np.abs(phase) < BEYOND_PHASE  # which is in rad, and so are the values only now
            np.copyto(phase, 0, where=~valid)
        if self.mask is not None:
            layer, usable = self.mask
            valid &= usable(layer.values(window))
            np.copyto(phase, 0, where=~valid)
        return Patch(
            phase,
            valid,
            None if self.coherence is None else _coherence(self.coherence, window),
            None if self.elevation is None else _heights(self.elevation, window),
        )


def fits(layer: Layer | None, phase: Layer) -> Layer | None:
    """The layer, if it is there and as large as the phase."""
    return layer if layer is not None and layer.shape == phase.shape else None


def grid(x: NDArray[Any] | None, y: NDArray[Any] | None) -> tuple[Affine | None, bool]:
    """Georeference of a grid from the coordinates of its pixels' centres.

    Args:
        x: (W,) of the columns; None if unknown.
        y: (H,) of the rows; None if unknown.

    Returns:
        affine of the upper-left corner with the northernmost row first, or None when the coordinates
        are unknown or not evenly spaced; and whether the rows must be turned upside down for that.
    """
    across, down = _steps(x), _steps(y)
    if across is None or down is None:
        return None, False
    (left, step), (top, drop) = across, down
    upside_down = drop > 0
    if upside_down:
        assert y is not None
        top, drop = float(y[-1]), -drop
    return (step, 0.0, left - step / 2, 0.0, drop, top - drop / 2), upside_down


def coarse(layer: Layer) -> NDArray[np.float64]:
    """Values at the centres of at most 64 x 64 cells spread evenly over a layer; NaN for no data.

    Shape:
        layer (H, W) -> (min(H, 64), min(W, 64))
    """
    height, width = layer.shape
    rows, cols = cells(height), cells(width).astype(int)
    lines = [layer.values(Window(int(row), 0, 1, width))[0][cols] for row in rows]
    values = np.stack(lines).astype(np.float64)
    return values if layer.fill is None else np.where(values == layer.fill, np.nan, values)


def cells(length: int) -> NDArray[np.float64]:
    """Centres, in px from the edge, of at most 64 equal cells along a side."""
    count = min(length, COARSE)
    return (np.arange(count, dtype=np.float64) + 0.5) * (length / count)


def spread(
    vectors: NDArray[np.float64],
    x: NDArray[Any],
    y: NDArray[Any],
    shape: tuple[int, int],
    transform: Affine | None,
) -> NDArray[np.float64] | None:
    """A line of sight that is known on a grid of its own, on cells spread evenly over a frame.

    Args:
        vectors: unit vectors East, North, Up at the crossings of ``x`` and ``y``.
        x: coordinates of the vectors' columns, in the frame's reference system.
        y: of their rows.
        shape: of the frame, px.
        transform: of the frame.

    Shape:
        vectors (3, h, w), x (w,), y (h,) -> (3, <= 64, <= 64)

    Returns:
        unit vectors, NaN outside the grid; None if there is no transform or no vector inside.
    """
    from scipy.interpolate import RegularGridInterpolator

    if transform is None or vectors.shape != (3, y.size, x.size) or x.size < 2 or y.size < 2:
        return None
    a, _, c, _, e, f = transform
    at_x, at_y = c + a * cells(shape[1]), f + e * cells(shape[0])
    order_x, order_y = np.argsort(x), np.argsort(y)
    if not (np.diff(x[order_x]) > 0).all() or not (np.diff(y[order_y]) > 0).all():
        return None
    known: Any = RegularGridInterpolator(
        (y[order_y], x[order_x]),
        np.moveaxis(vectors[:, order_y][:, :, order_x], 0, -1),
        bounds_error=False,
        fill_value=np.nan,
    )
    found = np.moveaxis(known(tuple(np.meshgrid(at_y, at_x, indexing="ij"))), -1, 0)
    return unit(found)


def mean(values: NDArray[Any] | None) -> float | None:
    """Mean of the values that are known, or None."""
    known = np.empty(0) if values is None else values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if known.size else None


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Vectors of length 1, NaN where they are unknown; None if they are so everywhere.

    Shape:
        (3, ...) -> the same
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.linalg.norm(vectors, axis=0)
        # The satellite stands above the horizon; what does not is a fill value.
        known = np.isfinite(length) & (length > 0) & (vectors[2] > 0)
        return np.where(known, vectors / length, np.nan) if known.any() else None


def _holds(values: NDArray[Any], fill: float | None) -> NDArray[np.bool_]:
    """Where raw values are no fill, of those told and those that files forget to tell; 0 is none here."""
    _, valid = phase_and_validity(values, fill)
    held: NDArray[np.bool_] = valid | (values == 0)
    return held


def _steps(centres: NDArray[Any] | None) -> tuple[float, float] | None:
    """First coordinate and step; None unless they are evenly spaced."""
    if centres is None or centres.ndim != 1 or centres.size < 2:
        return None
    centres = centres.astype(np.float64)
    step = float(centres[-1] - centres[0]) / (centres.size - 1)
    even = centres[0] + step * np.arange(centres.size)
    if not np.isfinite(step) or step == 0 or not (np.abs(centres - even) < _UNEVEN * abs(step)).all():
        return None
    return float(centres[0]), step


def _coherence(layer: Layer, window: Window) -> NDArray[np.float32]:
    values: NDArray[np.float32] = layer.values(window).astype(np.float32, copy=False)
    # A fill of 0 or below becomes 0 anyway.
    if layer.fill is not None and layer.fill > 0:
        values[values == np.float32(layer.fill)] = 0
    np.clip(values, 0, 1, out=values)
    if np.isnan(values.min(initial=0)):
        values[np.isnan(values)] = 0
    return values


def _heights(layer: Layer, window: Window) -> NDArray[np.float32]:
    values = layer.values(window).astype(np.float32, copy=False)
    known = (values > _HEIGHTS[0]) & (values < _HEIGHTS[1])
    if layer.fill is not None:
        known &= values != np.float32(layer.fill)
    return np.where(known, values, np.float32(np.nan))
