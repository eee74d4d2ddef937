"""ROI_PAC: interferograms with a ``.rsc`` header beside them.

Wrapped ``.int`` is complex; unwrapped ``.unw`` is line-interleaved amplitude and phase (``rmg``), of
which the amplitude may well be zero throughout, so validity comes from the phase alone.

Sign: DATE12's first date minus its second, positive = away when the first is the earlier one (MintPy
converts it with -wavelength/4pi; the PyRate copies of one set of interferograms as ROI_PAC and as GAMMA
agree). kite takes the opposite for its ROI_PAC scenes, so files may be read so (`ReadOptions.roipac_toward`).
"""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import line_of_sight
from ssl_insar.readers.binary import (
    Band,
    Grid,
    Layout,
    band,
    companion,
    count,
    header_text,
    order_of,
    settled,
)
from ssl_insar.readers.companions import number, radar_wavelength
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.layers import LayeredPhase, coarse
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.values import FILLS
from ssl_insar.readers.width import refuse_wrong_width

_PHASE = (".int", ".unw")

_NOT_PHASE = {
    ".cor": "coherence",
    ".hgt": "elevation",
    ".dem": "elevation",
    ".amp": "amplitude",
    ".msk": "a mask",
    ".slc": "a single acquisition",
}
_LOOK_ANGLES = re.compile(r"incidence|(^|[_.])(look|los)\.unw$", re.IGNORECASE)
"""ROI_PAC keeps look angles under ``geo_incidence.unw``."""


_SIZES = (("WIDTH", "FILE_LENGTH"), ("WIDTH", "LENGTH"), ("width", "length"))
_DAYS = re.compile(r"(?<!\d)(\d{6}|\d{8})[-_](\d{6}|\d{8})(?!\d)")

_HIGHEST = 9000.0
"""m; no ground is higher."""

Header = dict[str, str]


def header_of(path: Path) -> Path:
    """The ``.rsc`` that belongs to a data file."""
    return path.with_name(path.name + ".rsc")


def read_rsc(path: Path) -> Header:
    """The keys and values of a ``.rsc``; `UnreadableError` if there are none."""
    pairs = (line.split(None, 1) for line in header_text(path).splitlines())
    found = {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}
    if not found:
        raise UnreadableError(f"{path}: no header values in there")
    return found


def processor(header: Header) -> str:
    """Who made the image that a ``.rsc`` describes: ``isce``, ``gamma``, ``roipac``."""
    return (header.get("PROCESSOR") or header.get("INSAR_PROCESSOR") or "roipac").lower()


def layout_of(path: Path, header: Header, dtype: str, bands: int) -> Layout:
    """The layout whose size the file has, two bands line by line.

    Real headers carry WIDTH and FILE_LENGTH beside the width and length of the uncut scene, and
    readers that take the last one shear the image.

    Raises:
        UnreadableError: no size is given, none of them fits, or two different ones do.
    """
    sizes = {(count(header.get(across)), count(header.get(down))): None for across, down in _SIZES}
    layouts = [Layout(np.dtype(dtype), h, w, bands, "BIL") for w, h in sizes if w and h]
    if not layouts:
        raise UnreadableError(f"{header_of(path)}: gives no WIDTH and FILE_LENGTH")
    fitting = [layout for layout in layouts if layout.fits(path)]
    if len(fitting) > 1:
        one, other = (f"{layout.height} x {layout.width}" for layout in fitting[:2])
        raise UnreadableError(f"{header_of(path)}: gives two sizes that both fit, {one} and {other}")
    if not fitting:
        layouts[0].check(path)
    return fitting[0]


