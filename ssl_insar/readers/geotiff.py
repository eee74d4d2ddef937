"""GeoTIFF phase of no particular family: float in rad, complex, and 8-bit grey.

PyRate tags its files with dates, wavelength, processor and kind of data; those tags are believed
before the name. Its sign is that of the processor it converted from, so the one of ROI_PAC is in
doubt (see `ReadOptions.roipac_toward`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import line_of_sight
from ssl_insar.readers import products
from ssl_insar.readers.companions import Layers, coherence_beside, number, radar_wavelength
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.names import NameFacts, facts_of
from ssl_insar.readers.pixels import settle
from ssl_insar.readers.raster import Raster
from ssl_insar.readers.values import is_wrapped, refuse_coherence

_SUFFIXES = (".tif", ".tiff")
_COHERENCE = re.compile(
    r"^(coh|coherence)[._-]|(^|[._-])(cc|cor|corr|coh|coherence)\.tiff?$",
    re.IGNORECASE,
)
_ELEVATION = re.compile(r"(?<![a-z])(dem|hgt|height|elevation)\.tiff?$", re.IGNORECASE)
_LAYER = re.compile(
    r"(?<![^._-])(?:(?P<displacement>disp|displacement|los(?=[._-](?:\d|geo\b|eqa\b|utm\b|tiff?$)))"
    r"|(?P<velocity>vel|velocity)|(?P<amplitude>amp|amplitude|mli|rmli)"
    r"|(?P<look>lv_theta|lv_phi|inc|incidence|(?-i:[ENU])(?=\.[a-z]+$)))(?=[._-])",
    re.IGNORECASE,
)
"""Words of names, between separators. ``los`` begins names of places, too."""

_LAYERS = {
    "displacement": "displacement in metres",
    "velocity": "a velocity",
    "amplitude": "amplitude",
    "look": "a look direction",
}
_SAYS_PHASE = re.compile(r"(?<![a-z])(unw|ifg|pha|phase|wrapped|interferogram)", re.IGNORECASE)

_NOT_RADIANS = re.compile(
    r"([mcdk]?m|(milli|centi|deci|kilo)?met(er|re)s?|deg(rees?)?|cycles?)(?![a-z])", re.IGNORECASE
)
"""Units of a band that are known for none of phase in radians."""

_GREY_SCALING = (2 * np.pi / 255, -np.pi)
"""What a grey image may say of itself: the convention that it is read by anyway."""

_COLOUR_BANDS = 4
"""Red, green, blue and alpha: grey images are saved so."""

_RIGHT_LOOKING = 90.0
"""Degrees from the heading to where the antenna points, in GAMMA's parameters."""

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How TIFF and BigTIFF files begin."""


def read_geotiff(path: Path, options: ReadOptions | None = None) -> Frame:
    """Read a one-band GeoTIFF of phase, with the coherence of the same dates beside it, if any.

    Float rasters are radians; complex rasters give their argument; 8-bit rasters are grey phase.
    A float raster counts as wrapped when all its values lie within +-pi, unless its name says
    ``unw``.

    Args:
        path: the file.
        options: ``roipac_toward`` turns the sign of files whose tags say ROI_PAC made them.

    Raises:
        UnreadableError: more than one band, another data type, another layer than phase by its name or
            tags, units other than radians, scaled values, or values that look like coherence.
    """
    reason = _not_phase(path.name)
    if reason:
        raise UnreadableError(f"{path}: {reason}")
    raster = Raster(path)
    if raster.dtype == np.uint8:
        return read_grey(raster)
    check_phase(raster)
    _check_tags(path, raster.tags)
    facts = _tagged(raster.tags, facts_of(path))
    coherence = coherence_beside(raster, _coherence_of(path))
    pixels = settle(Layers(raster, coherence))
    if raster.dtype.kind == "f":
        refuse_coherence(path, pixels)
    processor = raster.tags.get("INSAR_PROCESSOR")
    return Frame(
        pixels=pixels,
        wrapped=raster.dtype.kind == "c" or is_wrapped(pixels, path.name),
        source=path,
        family="GeoTIFF",
        wavelength=radar_wavelength(number(raster.tags.get("WAVELENGTH_METRES"))),
        los=_line_of_sight(raster.tags),
        crs=raster.crs,
        transform=raster.transform,
        provenance=f"tags: {processor}, {raster.tags.get('DATA_TYPE', 'phase')}" if processor else None,
        sign=-1 if processor == "ROIPAC" and options and options.roipac_toward else 1,
        **facts._asdict(),
    )


def read_grey(raster: Raster) -> Frame:
    """Read 8-bit grey phase: one band or equal colour bands, and opacity.

    Raises:
        UnreadableError: more bands, fewer bits, colours, or a scaling of its own.
    """
    from ssl_insar.readers.grey import frame_from_grey

    path = raster.path
    if raster.bands > _COLOUR_BANDS:
        raise UnreadableError(f"{path}: {raster.bands} bands; a grey image expected")
    if raster.packed_bits:
        raise UnreadableError(f"{path}: {raster.packed_bits} bits a pixel; a grey image of 8 expected")
    if not np.allclose(raster.scaling, _GREY_SCALING, atol=1e-4):
        _check_scaling(raster)
    layers = [raster.values(band=1 + band) for band in range(raster.bands)]
    if raster.masked:
        opacity = raster.mask()
        if raster.bands % 2:
            layers.append(opacity)
        else:
            layers[-1] = np.minimum(layers[-1], opacity)
    frame = frame_from_grey(path, np.stack(layers, axis=-1), "grey TIFF")
    return replace(frame, crs=raster.crs, transform=raster.transform)


def check_phase(raster: Raster) -> None:
    """Refuse a raster whose bands, data type and units cannot be phase in rad.

    Raises:
        UnreadableError: more than one band, neither float nor complex, scaled values, or units other than
            radians.
    """
    if raster.bands != 1:
        raise UnreadableError(f"{raster.path}: {raster.bands} bands; one band of phase expected")
    if raster.dtype.kind not in "fc":
        raise UnreadableError(
            f"{raster.path}: {raster.dtype} values are not phase; radians (float) or 8-bit grey expected"
        )
    _check_scaling(raster)
    if _NOT_RADIANS.match(raster.units):
        raise UnreadableError(
            f"{raster.path}: its unit is '{raster.units}'; give the interferogram in radians"
        )


def _check_scaling(raster: Raster) -> None:
    if raster.scaling != (1, 0):
        factor, offset = raster.scaling
        raise UnreadableError(
            f"{raster.path}: its values are to be scaled by {factor:g} and moved by {offset:g}; write "
            "them out so with: gdal_translate -unscale -ot Float32"
        )


def _not_phase(name: str) -> str | None:
    """Why a file is not phase, by its name; or None."""
    if _COHERENCE.search(name):
        return "named as coherence, which is not phase; give the phase layer"
    if _ELEVATION.search(name):
        return "named as an elevation model, which is metres and not phase"
    words = list(_LAYER.finditer(name))
    # The last word counts most: `unw_disp` was unwrapped phase once.
    if words and (words[-1].end() == len(Path(name).stem) or not _SAYS_PHASE.search(name)):
        return f"is {_LAYERS[str(words[-1].lastgroup)]} by its name, not phase; give the interferogram"
    return None


def _check_tags(path: Path, tags: Mapping[str, str]) -> None:
    kind = tags.get("DATA_TYPE", "").upper()
    if kind.endswith("COH"):
        raise UnreadableError(
            f"{path}: tagged as coherence ({kind}), which is not phase; give the phase layer"
        )
    if kind.endswith("DEM"):
        raise UnreadableError(f"{path}: tagged as an elevation model ({kind}), which is not phase")
    units = tags.get("DATA_UNITS", "RADIANS").upper()
    if units != "RADIANS":
        raise UnreadableError(f"{path}: tagged as {units}; give the interferogram in radians")


def _tagged(tags: Mapping[str, str], named: NameFacts) -> NameFacts:
    """The dates of the tags in place of those of the name, if both tags hold one."""
    try:
        first, second = (date.fromisoformat(tags[key]) for key in ("FIRST_DATE", "SECOND_DATE"))
    except (KeyError, ValueError):
        return named
    return named._replace(reference_date=first, secondary_date=second)


def _line_of_sight(tags: Mapping[str, str]) -> NDArray[np.float64] | None:
    heading, incidence = number(tags.get("HEADING_DEGREES")), number(tags.get("INCIDENCE_DEGREES"))
    looking = number(tags.get("AZIMUTH_DEGREES", str(_RIGHT_LOOKING)))
    if heading is None or incidence is None or looking != _RIGHT_LOOKING or not 0 < incidence < 90:
        return None
    return line_of_sight(heading, incidence)


def _coherence_of(path: Path) -> Path | None:
    """The one coherence layer of the same dates in the same folder."""
    facts = facts_of(Path(path.name))
    if facts.reference_date is None:
        return None
    folder = path.parent
    found = _coherence_names(str(folder), folder.stat().st_mtime_ns).get(facts[:2], ())
    return folder / found[0] if len(found) == 1 else None


# A folder of n files is listed once and not n times; what is kept are names, and few of them.
@lru_cache(maxsize=4)
def _coherence_names(folder: str, changed: int) -> dict[tuple[Any, ...], tuple[str, ...]]:
    """Names of the coherence layers of a folder by their dates; ``changed`` renews the answer."""
    found: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for path in sorted(Path(folder).iterdir()):
        if _COHERENCE.search(path.name):
            dates = facts_of(Path(path.name))[:2]
            found[dates] = (*found.get(dates, ()), path.name)
    return found


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    return [read_geotiff(path, options)]


def _walks(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not any(
        pattern(path.name) for pattern in (_not_phase, products.LICSAR.fullmatch, products.HYP3.fullmatch)
    )


FAMILY = Family(
    name="GeoTIFF",
    claims=lambda path, head: head.startswith(SIGNATURES),
    frames=_frames,
    walks=_walks,
)
