"""MintPy's HDF5 files: stacks of interferograms, displacement time series, velocity maps.

Layout: https://mintpy.readthedocs.io/en/latest/api/data_structure/ (datasets and attributes in the root;
``dropIfgram`` True = keep; ``azimuthAngle`` of the line of sight at the target, from the north,
anti-clockwise) and https://mintpy.readthedocs.io/en/latest/api/attributes/ (``X/Y_FIRST`` is the
upper-left corner of the first pixel; absent in radar coordinates). Sign:
https://mintpy.readthedocs.io/en/latest/FAQs/ (phase ``date1_date2`` positive away from the satellite,
displacement and velocity positive toward it). 0 and NaN are no data.

Yunjun, Fattahi & Amelung (2019), Computers & Geosciences 133, 104331.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import displacement_to_phase, line_of_sight
from ssl_insar.readers.companions import radar_wavelength
from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.frame import Affine, Frame
from ssl_insar.readers.hdf5 import Hdf5, Product, day, member, track_of
from ssl_insar.readers.layers import Difference, Layer, LayeredPhase, Plane, coarse, unit

_T = TypeVar("_T")

DAYS_PER_YEAR = 365.25
"""As MintPy counts the years of a velocity."""

_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}

_GEOMETRIES = ("geometryGeo.h5", "geo_geometryRadar.h5", "geometryRadar.h5")
_GEOMETRY_FOLDERS = ("", "inputs", "../inputs", "geo")

_NOT_MOTION = re.compile(
    r"(geo_)?(timeseriesResidual|ERA\w*|MERRA\w*|NARR|GACOS|GMAO|PYAPS|SET|ITRF\w*|ion|ionStack|tropoStack|setStack)"
    r"([_.].*)?\.h5",
    re.IGNORECASE,
)
"""Delays, tides and residuals are kept in files of the same types as the motion."""

_LAYERS = re.compile(
    rf"{_NOT_MOTION.pattern}|(geo_)?(geometry\w*|\w*mask\w*|temporalCoherence\w*|avg(Phase|Spatial)\w+|coherence\w*"
    r"|demErr\w*|num(InvIfgram|InvObs|TriNonzeroIntAmbiguity)\w*|rms\w*)\.h5",
    re.IGNORECASE,
)

_CORNER = ("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP")
_ATTRIBUTES = (
    *_CORNER,
    *("FILE_TYPE", "UNIT", "NO_DATA_VALUE", "WAVELENGTH", "START_DATE", "END_DATE", "PROCESSOR"),
    *("EPSG", "UTM_ZONE", "X_UNIT", "ORBIT_DIRECTION", "trackNumber", "relative_orbit"),
    *("AZIMUTH_PIXEL_SIZE", "RANGE_PIXEL_SIZE", "EARTH_RADIUS", "HEIGHT", "CENTER_INCIDENCE_ANGLE"),
)

_KINDS = "ifgramStack.h5, timeseries*.h5 or velocity.h5"


def _recognises(file: Hdf5) -> bool:
    return len(file.attributes("", ("FILE_TYPE", "WIDTH"))) == 2


def _frames(file: Hdf5) -> list[Frame]:
    told = file.attributes("", _ATTRIBUTES)
    kind = str(told["FILE_TYPE"])
    if _NOT_MOTION.fullmatch(file.path.name):
        raise UnreadableError(
            f"{file.path}: named as a delay, tide or residual, which is no motion; give {_KINDS}"
        )
    readers = {"ifgramStack": _interferograms, "timeseries": _time_series, "velocity": _velocity}
    if kind not in readers:
        raise UnreadableError(f"{file.path}: is MintPy's '{kind}', not phase; give {_KINDS}")
    return readers[kind](file, told)


def _interferograms(file: Hdf5, told: Mapping[str, Any]) -> list[Frame]:
    """The kept interferograms of a stack, unwrapped if it has them so."""
    name = next((name for name in ("unwrapPhase", "wrapPhase") if file.has(name)), None)
    if name is None:
        raise UnreadableError(f"{file.path}: has neither 'unwrapPhase' nor 'wrapPhase', so no phase")
    stack = file.array(name, dims=3)
    count = stack.shape[0]
    pairs = _days(file, "date", (count, 2))
    kept = file.small("dropIfgram")
    chosen = range(count) if kept is None or kept.shape != (count,) else np.flatnonzero(kept)
    if not len(chosen):
        raise UnreadableError(f"{file.path}: all {count} interferograms are dropped (dropIfgram)")
    baselines = _per_image(file, "bperp", count)
    common = _Common.of(file, told, stack.shape[1:])
    coherence = file.array("coherence", dims=3) if file.has("coherence") else None
    frames = []
    for i in map(int, chosen):
        phase = Plane(stack, i, common.fill)
        frames.append(
            Frame(
                pixels=LayeredPhase(
                    phase,
                    coherence=None
                    if coherence is None or coherence.shape != stack.shape
                    else Plane(coherence, i),
                    elevation=common.elevation,
                ),
                wrapped=name == "wrapPhase",
                member=member(*pairs[i]) or f"interferogram {i}",
                reference_date=pairs[i][0],
                secondary_date=pairs[i][1],
                perpendicular_baseline=baselines[i],
                provenance=_provenance(told, f"ifgramStack, {name}"),
                **common.facts,
            )
        )
    return frames


def _time_series(file: Hdf5, told: Mapping[str, Any]) -> list[Frame]:
    """Interferograms between consecutive dates.

    All other pairs are sums of these and tell nothing new; consecutive ones share the fewest dates,
    hence the least atmosphere.
    """
    stack = file.array("timeseries", dims=3)
    count = stack.shape[0]
    days = [pair[0] for pair in _days(file, "date", (count,))]
    if None in days or count < 2:
        raise UnreadableError(f"{file.path}: a time series needs two dates or more, all of them told")
    order = sorted(range(count), key=lambda i: days[i] or date.min)
    per_unit = _phase_per_unit(file, told, "m")
    baselines = _per_image(file, "bperp", count)
    common = _Common.of(file, told, stack.shape[1:])
    frames = []
    for earlier, later in itertools.pairwise(order):
        before, after = baselines[earlier], baselines[later]
        phase = Difference(Plane(stack, later, common.fill), Plane(stack, earlier, common.fill), common.fill)
        frames.append(
            Frame(
                pixels=LayeredPhase(phase, per_unit, common.quality, common.elevation),
                wrapped=False,
                member=member(days[earlier], days[later]),
                reference_date=days[earlier],
                secondary_date=days[later],
                perpendicular_baseline=None if before is None or after is None else after - before,
                provenance=_provenance(told, "timeseries, difference of consecutive dates"),
                **common.facts,
            )
        )
    return frames


def _velocity(file: Hdf5, told: Mapping[str, Any]) -> list[Frame]:
    """What the mean velocity adds up to from the first date to the last."""
    first, last = day(str(told.get("START_DATE", ""))), day(str(told.get("END_DATE", "")))
    if first is None or last is None or last <= first:
        raise UnreadableError(
            f"{file.path}: a velocity without START_DATE and END_DATE cannot be turned into phase"
        )
    years = (last - first).days / DAYS_PER_YEAR
    phase = Plane(file.array("velocity"))
    common = _Common.of(file, told, phase.shape)
    return [
        Frame(
            pixels=LayeredPhase(
                Plane(phase.array, fill=common.fill),
                _phase_per_unit(file, told, "m/year") * years,
                common.quality,
                common.elevation,
            ),
            wrapped=False,
            reference_date=first,
            secondary_date=last,
            provenance=_provenance(told, f"velocity map, mean velocity times {years:.2f} years"),
            **common.facts,
        )
    ]


@dataclass(frozen=True)
class _Common:
    """What all interferograms of a file share.

    Attributes:
        facts: attributes of their frames.
        elevation: layer of heights, m; or None.
        quality: layer of temporal coherence; or None.
        fill: value that means no data, beside 0 and NaN; or None.
    """

    facts: dict[str, Any]
    elevation: Layer | None
    quality: Layer | None
    fill: float | None

    @classmethod
    def of(cls, file: Hdf5, told: Mapping[str, Any], shape: tuple[int, ...]) -> _Common:
        """Gather it from the file and what lies beside it."""
        size = int(shape[0]), int(shape[1])
        transform = _transform(told)
        geometry = _beside(file, _GEOMETRY_FOLDERS, _GEOMETRIES, "incidenceAngle", size, transform)
        quality = _beside(
            file,
            ("",),
            ("temporalCoherence.h5", "geo_temporalCoherence.h5"),
            "temporalCoherence",
            size,
            transform,
        )
        los = elevation = coherence = None
        if geometry is not None:
            los = _spared(file, geometry.path, lambda: _line_of_sight(geometry))
            elevation = _spared(file, geometry.path, lambda: _layer(geometry, "height", size))
        if quality is not None:
            coherence = _spared(file, quality.path, lambda: _layer(quality, "temporalCoherence", size))
        facts = {
            "source": file.path,
            "family": PRODUCT.name,
            "wavelength": radar_wavelength(_number(told, "WAVELENGTH")),
            "los": los,
            "crs": _crs(told) if transform else None,
            "transform": transform,
            "posting": None if transform else _posting(told, los),
            "track": _track(told),
        }
        return cls(
            facts,
            elevation=elevation,
            quality=coherence,
            fill=_number(told, "NO_DATA_VALUE"),
        )


def _beside(
    file: Hdf5,
    folders: tuple[str, ...],
    names: tuple[str, ...],
    layer: str,
    shape: tuple[int, int],
    transform: Affine | None,
) -> Hdf5 | None:
    """The first file of these names beside the product that is of the same grid."""
    here = file.path.absolute().parent
    for path in (here / folder / name for folder in folders for name in names):
        if path.is_file():
            found = _spared(file, path, partial(_of_grid, path, layer, shape, transform))
            if found is not None:
                return found
    return None


def _of_grid(path: Path, layer: str, shape: tuple[int, int], transform: Affine | None) -> Hdf5 | None:
    """The file, if it has the layer on the same grid."""
    found = Hdf5(path)
    same = _layer(found, layer, shape) is not None
    return found if same and _same(_transform(found.attributes("", _CORNER)), transform) else None


def _layer(found: Hdf5, name: str, shape: tuple[int, int]) -> Plane | None:
    """A layer of the product's shape, or None."""
    layer = found.layer(name)
    return layer if layer is not None and layer.shape == shape else None


