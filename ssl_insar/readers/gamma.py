"""GAMMA: headerless interferograms whose size and place stand in ``.par`` files nearby.

Values are big-endian as GAMMA writes them, but copies in the other order are in use and look the same
from outside, so the values decide (`ssl_insar.readers.binary.settled`). Sign: positive = away, first date
of the name as reference, as the DIFF&GEO manual's ``dispmap`` takes it (positive displacement = toward).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import SPEED_OF_LIGHT, line_of_sight
from ssl_insar.readers.binary import Band, Grid, Layout, band, companion, count, order_of, settled
from ssl_insar.readers.companions import number, parameters, radar_wavelength
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.layers import LayeredPhase, coarse, unit
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.width import refuse_wrong_width

_PHASE = {".unw": ">f4", ".int": ">c8", ".diff": ">c8"}

_NOT_PHASE = {
    ".disp": "displacement along a direction that no header tells",
    ".cc": "coherence",
    ".lv_theta": "look angles",
    ".lv_phi": "look angles",
    ".inc": "incidence angles",
    ".dem": "elevation",
    ".hgt": "elevation",
    ".mli": "amplitude",
    ".rmli": "amplitude",
    ".ls_map": "a mask",
    ".par": "a parameter file",
    ".dem_par": "a parameter file",
}

_PARS = ("dem_par", "dem.par", "mli.par", "slc.par", ".off")
"""Ends of the names of parameter files that give an image's size, the likeliest first: geocoded images,
multilooked ones, full resolution, interferogram offsets."""

_SIZES = (
    ("width", "nlines"),
    ("range_samples", "azimuth_lines"),
    ("interferogram_width", "interferogram_azimuth_lines"),
)

_RADAR_PARS = ("mli.par", "slc.par")
"""Those of acquisitions, with the radar's frequency, the heading and the incidence."""

_MOST_PARS = 32
"""Parameter files looked at for one image: folders hold one for each acquisition, all of one size."""

_TICK = 2 * 10**9
"""ns."""

Par = dict[str, str]


def read_par(path: Path) -> Par:
    """Values, their units behind them, of a parameter file, by key in small letters."""
    try:
        seen = path.stat()
    except OSError:
        return {}
    if _changed_just_now(seen.st_mtime_ns):
        return parameters(path, ":")
    return _parameters(str(path), seen.st_mtime_ns, seen.st_size)


# All files of a folder are sized by the same few, which are then read once and not once for each.
@lru_cache(maxsize=256)
def _parameters(path: str, changed: int, size: int) -> Par:
    return parameters(Path(path), ":")


def _changed_just_now(changed: int) -> bool:
    """Whether a further change need not show, for clocks of file systems tick slowly."""
    return time.time_ns() - changed < _TICK


def size_of(par: Par) -> tuple[int, int] | None:
    """(H, W) that a parameter file gives, or None."""
    for across, down in _SIZES:
        width, height = count(par.get(across)), count(par.get(down))
        if width and height:
            return height, width
    return None


def grid_of(par: Par) -> Grid:
    """Place of a geocoded image: the parameter file gives the centre of its first pixel.

    UTM south of the equator is told by its false northing of 10,000 km.
    """
    geographic = "post_lat" in par
    names = ("lat", "lon") if geographic else ("north", "east")
    dy, dx = (number(par.get(f"post_{name}")) for name in names)
    y, x = (number(par.get(f"corner_{name}")) for name in names)
    if x is None or y is None or not dx or not dy:
        return Grid()
    if geographic:
        crs = "EPSG:4326"
    else:
        zone = count(par.get("projection_zone"))
        if par.get("dem_projection", "").upper() != "UTM" or not 1 <= zone <= 60:
            return Grid(posting=(abs(dy), abs(dx)))
        south = (number(par.get("false_northing")) or 0.0) > 0
        crs = f"EPSG:{327 if south else 326}{zone:02d}"
    return Grid(crs, (dx, 0.0, x - dx / 2, 0.0, dy, y - dy / 2))


def wavelength_of(par: Par) -> float | None:
    """Of the radar, m, from its frequency; or None."""
    frequency = number(par.get("radar_frequency"))
    return radar_wavelength(SPEED_OF_LIGHT / frequency) if frequency and frequency > 0 else None


