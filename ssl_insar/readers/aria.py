"""ARIA geocoded unwrapped interferograms (S1-GUNW), netCDF-4.

``/science/grids/data/{unwrappedPhase,coherence}`` in EPSG:4326, ``/science/grids/imagingGeometry`` on a
coarse grid of latitude, longitude and height. The product is named ``LATER_EARLIER`` and its phase runs
that way: MintPy multiplies phase and baseline by -1 to have ``EARLIER_LATER``, positive away from the
satellite, and takes 90 degrees off ``azimuthAngle`` to count it from the north
(https://github.com/insarlab/MintPy/blob/main/src/mintpy/prep_aria.py), so here it counts
anti-clockwise from the east, from the ground to the satellite. Both dates are passed on as the product
has them; `readers.registry` puts the earlier one first and turns the sign with them.

Buzzanga et al. (2020), Geophysical Research Letters 47, e2020GL090013.
"""

from __future__ import annotations

import re
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import WAVELENGTHS, line_of_sight
from ssl_insar.readers.companions import radar_wavelength
from ssl_insar.readers.frame import Affine, Frame
from ssl_insar.readers.hdf5 import Hdf5, Product, day
from ssl_insar.readers.layers import LayeredPhase, Plane, fits, grid, mean, spread, unit

_DATA = "science/grids/data"
_GEOMETRY = "science/grids/imagingGeometry"
_RADAR = "science/radarMetaData"

_NAME = re.compile(
    r"(?P<sensor>[A-Z0-9]+)-GUNW-(?P<pass>[AD])-[RL]-(?P<orbit>\d{3})-\w+-(?P<first>\d{8})_(?P<second>\d{8})-"
)
_GRANULE_DATE = re.compile(r"_(\d{8}T\d{6})_")


def _recognises(file: Hdf5) -> bool:
    return file.has(f"{_DATA}/unwrappedPhase")


def _frames(file: Hdf5) -> list[Frame]:
    name = _NAME.search(file.path.name)
    transform, upside_down = grid(file.vector(f"{_DATA}/longitude"), file.vector(f"{_DATA}/latitude"))

    def layer(of: str) -> Plane:
        path = f"{_DATA}/{of}"
        return Plane(file.array(path), fill=file.fill(path), upside_down=upside_down)

    phase = layer("unwrappedPhase")
    coherence = fits(layer("coherence") if file.has(f"{_DATA}/coherence") else None, phase)
    reference, secondary = _dates(file, name)
    baselines = file.small(f"{_GEOMETRY}/perpendicularBaseline")
    version = file.attributes("", ["version"]).get("version")
    frame = Frame(
        pixels=LayeredPhase(phase, coherence=coherence),
        wrapped=False,
        source=file.path,
        family=PRODUCT.name,
        wavelength=radar_wavelength(file.number(f"{_RADAR}/wavelength"))
        or (WAVELENGTHS["C"] if name and name["sensor"] == "S1" else None),
        reference_date=reference,
        secondary_date=secondary,
        perpendicular_baseline=mean(baselines),
        los=_line_of_sight(file, phase.shape, transform),
        crs="EPSG:4326" if transform else None,
        transform=transform,
        track=f"{name['orbit']}{name['pass']}" if name else None,
        provenance="ARIA GUNW unwrappedPhase, processed by ISCE"
        + (f", version {version}" if version else ""),
    )
    # Without dates nobody else can tell that it runs from the later to the earlier one.
    return [frame.reversed() if reference is None else frame]


def _dates(file: Hdf5, name: re.Match[str] | None) -> tuple[date | None, date | None]:
    """Reference (later) and secondary date: of the images it was made of, else as the name has them."""
    days = [
        day(stamp[1]) if (stamp := _GRANULE_DATE.search(granule or "")) else None
        for granule in (
            file.text(f"{_RADAR}/inputSLC/{role}/L1InputGranules") for role in ("reference", "secondary")
        )
    ]
    if None in days and name:
        days = [day(name["first"]), day(name["second"])]
    return (None, None) if None in days else (days[0], days[1])


def _line_of_sight(
    file: Hdf5, shape: tuple[int, int], transform: Affine | None
) -> NDArray[np.float64] | None:
    """Unit vectors at the height nearest to the ellipsoid."""
    x, y, heights = (file.vector(f"{_GEOMETRY}/{axis}Meta") for axis in ("longitude", "latitude", "heights"))
    angle, direction = (file.small(f"{_GEOMETRY}/{name}") for name in ("incidenceAngle", "azimuthAngle"))
    if x is None or y is None or heights is None or angle is None or direction is None:
        return None
    if angle.shape != direction.shape or angle.shape != (heights.size, y.size, x.size):
        return None
    level = int(np.argmin(np.abs(heights)))
    theta, phi = angle[level].astype(np.float64), direction[level].astype(np.float64)
    known = (theta > 0) & (theta < 90)
    # The heading that sees its target from this direction, which counts from the east.
    vectors = unit(np.where(known, np.moveaxis(line_of_sight(180 - phi, theta), -1, 0), np.nan))
    return None if vectors is None else spread(vectors, x, y, shape, transform)


PRODUCT = Product("ARIA S1-GUNW", _recognises, _frames)