def _spared(file: Hdf5, path: Path, take: Callable[[], _T | None]) -> _T | None:
    """What is taken from a file beside the product; a damaged one must not cost the interferograms."""
    try:
        return take()
    except MemoryError:
        raise
    except Exception as error:
        why = error if isinstance(error, UnreadableError) else damaged(path, "HDF5", error)
        warnings.warn(f"{why}; left out beside {file.path.name}", stacklevel=2)
        return None


def _line_of_sight(geometry: Hdf5) -> NDArray[np.float64] | None:
    """Unit vectors, ground to satellite, on a coarse grid."""
    incidence, azimuth = geometry.layer("incidenceAngle"), geometry.layer("azimuthAngle")
    if incidence is None or azimuth is None or azimuth.shape != incidence.shape:
        return None
    angle, direction = coarse(incidence), coarse(azimuth)
    known = (angle > 0) & (angle < 90)
    # The satellite of this heading sees its targets from the direction that is told.
    vectors = np.moveaxis(line_of_sight(90 - direction, angle), -1, 0)
    return unit(np.where(known, vectors, np.nan))


def _days(file: Hdf5, name: str, shape: tuple[int, ...]) -> list[tuple[date | None, ...]]:
    """Dates by image, a tuple for each; None for those that are no dates."""
    texts = file.texts(name)
    if texts is None or texts.shape != shape:
        raise UnreadableError(f"{file.path}: has no '{name}' of shape {shape} with the dates")
    return [tuple(day(text) for text in np.atleast_1d(row)) for row in texts]


