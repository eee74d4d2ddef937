"""What products keep beside the phase: coherence, heights, water masks, look vectors, parameter files.

A layer on another grid than the phase is left out with a warning, because reading it pixel by pixel
beside the phase would misalign it. Real archives hold such layers, a mask one column wider than its
raster among them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.pixels import Patch, Window
from ssl_insar.readers.raster import Raster
from ssl_insar.readers.values import HEIGHTS

_COARSE = 64
"""Cells along a side of a line of sight; it varies by less than half a degree in one of them."""

_ALIGNED = 0.5
"""px; corners closer than this have the same nearest pixels throughout."""

_OVERSHOOT = 1.5
"""Resampled coherence overshoots 1 a little; what goes beyond this is something else."""

_UNIT = 0.05
"""How far from 1 the length of a unit vector may be."""

_BANDS = (
    (0.0083, 0.0088),  # Ka: aircraft
    (0.0160, 0.0185),  # Ku: aircraft and snow missions
    (0.0303, 0.0323),  # X: TerraSAR-X .03107, COSMO-SkyMed .03123
    (0.0550, 0.0570),  # C: Sentinel-1 .05547, Envisat .05624, ERS and RADARSAT .05656
    (0.0925, 0.0970),  # S: NISAR .0937, NovaSAR .0938
    (0.2300, 0.2450),  # L: JERS .2353, ALOS .2361, NISAR .2384, ALOS-2 .2424
    (0.6700, 0.7100),  # P: BIOMASS .6892
)
"""m; what radars in orbit and on aircraft use. One changed digit mostly falls between."""

_TEXT_BYTES = 2**22
"""No parameter file is longer."""


@dataclass(frozen=True)
class Layers:
    """Phase from one raster file, other layers of the same grid from others.

    Attributes:
        phase: float in rad, or complex.
        coherence: 0 to 1 (float) or 0 to 255 (8 bits); 0 is no data.
        elevation: m; 0 is no data, as in products that do not know the height of the sea.
        land: 0 over water, where phase is noise and is taken for not valid.
    """

    phase: Raster
    coherence: Raster | None = None
    elevation: Raster | None = None
    land: Raster | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.phase.shape

    def read(self, window: Window) -> Patch:
        """The window of all layers.

        Raises:
            UnreadableError: a layer beside the phase is damaged or not what its name says.
        """
        phase, valid = self.phase.phase(window)
        if self.land is not None:
            valid &= self._beside(self.land, window) != 0
            phase[~valid] = 0
        return Patch(
            phase,
            valid,
            None if self.coherence is None else self._coherence(self.coherence, window),
            None if self.elevation is None else _heights(self._beside(self.elevation, window)),
        )

    def _beside(self, layer: Raster, window: Window) -> NDArray[Any]:
        try:
            return layer.values(window)
        except MemoryError:
            raise
        except Exception as error:  # rasterio passes on what GDAL makes of damaged contents
            raise UnreadableError(
                f"{self.phase.path}: cannot be read with what lies beside it: "
                f"{damaged(layer.path, 'GeoTIFF', error)}; fetch that one again or take it away"
            ) from error

    def _coherence(self, layer: Raster, window: Window) -> NDArray[np.float32]:
        raw = self._beside(layer, window)
        values: NDArray[np.float32]
        if raw.dtype == np.uint8:
            values = np.true_divide(raw, 255, dtype=np.float32)
            return values
        values = raw.astype(np.float32)
        unknown = ~np.isfinite(values)
        if layer.no_data is not None:
            unknown |= raw == layer.no_data
        values[unknown] = 0
        if values.max(initial=0) > _OVERSHOOT:
            raise UnreadableError(
                f"{self.phase.path}: the coherence beside it, {layer.path.name}, has values up to "
                f"{values.max():g} where 1 is the most; scale it to [0, 1] or take it away"
            )
        return np.clip(values, 0, 1, out=values)


def beside(phase: Raster, path: Path | None, kinds: str = "uif") -> Raster | None:
    """Open a layer that lies beside the phase, if it is there and of the same grid.

    Args:
        phase: the raster it must match.
        path: the layer; None: there is none.
        kinds: numpy kinds of data it may have.

    Returns:
        the open layer, or None; a warning that names the file tells why one that is there is left out.
    """
    if path is None or not path.is_file():
        return None
    try:
        layer = Raster(path)
    except MemoryError:
        raise
    except Exception as error:  # a damaged companion must not cost the interferogram
        _leave_out(path, error)
        return None
    if layer.dtype.kind not in kinds:
        _leave_out(path, f"{layer.dtype} values are not expected there")
        return None
    if not _same_grid(phase, layer):
        size = "{1} x {0}"
        _leave_out(
            path,
            f"its grid ({size.format(*layer.shape)}) is not that of {phase.path.name} "
            f"({size.format(*phase.shape)})",
        )
        return None
    return layer


def coherence_beside(phase: Raster, path: Path | None) -> Raster | None:
    """As `beside`, for coherence: float, or 8 bits."""
    layer = beside(phase, path, "uf")
    if layer is not None and layer.dtype.kind == "u" and layer.dtype != np.uint8:
        _leave_out(layer.path, f"{layer.dtype} values are not coherence")
        return None
    return layer


def land_beside(phase: Raster, path: Path | None) -> Raster | None:
    """As `beside`, for a mask that is 0 over water; one without any land is left out."""
    layer = beside(phase, path)
    if layer is None:
        return None
    sample = _coarse(layer)
    if sample is None:
        return None
    if not sample.any():
        _leave_out(layer.path, "it has no land at all")
        return None
    return layer


def line_of_sight(layers: Sequence[Raster | None], angles: bool = False) -> NDArray[np.float64] | None:
    """Line of sight on a coarse grid, from its three components or its two angles.

    Args:
        layers: East, North and Up of the unit vector from ground to satellite; or, with ``angles``,
            elevation above the horizon and direction counter-clockwise from East, both in rad.
        angles: which of the two.

    Shape:
        layers (H, W) -> (3, h, w) with h, w <= 64; NaN where the layers have no data

    Returns:
        East, North, Up; None if a layer is missing, unreadable, or nothing but no data.
    """
    coarse = [None if layer is None else _coarse(layer) for layer in layers]
    if any(values is None for values in coarse):
        return None
    parts = np.stack([np.asarray(values, np.float64) for values in coarse])
    if angles:
        theta, phi = parts
        vectors = np.stack([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), np.sin(theta)])
    else:
        vectors = parts
    with np.errstate(invalid="ignore"):
        # The satellite stands above the horizon; 0, the fill, is neither a unit vector nor above it.
        known = (np.abs(np.linalg.norm(vectors, axis=0) - 1) < _UNIT) & (vectors[2] > _UNIT)
    return np.where(known, vectors, np.nan) if known.any() else None


def parameters(path: Path, separator: str) -> dict[str, str]:
    """Key and value of every line of a parameter file; empty if there is no such file.

    Args:
        path: a text file.
        separator: what stands between key and value, first of its kind in the line.

    Returns:
        values by key; keys in small letters.
    """
    pairs = (line.partition(separator) for line in text(path).splitlines())
    return {key.strip().lower(): value.strip() for key, found, value in pairs if found}


def text(path: Path) -> str:
    """Contents of a small text file; empty if it is absent, unreadable or far too long."""
    try:
        if path.stat().st_size > _TEXT_BYTES:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def number(value: str | None) -> float | None:
    """The finite number that a value begins with (units may follow); or None."""
    try:
        found = float((value or "").split()[0])
    except (ValueError, IndexError):
        return None
    return found if np.isfinite(found) else None


def radar_wavelength(metres: float | None) -> float | None:
    """A wavelength as it is told; None if no radar has it, as where its text was cut short."""
    known = metres is not None and any(low <= metres <= high for low, high in _BANDS)
    return metres if known else None


def _coarse(layer: Raster) -> NDArray[Any] | None:
    height, width = layer.shape
    try:
        return layer.coarse((min(height, _COARSE), min(width, _COARSE)))
    except MemoryError:
        raise
    except Exception as error:  # as in `beside`
        _leave_out(layer.path, error)
        return None


def _heights(values: NDArray[Any]) -> NDArray[np.float32]:
    heights = values.astype(np.float32, copy=False)
    known = (heights > HEIGHTS[0]) & (heights < HEIGHTS[1]) & (heights != 0)
    return np.where(known, heights, np.float32(np.nan))


def _same_grid(first: Raster, second: Raster) -> bool:
    if first.shape != second.shape:
        return False
    if first.transform is None or second.transform is None:
        return first.transform is second.transform
    height, width = first.shape
    a, b, c, d, e, f = np.subtract(second.transform, first.transform)
    columns, rows = np.array([0, width, 0, width]), np.array([0, 0, height, height])
    apart = np.stack([a * columns + b * rows + c, d * columns + e * rows + f])
    try:
        pixels = np.linalg.solve(np.array(first.transform).reshape(2, 3)[:, :2], apart)
    except np.linalg.LinAlgError:  # a damaged header whose pixels have no area
        return False
    return bool(np.abs(pixels).max() < _ALIGNED)


def _leave_out(path: Path, why: str | Exception) -> None:
    if isinstance(why, Exception):
        why = str(why if isinstance(why, UnreadableError) else damaged(path, "GeoTIFF", why))
    else:
        why = f"{path}: {why}"
    warnings.warn(f"{why}; left out beside the phase", stacklevel=3)