def facts(header: Header, grid: Grid, layout: Layout) -> dict[str, Any]:
    """What a ``.rsc`` tells of an interferogram, under the names `Frame` uses."""
    baselines = [number(header.get(f"P_BASELINE_{end}_HDR")) for end in ("TOP", "BOTTOM")]
    known = [metres for metres in baselines if metres is not None]
    geocoded = grid.transform or grid.posting
    los, posting = (None, grid.posting) if geocoded else _view(header, layout)
    return {
        "wavelength": radar_wavelength(number(header.get("WAVELENGTH") or header.get("radarWavelength"))),
        "perpendicular_baseline": sum(known) / len(known) if known else None,
        "los": los,
        "posting": posting,
        "crs": grid.crs,
        "transform": grid.transform,
        "track": _track(header),
    }


def dates(header: Header) -> tuple[date, date] | None:
    """The two dates of DATE12 (YYMMDD-YYMMDD, or YYYYMMDD), in the order written; or None."""
    match = _DAYS.search(header.get("DATE12", ""))
    if not match:
        return None
    try:
        first, second = (
            datetime.strptime(text, "%y%m%d" if len(text) == 6 else "%Y%m%d").date()
            for text in match.groups()
        )
    except ValueError:
        return None
    return first, second


def grid_of(header: Header) -> Grid:
    """Upper-left corner and steps of a geocoded image; nothing for one in radar coordinates."""
    values = [number(header.get(key)) for key in ("X_FIRST", "X_STEP", "Y_FIRST", "Y_STEP")]
    x, dx, y, dy = values
    if x is None or y is None or not dx or not dy:
        return Grid()
    if header.get("X_UNIT", "degrees").lower().startswith("deg"):
        if abs(x) > 360 or abs(y) > 90:
            return Grid()
        return Grid("EPSG:4326", (dx, 0.0, x, 0.0, dy, y))
    # Of zone letters only N is clear: S is the south to some, a northern latitude band to others.
    zone = re.fullmatch(r"(\d{1,2})N", header.get("UTM_ZONE", "").strip().upper())
    if not zone:
        return Grid(posting=(abs(dy), abs(dx)))
    return Grid(f"EPSG:326{int(zone[1]):02d}", (dx, 0.0, x, 0.0, dy, y))


def read_roipac(path: Path, options: ReadOptions | None = None) -> Frame:
    """Read a ROI_PAC ``.int`` or ``.unw``, or GAMMA's under the ``.rsc`` that MintPy leaves beside it.

    GAMMA's ``.unw`` is one band, big-endian as a rule; its sign is not the ROI_PAC files'.

    Coherence is taken from the ``.cor`` of the same name, elevation from a ``.dem`` on the same grid,
    where there are such files.

    Raises:
        UnreadableError: another layer, or sizes of header and file that differ.
    """
    if path.suffix.lower() == ".rsc":
        raise UnreadableError(f"{path}: is a header; give {path.stem}")
    _refuse_layers(path)
    header = read_rsc(header_of(path))
    wrapped, gamma = path.suffix.lower() == ".int", processor(header) == "gamma"
    bands = 1 if wrapped or gamma else 2
    kind = "c8" if wrapped else "f4"
    layout = settled(path, layout_of(path, header, (">" if gamma else "<") + kind, bands))
    refuse_wrong_width(path, layout, bands - 1, header_of(path).name)
    grid = grid_of(header)
    named = facts_of(path)._asdict()
    told = facts(header, grid, layout)
    pair = dates(header)
    if pair:
        named["reference_date"], named["secondary_date"] = pair
    return Frame(
        pixels=LayeredPhase(
            band(path, layout, bands - 1),
            coherence=_coherence(path, layout, 1 if gamma else 2),
            elevation=_elevation(path, layout, grid),
        ),
        wrapped=wrapped,
        source=path,
        family="GAMMA" if gamma else "ROI_PAC",
        provenance=f"{'GAMMA' if gamma else 'ROI_PAC'} {path.suffix[1:]}, {order_of(layout)}",
        sign=-1 if options and options.roipac_toward and not gamma else 1,
        **named | {key: value for key, value in told.items() if value is not None},
    )