def _per_image(file: Hdf5, name: str, count: int) -> list[float | None]:
    values = file.vector(name)
    if values is None or values.size != count:
        return [None] * count
    return [float(value) if np.isfinite(value) else None for value in values]


def _phase_per_unit(file: Hdf5, told: Mapping[str, Any], usual: str) -> float:
    """Phase in rad, positive away, of one unit of displacement toward the satellite."""
    wavelength = radar_wavelength(_number(told, "WAVELENGTH"))
    if wavelength is None:
        raise UnreadableError(f"{file.path}: without WAVELENGTH displacement cannot be turned into phase")
    name = str(told.get("UNIT", usual))
    metres = _METRES.get(re.sub(r"/(year|yr|y)$", "", name))
    if metres is None:
        raise UnreadableError(f"{file.path}: the unit '{name}' is not known; {usual} expected")
    return float(displacement_to_phase(metres, wavelength))


def _number(told: Mapping[str, Any], name: str) -> float | None:
    try:
        value = float(told[name])
    except (KeyError, TypeError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _transform(told: Mapping[str, Any]) -> Affine | None:
    west, north, right, down = (_number(told, name) for name in _CORNER)
    if west is None or north is None or not right or not down:
        return None
    return right, 0.0, west, 0.0, down, north


def _same(first: Affine | None, second: Affine | None) -> bool:
    """Whether two grids coincide to a small part of a pixel; their corners are kept as text."""
    if first is None or second is None:
        return first is second
    return bool(np.allclose(first, second, rtol=1e-6, atol=0.1 * abs(second[0])))


def _crs(told: Mapping[str, Any]) -> str | None:
    code = _number(told, "EPSG")
    if code is not None:
        return f"EPSG:{int(code)}"
    zone = re.fullmatch(r"(\d{1,2})([NS])", str(told.get("UTM_ZONE", "")).upper())
    if zone:
        return f"EPSG:{(32600 if zone[2] == 'N' else 32700) + int(zone[1])}"
    return "EPSG:4326" if str(told.get("X_UNIT", "degrees")).lower().startswith("deg") else None


def _posting(told: Mapping[str, Any], los: NDArray[np.float64] | None) -> tuple[float, float] | None:
    """(row, column) spacing on the ground in m, of a file in radar coordinates."""
    azimuth, slant = _number(told, "AZIMUTH_PIXEL_SIZE"), _number(told, "RANGE_PIXEL_SIZE")
    radius, height = _number(told, "EARTH_RADIUS"), _number(told, "HEIGHT")
    incidence = _number(told, "CENTER_INCIDENCE_ANGLE")
    if incidence is None and los is not None:
        incidence = float(np.degrees(np.arccos(np.nanmean(los[2]))))
    if azimuth is None or slant is None or radius is None or height is None or not incidence:
        return None
    # Pixels are measured along the orbit and along the beam.
    return azimuth * radius / (radius + height), slant / float(np.sin(np.deg2rad(incidence)))


def _track(told: Mapping[str, Any]) -> str | None:
    orbit = _number(told, "trackNumber")
    orbit = _number(told, "relative_orbit") if orbit is None else orbit
    return track_of(orbit, told.get("ORBIT_DIRECTION"))


def _provenance(told: Mapping[str, Any], what: str) -> str:
    processor = str(told.get("PROCESSOR", ""))
    return f"MintPy {what}" + (f", processed by {processor}" if processor else "")


PRODUCT = Product("MintPy", _recognises, _frames, _LAYERS)