def read_gamma(path: Path) -> Frame:
    """Read a GAMMA ``.unw``, ``.int`` or ``.diff``.

    Coherence comes from the ``.cc`` of the pair in the folder or in ``../coherence``; the line of sight
    from ``lv_theta`` and ``lv_phi`` if both are there, else from heading and incidence at the centre of
    the scene; the perpendicular baseline from the pair's ``base`` file.

    Raises:
        UnreadableError: another layer, no parameter file of the image's size, or several that disagree.
    """
    suffix = path.suffix.lower()
    if suffix in _NOT_PHASE:
        raise UnreadableError(f"{path}: is {_NOT_PHASE[suffix]}, not phase; give the .unw, .int or .diff")
    layout, par = _sized(path, np.dtype(_PHASE[suffix]))
    layout = settled(path, layout)
    refuse_wrong_width(path, layout, by="the parameter file nearby")
    grid = grid_of(par)
    named = facts_of(path)
    days = [day for day in (named.reference_date, named.secondary_date) if day]
    acquisition = _acquisition(path, days) or par
    los = _look_vectors(path, layout)
    return Frame(
        pixels=LayeredPhase(
            band(path, layout),
            coherence=_only(_of_pair(path, days, (".cc",)), layout),
            elevation=_only(_beside(path, (".dem", ".hgt"), layout), layout),
        ),
        wrapped=suffix != ".unw",
        source=path,
        family="GAMMA",
        wavelength=wavelength_of(acquisition),
        perpendicular_baseline=_perpendicular_baseline(path, days, acquisition),
        los=_view(acquisition) if los is None else los,
        crs=grid.crs,
        transform=grid.transform,
        posting=grid.posting or _posting(par),
        provenance=f"GAMMA {suffix[1:]}, {order_of(layout)}",
        **named._asdict(),
    )


def parameter_files(path: Path) -> Iterator[Path]:
    """Parameter files that may give an image's size: in its folder and the two above, nearest first."""
    for folder in path.absolute().parents[:3]:
        for end in _PARS:
            yield from _ending(folder, end, small=True)


def _ending(folder: Path, *ends: str, small: bool = False) -> tuple[Path, ...]:
    """Files of a folder whose names end so, sorted; none if it cannot be listed.

    Args:
        folder: where.
        ends: of the names.
        small: compare in small letters.
    """
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return ()
    find = _found.__wrapped__ if _changed_just_now(changed) else _found
    return find(str(folder), changed, ends, small)


# A folder of n files is listed a few times and not n times; what is kept are few of its names.
@lru_cache(maxsize=64)
def _found(folder: str, changed: int, ends: tuple[str, ...], small: bool) -> tuple[Path, ...]:
    """What `_ending` returns; ``changed`` renews it."""
    try:
        names = sorted(entry.name for entry in Path(folder).iterdir())
    except OSError:
        return ()
    return tuple(Path(folder, name) for name in names if (name.lower() if small else name).endswith(ends))


def _sized(path: Path, dtype: np.dtype[Any]) -> tuple[Layout, Par]:
    """The one size that fits among those of the parameter files, and the nearest file that gives it."""
    fitting: dict[Layout, Par] = {}
    others: list[tuple[Layout, str]] = []
    for beside in islice(parameter_files(path), _MOST_PARS):
        par = read_par(beside)
        size = size_of(par)
        if size is None:
            continue
        layout = Layout(dtype, *size)
        if layout.fits(path):
            fitting.setdefault(layout, par)
        else:
            others.append((layout, beside.name))
    if len(fitting) > 1:
        one, other = (f"{layout.height} x {layout.width}" for layout in list(fitting)[:2])
        raise UnreadableError(f"{path}: its parameter files give two sizes that both fit, {one} and {other}")
    if not fitting:
        for layout, name in others[:1]:
            layout.check(path, name)
        raise UnreadableError(f"{path}: no parameter file nearby gives its width and number of lines")
    return next(iter(fitting.items()))


def _acquisition(path: Path, days: list[date]) -> Par | None:
    """Parameters of the reference acquisition, or of any of the stack: radar and orbit are one."""
    candidates = [
        beside
        for folder in path.absolute().parents[:3]
        for end in _RADAR_PARS
        for beside in _ending(folder, end, small=True)
    ]
    first = _day(days[0]) if days else ""
    own = (beside for beside in candidates if first and first in beside.name)
    others = (beside for beside in candidates if not first or first not in beside.name)
    for beside in islice(chain(own, others), _MOST_PARS):
        par = read_par(beside)
        if wavelength_of(par):
            return par
    return None


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"