def _refuse_layers(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in _NOT_PHASE:
        raise UnreadableError(f"{path}: is {_NOT_PHASE[suffix]}, not phase; give the .unw or .int")
    if _LOOK_ANGLES.search(path.name):
        raise UnreadableError(f"{path}: named as look angles, not phase; give an interferogram")


def _coherence(path: Path, layout: Layout, bands: int) -> Band | None:
    """Of the ``.cor`` of the same name: its last band."""
    like = Layout(np.dtype("<f4"), *layout.shape, bands=bands, scheme="BIL")
    return companion(path.with_suffix(".cor"), like, bands - 1)


def _elevation(path: Path, layout: Layout, grid: Grid) -> Band | None:
    """Of the only ``.dem`` in the folder that lies on the same grid."""
    found = []
    for beside in sorted(path.parent.glob("*.dem")) if grid.transform else ():
        try:
            there = grid_of(read_rsc(header_of(beside))).transform
        except UnreadableError:  # not the interferogram's trouble
            continue
        if there is None or not np.allclose(there, grid.transform or (), rtol=1e-6, atol=1e-9):
            continue
        for dtype in ("<i2", "<f4"):
            like = Layout(np.dtype(dtype), *layout.shape)
            if like.fits(beside):
                layer = companion(beside, like)
                found += [layer] if layer is not None and _are_heights(layer) else []
    return found[0] if len(found) == 1 else None


def _are_heights(layer: Band) -> bool:
    """Whether values can be metres on Earth; whole numbers of the other byte order are not."""
    values = coarse(layer)
    known = values[np.isfinite(values) & ~np.isin(values, FILLS)]
    return bool(np.abs(known).max(initial=0) < _HIGHEST)


def _view(header: Header, layout: Layout) -> tuple[NDArray[np.float64] | None, tuple[float, float] | None]:
    """Line of sight at mid-range and posting on the ground of an image in radar coordinates.

    Law of cosines in the triangle of satellite, ground and Earth's centre (Hanssen 2001, ch. 2).
    """
    keys = ("STARTING_RANGE", "RANGE_PIXEL_SIZE", "AZIMUTH_PIXEL_SIZE", "EARTH_RADIUS", "HEIGHT")
    near, across, along, radius, height = (number(header.get(key)) or 0.0 for key in keys)
    if min(near, across, along, radius, height) <= 0:
        return None, None
    slant = near + across * layout.width / 2
    cosine = ((radius + height) ** 2 - radius**2 - slant**2) / (2 * radius * slant)
    if not 0 < cosine < 1:
        return None, None
    incidence = float(np.arccos(cosine))
    posting = along * radius / (radius + height), across / float(np.sin(incidence))
    heading = number(header.get("HEADING_DEG") or header.get("HEADING"))
    if heading is None:
        return None, posting
    left = (number(header.get("ANTENNA_SIDE")) or -1.0) > 0
    return line_of_sight(heading + (180 if left else 0), np.rad2deg(incidence)), posting


def _track(header: Header) -> str | None:
    """Relative orbit and pass, such as ``128D``."""
    orbit = count(header.get("relative_orbit") or header.get("trackNumber"))
    direction = (header.get("ORBIT_DIRECTION") or header.get("passDirection") or "")[:1].upper()
    return f"{orbit:03d}{direction}" if orbit and direction in ("A", "D") else None


def _claims(path: Path, head: bytes) -> bool:
    if path.suffix.lower() == ".rsc":
        return path.with_suffix("").is_file()
    if path.suffix.lower() not in (*_PHASE, *_NOT_PHASE) or not header_of(path).is_file():
        return False
    try:
        return processor(read_rsc(header_of(path))) != "isce"
    except UnreadableError:
        return True  # so that reading says what is wrong with the header


FAMILY = Family(
    name="ROI_PAC",
    claims=_claims,
    frames=lambda path, options: [read_roipac(path, options)],
    walks=lambda path: (
        path.suffix.lower() in _PHASE and header_of(path).is_file() and not _LOOK_ANGLES.search(path.name)
    ),
)
