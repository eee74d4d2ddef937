"""OPERA L3 displacement (DISP-S1), netCDF-4.

``displacement`` in metres along the line of sight, positive toward the platform, NaN where unknown;
``phase2disp = -wavelength / 4 pi``, so phase follows this package's sign once divided by it.
``recommended_mask``: 1 = use, 0 = low quality or water, 255 = fill; ``water_mask``: 0 = water.
``x``, ``y`` are centres of pixels, ``spatial_ref`` the reference system, ``/identification`` the dates
and the wavelength (https://github.com/opera-adt/disp-s1/blob/main/src/disp_s1/product.py and
``product_info.py``; specification JPL D-108765).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import WAVELENGTHS, displacement_to_phase
from ssl_insar.readers.companions import radar_wavelength
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.hdf5 import Hdf5, Product, day, track_of
from ssl_insar.readers.layers import LayeredPhase, Plane, fits, grid, mean
from ssl_insar.readers.pixels import Window

_DISPLACEMENTS = ("displacement", "short_wavelength_displacement")
_MASKS = ("recommended_mask", "water_mask")
_QUALITIES = ("temporal_coherence", "estimated_phase_quality")
_NAME = re.compile(r"OPERA_L3_DISP-(?P<sensor>S1|NI)_.*?_(?P<first>\d{8})T\d{6}Z_(?P<second>\d{8})T\d{6}Z_")
_SAMPLE = 256


def _recognises(file: Hdf5) -> bool:
    return any(map(file.has, _DISPLACEMENTS)) and file.has("identification")


def _frames(file: Hdf5) -> list[Frame]:
    transform, upside_down = grid(file.vector("x"), file.vector("y"))

    def layer(*names: str) -> Plane | None:
        name = next(filter(file.has, names), None)
        return Plane(file.array(name), fill=file.fill(name), upside_down=upside_down) if name else None

    name = next(filter(file.has, _DISPLACEMENTS))
    phase = Plane(file.array(name), fill=file.fill(name), upside_down=upside_down)
    told = _NAME.search(file.path.name)
    wavelength = radar_wavelength(file.number("identification/radar_wavelength"))
    if wavelength is None and told and told["sensor"] == "S1":
        wavelength = WAVELENGTHS["C"]
    if wavelength is None:
        raise UnreadableError(f"{file.path}: without radar_wavelength displacement cannot be turned to phase")
    mask = fits(layer(*_MASKS), phase)
    version = file.text("identification/product_version")
    return [
        Frame(
            pixels=LayeredPhase(
                phase,
                float(displacement_to_phase(1.0, wavelength)),
                fits(layer(*_QUALITIES), phase),
                mask=None if mask is None else (mask, _is_one),
            ),
            wrapped=False,
            source=file.path,
            family=PRODUCT.name,
            wavelength=wavelength,
            reference_date=_day(file, "reference") or day(told and told["first"]),
            secondary_date=_day(file, "secondary") or day(told and told["second"]),
            perpendicular_baseline=_baseline(layer("corrections/perpendicular_baseline")),
            crs=_crs(file) if transform else None,
            transform=transform,
            track=track_of(
                file.number("identification/track_number"), file.text("identification/orbit_pass_direction")
            ),
            frame=None
            if (number := file.number("identification/frame_id")) is None
            else f"F{int(number):05d}",
            provenance=f"OPERA DISP {name}" + (f", version {version}" if version else ""),
        )
    ]


def _is_one(mask: NDArray[Any]) -> NDArray[np.bool_]:
    usable: NDArray[np.bool_] = mask == 1
    return usable


def _day(file: Hdf5, role: str) -> Any:
    return file.day(f"identification/{role}_datetime") or file.day(
        f"identification/{role}_zero_doppler_start_time"
    )


def _crs(file: Hdf5) -> str | None:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    told = file.attributes("spatial_ref", ("crs_wkt", "spatial_ref"))
    text = told.get("crs_wkt") or told.get("spatial_ref")
    try:
        return str(CRS.from_wkt(text).to_string()) if isinstance(text, str) else None
    except CRSError:
        return None


def _baseline(layer: Plane | None) -> float | None:
    """Mean over the middle of the frame; it varies by some metres only."""
    if layer is None:
        return None
    height, width = layer.shape
    rows, cols = min(height, _SAMPLE), min(width, _SAMPLE)
    return mean(layer.values(Window((height - rows) // 2, (width - cols) // 2, rows, cols)))


PRODUCT = Product("OPERA DISP", _recognises, _frames)
