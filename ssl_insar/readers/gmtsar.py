"""GMTSAR grids (``.grd``): wrapped and unwrapped phase in netCDF, classic or netCDF-4.

``phase.grd``, ``phasefilt.grd`` are wrapped, ``unwrap.grd`` is unwrapped, ``*_ll.grd`` are in longitude
and latitude, the others in radar coordinates; ``corr.grd`` is coherence. Variable ``z``, NaN = no data.
GMTSAR turns phase into displacement by -79.58 x wavelength (mm), "LOS = -1 * range change"
(https://github.com/gmtsar/gmtsar/blob/master/gmtsar/csh/geocode.csh), so positive phase is motion away.
GMT stores the southernmost row first, and centres of pixels as coordinates whether the grid is
gridline-registered or (``node_offset`` 1) pixel-registered.

A pair's folder is named by the days of the year of its two images; some satellites count them from 0
and some from 1, so dates are taken from the names of the ``.PRM`` files instead, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.companions import number, parameters, radar_wavelength
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Affine, Frame
from ssl_insar.readers.hdf5 import FILLS, SIGNATURE, Hdf5, Product, day, printable
from ssl_insar.readers.layers import LayeredPhase, Plane, grid
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.netcdf3 import SIGNATURES, Netcdf3
from ssl_insar.readers.pixels import settle
from ssl_insar.readers.values import is_wrapped, refuse_coherence

_AXES = (("lon", "lat"), ("longitude", "latitude"), ("x", "y"))
_PHASE = re.compile(r"(?<![a-z])(phase|unw)", re.IGNORECASE)
_LAYERS = re.compile(
    r"(corr|mask|landmask|amp|display_amp|xphase|yphase|los|topo|dem|conncomp|raln|ralt|real|imag"
    r"|E|N|U|look)\d?(_\w+|\d)*\.grd",
    re.IGNORECASE,
)
_FOLDER = re.compile(r"(\d{7})_(\d{7})")
_DAY = re.compile(r"(?<!\d)((?:19|20)\d{6})(?!\d)")
_FULL_TURN = 360.0
_POLE = 90.0
_TITLES = ("title", "description")
_NAMES = ("long_name", "units")
_OF_Z = (*_NAMES, *FILLS, "scale_factor", "add_offset")


@dataclass(frozen=True)
class _Grid:
    """A GMT grid.

    Attributes:
        x: coordinates of the columns, or None.
        y: of the rows, or None.
        z: (H, W) values.
        fill: value that means no data, beside 0 and NaN; or None.
        geographic: whether the coordinates are degrees.
        words: titles, names and units that tell what it is.
    """

    x: NDArray[np.float64] | None
    y: NDArray[np.float64] | None
    z: Any
    fill: float | None
    geographic: bool
    words: str

    @property
    def placed(self) -> tuple[Affine | None, bool]:
        """Georeference, and whether the rows must be turned; radar coordinates have neither."""
        if not self.geographic:
            return None, False
        transform, upside_down = grid(self.x, self.y)
        if transform is not None and transform[2] > _FULL_TURN / 2:
            transform = (*transform[:2], transform[2] - _FULL_TURN, *transform[3:])
        return transform, upside_down

    @property
    def plane(self) -> Plane:
        """The values, northernmost row first."""
        return Plane(self.z, fill=self.fill, upside_down=self.placed[1])


def read_gmtsar(path: Path, found: _Grid) -> Frame:
    """Make a frame of a grid.

    Args:
        path: the file.
        found: its contents.

    Raises:
        UnreadableError: the grid is another layer by its name, or nothing says that it is phase.
    """
    named = _PHASE.search(path.name) is not None
    if not named and _LAYERS.fullmatch(path.name):
        raise UnreadableError(
            f"{path}: named as a GMTSAR layer that is no phase; give phase*.grd or unwrap*.grd"
        )
    if not named and not re.search(r"phase|radian", found.words, re.IGNORECASE):
        raise UnreadableError(
            f"{path}: a GMT grid of which neither name nor title says that it is phase; if it is phase in "
            "rad, put 'phase' or 'unwrap' into its name"
        )
    transform, _ = found.placed
    if found.geographic and transform is None:
        raise UnreadableError(
            f"{path}: damaged grid (its longitudes and latitudes are not evenly spaced, so nothing tells "
            "where north is)"
        )
    pixels = settle(LayeredPhase(found.plane, coherence=_coherence(path, found)))
    if not named:
        refuse_coherence(path, pixels)
    reference, secondary, wavelength = _parameters(path)
    return Frame(
        pixels=pixels,
        wrapped=is_wrapped(pixels, path.name),
        source=path,
        family=PRODUCT.name,
        wavelength=wavelength,
        crs="EPSG:4326" if transform else None,
        transform=transform,
        provenance=f"GMTSAR {path.stem}" + (f" ({found.words})" if found.words else ""),
        **facts_of(path)._replace(reference_date=reference, secondary_date=secondary)._asdict(),
    )


def _parameters(path: Path) -> tuple[date | None, date | None, float | None]:
    """Dates of the two images and wavelength, from the parameter files beside the grid."""
    folder = path.absolute().parent
    told = {file: parameters(file, "=") for file in sorted(folder.glob("*.PRM"))}
    lengths = {number(facts.get("radar_wavelength")) for facts in told.values()} - {None}
    wavelength = radar_wavelength(lengths.pop()) if len(lengths) == 1 else None
    named = facts_of(path)
    days: list[date | None] = [named.reference_date, named.secondary_date]
    pair = _FOLDER.fullmatch(folder.name)
    if pair:
        by_clock = {
            str(int(clock)): day(stamp[1])
            for file, facts in told.items()
            if (clock := number(facts.get("sc_clock_start"))) is not None
            and (stamp := _DAY.search(file.stem))
        }
        days = [by_clock.get(clock) for clock in pair.groups()]
    if None in days:
        return None, None, wavelength
    return days[0], days[1], wavelength


def _coherence(path: Path, phase: _Grid) -> Plane | None:
    """``corr.grd`` beside the phase, if it covers the same pixels."""
    corr = path.with_name("corr_ll.grd" if path.stem.endswith("_ll") else "corr.grd")
    if not corr.is_file():
        return None
    try:
        found = _open(corr)
    except MemoryError:
        raise
    except Exception:  # a damaged companion must not cost the interferogram
        return None
    same = found.z.shape == phase.z.shape and all(
        first is not None
        and second is not None
        and first.shape == second.shape
        and np.allclose(first, second)
        for first, second in ((found.x, phase.x), (found.y, phase.y))
    )
    return found.plane if same and found.z.dtype.kind == "f" else None


def _open(path: Path) -> _Grid:
    with path.open("rb") as handle:
        head = handle.read(len(SIGNATURE))
    return _of_hdf5(Hdf5(path)) if head == SIGNATURE else _of_netcdf3(Netcdf3.open(path))


def _of_netcdf3(file: Netcdf3) -> _Grid:
    variable = file.variables.get("z")
    if variable is None or len(variable.shape) != 2 or variable.dtype.kind not in "fc":
        raise UnreadableError(f"{file.path}: a netCDF file without a GMT grid (float variable z of two axes)")
    z = file.array("z")
    names = next((pair for pair in _AXES if pair == variable.dims[::-1]), ("", ""))
    axes = [file.array(name).astype(np.float64) if name in file.variables else None for name in names]
    told = [file.variables[name].attributes if name in file.variables else {} for name in names]
    return _grid(file.path, z, axes, names, file.attributes, variable.attributes, told)


def _of_hdf5(file: Hdf5) -> _Grid:
    z = file.array("z")
    if z.dtype.kind != "f":
        raise UnreadableError(f"{file.path}: the grid z holds {z.dtype} values, not phase")
    names = next((pair for pair in _AXES if all(map(file.has, pair))), ("", ""))
    axes = [file.vector(name) if name else None for name in names]
    told = [file.attributes(name, ["units"]) if name else {} for name in names]
    return _grid(file.path, z, axes, names, file.attributes("", _TITLES), file.attributes("z", _OF_Z), told)


def _grid(
    path: Path,
    z: Any,
    axes: list[NDArray[np.float64] | None],
    names: tuple[str, str],
    of_file: Mapping[str, Any],
    of_z: Mapping[str, Any],
    of_axes: Sequence[Mapping[str, Any]],
) -> _Grid:
    if of_z.get("scale_factor", 1) != 1 or of_z.get("add_offset", 0) != 0:
        raise UnreadableError(f"{path}: packed with scale_factor or add_offset; write it as plain floats")
    height, width = z.shape
    x, y = (
        axis if axis is not None and axis.shape == (size,) else None
        for axis, size in zip(axes, (width, height), strict=True)
    )
    units = " ".join(str(told.get("units", "")) for told in of_axes)
    fill = next((of_z[key] for key in FILLS if isinstance(of_z.get(key), (int, float))), None)
    words = [*map(of_file.get, _TITLES), *map(of_z.get, _NAMES)]
    return _Grid(
        x,
        y,
        z,
        None if fill is None else float(fill),
        geographic=names[0].startswith("lon")
        or "degrees_east" in units
        or (path.stem.endswith("_ll") and (y is None or bool(np.abs(y).max() <= _POLE))),
        words=", ".join(
            dict.fromkeys(printable(word) for word in words if isinstance(word, str) and len(word) > 1)
        ),
    )


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    return [read_gmtsar(path, _of_netcdf3(Netcdf3.open(path)))]


PRODUCT = Product(
    "GMTSAR",
    lambda file: file.has("z"),
    lambda file: [read_gmtsar(file.path, _of_hdf5(file))],
)

FAMILY = Family(
    name="GMTSAR",
    claims=lambda path, head: head.startswith(SIGNATURES),
    frames=_frames,
    walks=lambda path: path.suffix.lower() == ".grd" and _PHASE.search(path.name) is not None,
)
"""Grids in netCDF classic; those in netCDF-4 are told apart with the other HDF5 files."""