def _of_pair(path: Path, days: list[date], ends: tuple[str, ...]) -> list[Path]:
    """Files of the same pair beside an interferogram, or in the neighbouring folder ``coherence``."""
    folders = (path.parent, path.parent.parent / "coherence")
    own = [folder / (stem + end) for folder in folders for stem in (path.name, path.stem) for end in ends]
    found = [beside for beside in own if beside.is_file()]
    if found or len(days) < 2:
        return found[:1]
    named = [_day(day) for day in days]
    return [
        beside
        for folder in folders
        for beside in _ending(folder, *ends)
        if all(name in beside.name for name in named)
    ]


def _only(paths: Iterable[Path], layout: Layout) -> Band | None:
    """The layer of the only one of these files that has the image's shape."""
    found = [companion(path, _like(layout)) for path in paths]
    layers = [layer for layer in found if layer is not None]
    return layers[0] if len(layers) == 1 else None


def _like(layout: Layout) -> Layout:
    """The layout of a real layer of the image's shape."""
    return Layout(np.dtype(">f4"), *layout.shape)


def _beside(path: Path, ends: tuple[str, ...], layout: Layout) -> list[Path]:
    """Files of the image's shape in its folder; others are there for other images."""
    return [beside for beside in _ending(path.parent, *ends) if _like(layout).fits(beside)]


def _perpendicular_baseline(path: Path, days: list[date], acquisition: Par) -> float | None:
    """Cross-track and normal (downward) parts of the baseline seen across the line of sight, m.

    ``B_perp = B_c cos(look) - B_n sin(look)`` (Baehr 2012, eq. 3.5), the precise estimate before the
    orbit's, for a right-looking radar.
    """
    incidence = _incidence(acquisition)
    satellite = number(acquisition.get("sar_to_earth_center"))
    ground = number(acquisition.get("earth_radius_below_sensor"))
    found = _of_pair(path, days, ("base.par", ".base"))
    if len(found) != 1 or incidence is None or not satellite or not ground or _looks_left(acquisition):
        return None
    par = read_par(found[0])
    for estimate in ("precision", "initial"):
        words = par.get(f"{estimate}_baseline(tcn)", "").split()
        across, normal = (number(word) for word in words[1:3]) if len(words) > 2 else (None, None)
        if across is not None and normal is not None and (across, normal) != (0, 0):
            look = math.asin(min(ground / satellite, 1.0) * math.sin(math.radians(incidence)))
            return across * math.cos(look) - normal * math.sin(look)
    return None


def _incidence(par: Par) -> float | None:
    """At the centre of the scene, degrees."""
    degrees = number(par.get("incidence_angle"))
    return degrees if degrees and 0 < degrees < 90 else None


def _looks_left(par: Par) -> bool:
    return (number(par.get("azimuth_angle")) or 90.0) < 0


def _view(par: Par) -> NDArray[np.float64] | None:
    """Line of sight at the centre of the scene."""
    heading, incidence = number(par.get("heading")), _incidence(par)
    if heading is None or incidence is None:
        return None
    return line_of_sight(heading + (180 if _looks_left(par) else 0), incidence)


def _posting(par: Par) -> tuple[float, float] | None:
    """Spacing on the ground of an image in radar coordinates."""
    along, across = number(par.get("azimuth_pixel_spacing")), number(par.get("range_pixel_spacing"))
    incidence = _incidence(par)
    if not along or not across or incidence is None:
        return None
    return along, across / math.sin(math.radians(incidence))


def _look_vectors(path: Path, layout: Layout) -> NDArray[np.float64] | None:
    """From elevation (above the horizontal) and orientation (anticlockwise from east) to the satellite.

    GAMMA writes radians; degrees are in use, too, and tell themselves by their size. 0 is no data.

    Shape:
        (3, h, w), coarse
    """
    angles = []
    for end in ("lv_theta", "lv_phi"):
        layer = _only(_beside(path, (end,), layout), layout)
        if layer is None:
            return None
        angle = coarse(layer)
        angle[angle == 0] = np.nan
        degrees = np.abs(angle[np.isfinite(angle)]).max(initial=0) > 2 * np.pi
        angles.append(np.deg2rad(angle) if degrees else angle)
    theta, phi = angles
    return unit(np.stack([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), np.sin(theta)]))


def _claims(path: Path, head: bytes) -> bool:
    suffix = path.suffix.lower()
    if suffix not in _PHASE | _NOT_PHASE:
        return False
    return path.is_file() and next(parameter_files(path), None) is not None


FAMILY = Family(
    name="GAMMA",
    claims=_claims,
    frames=lambda path, options: [read_gamma(path)],
    walks=lambda path: path.suffix.lower() in _PHASE and _claims(path, b""),
)
