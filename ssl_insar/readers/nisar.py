"""NISAR geocoded unwrapped interferograms (GUNW), HDF5.

``/science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram/<pol>/{unwrappedPhase,coherenceMagnitude}``
at 80 m, ``.../wrappedInterferogram/<pol>/wrappedInterferogram`` (complex) at 20 m;
``metadata/radarGrid/losUnitVectorX, Y`` are the East and North component of the unit vector from target
to sensor; ``mask`` is a number of three digits: hundreds 1 = water, then the sub-swath of either image,
255 = fill (https://github.com/isce-framework/isce3, ``python/packages/nisar/products/insar``;
specification JPL D-102272). The interferogram runs from the reference to the secondary date, positive
away from the satellite: MintPy takes phase and order over as they are, ARIA-tools turns both
(https://github.com/aria-tools/ARIA-tools/pull/495). Corrections that come with it are not applied.

NISAR looks to the left, so the sign of the line of sight does not tell its pass; the track's letter does.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import SPEED_OF_LIGHT
from ssl_insar.readers.companions import radar_wavelength
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.frame import Affine, Frame
from ssl_insar.readers.hdf5 import Hdf5, Product, track_of
from ssl_insar.readers.layers import LayeredPhase, Plane, fits, grid, mean, spread, unit

_BANDS = ("science/LSAR", "science/SSAR")
_WATER = 100
"""Values from here on are water, or fill."""

_PHASES = (("unwrappedInterferogram", "unwrappedPhase"), ("wrappedInterferogram", "wrappedInterferogram"))
"""Group and dataset; the first that is there is taken, for they are the same interferogram."""


def _recognises(file: Hdf5) -> bool:
    return any(file.has(f"{band}/GUNW/grids") for band in _BANDS)


def _frames(file: Hdf5) -> list[Frame]:
    band = next(band for band in _BANDS if file.has(f"{band}/GUNW/grids"))
    grids = f"{band}/GUNW/grids"
    found = [
        (frequency, *phase)
        for frequency in file.names(grids)
        for phase in _phases(file, f"{grids}/{frequency}")
    ]
    if not found:
        raise UnreadableError(f"{file.path}: NISAR GUNW without unwrappedPhase or wrappedInterferogram")
    several = len(found) > 1
    return [
        _frame(file, band, *place, member=f"{place[0]}/{place[2]}" if several else None) for place in found
    ]


def _phases(file: Hdf5, grids: str) -> list[tuple[str, str, str]]:
    """Group, polarisation and dataset of the interferograms of one frequency."""
    for group, name in _PHASES:
        found = [
            (group, polarisation, name)
            for polarisation in file.names(f"{grids}/{group}")
            if file.has(f"{grids}/{group}/{polarisation}/{name}")
        ]
        if found:
            return found
    return []


def _frame(
    file: Hdf5, band: str, frequency: str, group: str, polarisation: str, name: str, member: str | None
) -> Frame:
    grids = f"{band}/GUNW/grids/{frequency}"
    # Coordinates stand beside the polarisations or, in some versions, with each of them.
    folders = (f"{grids}/{group}/{polarisation}", f"{grids}/{group}")
    x, y = (_first(file, folders, axis) for axis in ("xCoordinates", "yCoordinates"))
    transform, upside_down = grid(x, y)

    def layer(path: str) -> Plane | None:
        return (
            Plane(file.array(path), fill=file.fill(path), upside_down=upside_down) if file.has(path) else None
        )

    path = f"{folders[0]}/{name}"
    phase = Plane(file.array(path), fill=file.fill(path), upside_down=upside_down)
    mask = fits(layer(f"{folders[1]}/mask"), phase)
    code = _first(file, folders, "projection")
    hertz = file.number(f"{grids}/centerFrequency")
    told = f"{band}/identification"
    track = track_of(file.number(f"{told}/trackNumber"), file.text(f"{told}/orbitPassDirection"))
    number = file.number(f"{told}/frameNumber")
    return Frame(
        pixels=LayeredPhase(
            phase,
            coherence=fits(layer(f"{folders[0]}/coherenceMagnitude"), phase),
            mask=None if mask is None else (mask, _is_land),
        ),
        wrapped=name == "wrappedInterferogram",
        source=file.path,
        family=PRODUCT.name,
        member=member,
        wavelength=radar_wavelength(SPEED_OF_LIGHT / hertz) if hertz else None,
        reference_date=file.day(f"{told}/referenceZeroDopplerStartTime"),
        secondary_date=file.day(f"{told}/secondaryZeroDopplerStartTime"),
        perpendicular_baseline=mean(file.small(f"{band}/GUNW/metadata/radarGrid/perpendicularBaseline")),
        los=_line_of_sight(file, f"{band}/GUNW/metadata/radarGrid", phase.shape, transform),
        crs=f"EPSG:{int(code[0])}" if transform and code is not None else None,
        transform=transform,
        track=track,
        # Frames are numbered by latitude, the same on all tracks.
        frame=f"{track}_{int(number):03d}" if track and number is not None else None,
        provenance=f"NISAR GUNW {frequency} {polarisation} {name}, no corrections applied",
    )


def _first(file: Hdf5, folders: tuple[str, ...], name: str) -> NDArray[np.float64] | None:
    for folder in folders:
        values = file.small(f"{folder}/{name}")
        if values is not None and values.size:
            return values.reshape(-1).astype(np.float64)
    return None


def _is_land(mask: NDArray[Any]) -> NDArray[np.bool_]:
    land: NDArray[np.bool_] = mask < _WATER
    return land


def _line_of_sight(
    file: Hdf5, cube: str, shape: tuple[int, int], transform: Affine | None
) -> NDArray[np.float64] | None:
    """Unit vectors at the height nearest to the ellipsoid."""
    x, y, heights = (
        file.vector(f"{cube}/{name}") for name in ("xCoordinates", "yCoordinates", "heightAboveEllipsoid")
    )
    east, north = (file.small(f"{cube}/losUnitVector{axis}") for axis in "XY")
    if x is None or y is None or heights is None or east is None or north is None:
        return None
    if east.shape != north.shape or east.shape != (heights.size, y.size, x.size):
        return None
    level = int(np.argmin(np.abs(heights)))
    across = np.stack([east[level], north[level]]).astype(np.float64)
    with np.errstate(invalid="ignore"):
        up = np.sqrt(1 - (across**2).sum(axis=0))
    vectors = unit(np.concatenate([across, up[None]]))
    return None if vectors is None else spread(vectors, x, y, shape, transform)


PRODUCT = Product("NISAR GUNW", _recognises, _frames, re.compile(r".*_QA_STATS\.h5"))
