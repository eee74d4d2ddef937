"""ISCE2: flat binaries with an ``.xml`` header beside them, and often a ``.vrt`` and a ``.rsc``.

Interferograms are complex ``.int`` and ``.flat``, and ``.unw`` with bands of amplitude and phase, line by
line; ``.geo`` behind the name means geocoded. Sign: positive = away, reference date first.

Connected components (``.unw.conncomp``) take nothing out: component 0 is where the unwrapping is not
trusted to whole cycles, and the phase modulo 2 pi is as good there as anywhere.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers import roipac
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
from ssl_insar.readers.companions import number
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.layers import LayeredPhase, coarse, unit
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.width import refuse_wrong_width

_PHASE = re.compile(r"\.(int|flat|unw)(\.geo)?$", re.IGNORECASE)
_LAYER = re.compile(r"\.(cor|conncomp|rdr|amp|slc|msk|mask|hgt|dem|bil)(\.(geo|full))*$", re.IGNORECASE)
_NOT_PHASE = {
    "cor": "coherence",
    "conncomp": "connected components",
    "rdr": "geometry",
    "hgt": "elevation",
    "dem": "elevation",
}
_HEADERS = (".xml", ".vrt")

_DTYPES = {
    "BYTE": "u1",
    "SHORT": "i2",
    "INT": "i4",
    "FLOAT": "f4",
    "DOUBLE": "f8",
    "CFLOAT": "c8",
    "CDOUBLE": "c16",
}
"""By ISCE's names."""

_GDAL_DTYPES = {
    "Byte": "u1",
    "Int16": "i2",
    "Int32": "i4",
    "Float32": "f4",
    "Float64": "f8",
    "CFloat32": "c8",
    "CFloat64": "c16",
}

_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"'})
"""Editors put typographic quotes into headers, which no XML parser takes."""

_GEOMETRY = (".", "..", "../../geom_reference", "../../geom_master", "../geom_reference", "../geom_master")
"""Where geometry lies, seen from an interferogram's folder (topsApp, and the stack processors)."""


@dataclass(frozen=True)
class Image:
    """What a header says of an image.

    Attributes:
        layout: of its file.
        grid: its place, empty in radar coordinates.
        header: name of the header.
        version: of ISCE, or None.
    """

    layout: Layout
    grid: Grid
    header: str
    version: str | None = None


def image_of(path: Path) -> Image:
    """The first description that fits the file: ``.xml`` before ``.vrt`` before ``.rsc``.

    Raises:
        UnreadableError: none fits; says why the first does not.
    """
    why = None
    for end, describe in ((".xml", _from_xml), (".vrt", _from_vrt), (".rsc", _from_rsc)):
        header = path.with_name(path.name + end)
        if not header.is_file():
            continue
        try:
            image = describe(path, header)
            image.layout.check(path, header.name)
        except UnreadableError as error:
            why = why or error
        else:
            return image
    raise why or UnreadableError(f"{path}: needs its header {path.name}.xml beside it")


def read_isce2(path: Path) -> Frame:
    """Read an ISCE2 ``.int``, ``.flat`` or ``.unw``.

    Coherence, elevation and line of sight come from the files beside it and in ``geom_reference``, as
    far as they have the interferogram's shape; those of another shape are left out with a warning.

    Raises:
        UnreadableError: another layer, or no header that fits the file.
    """
    if path.suffix.lower() in _HEADERS:
        raise UnreadableError(f"{path}: is a header; give {path.stem}")
    kind = _PHASE.search(path.name)
    if not kind:
        layer = _LAYER.search(path.name)
        what = _NOT_PHASE.get(layer[1].lower()) if layer else None
        raise UnreadableError(f"{path}: is {what or 'an ISCE2 layer'}, not phase; give the .unw or .int")
    image = image_of(path)
    wrapped = kind[1].lower() != "unw"
    if image.layout.dtype.kind != ("c" if wrapped else "f") or image.layout.bands > (1 if wrapped else 2):
        raise UnreadableError(
            f"{path}: {image.header} tells of {image.layout.bands} bands of {image.layout.dtype.name}; "
            f"{'one complex band' if wrapped else 'amplitude and phase'} expected"
        )
    # A .rsc is silent about the byte order.
    layout = settled(path, image.layout, stated=None if image.header.endswith(".rsc") else image.header)
    refuse_wrong_width(path, layout, layout.bands - 1, image.header)
    geocoded = kind[2] or ""
    told = _facts_of_rsc(path, image)
    los = _look_vectors(path, geocoded, layout.shape)
    if los is not None:
        told["los"] = los
    maker = f"ISCE2 {image.version}" if image.version else "ISCE2"
    return Frame(
        pixels=LayeredPhase(
            band(path, layout, layout.bands - 1),
            coherence=_coherence(path, path.name[: kind.start()], geocoded, layout.shape),
            elevation=_elevation(path, geocoded, layout.shape),
        ),
        wrapped=wrapped,
        source=path,
        family="ISCE2",
        provenance=f"{maker}, {kind[1].lower()} by {image.header}, {order_of(layout)}",
        **told,
    )


def _facts_of_rsc(path: Path, image: Image) -> dict[str, Any]:
    """Dates, wavelength and the like, of the name first and of a ``.rsc`` where it is silent."""
    told = facts_of(path)._asdict() | {"crs": image.grid.crs, "transform": image.grid.transform}
    beside = roipac.header_of(path)
    if not beside.is_file():
        return told
    try:
        header = roipac.read_rsc(beside)
    except UnreadableError:  # the image has another header that is in order
        return told
    pair = roipac.dates(header)
    more = roipac.facts(header, image.grid, image.layout)
    if pair:
        more["reference_date"], more["secondary_date"] = pair
    return more | {key: value for key, value in told.items() if value is not None}


def _from_xml(path: Path, header: Path) -> Image:
    """ISCE's own header: properties of the image, and its two coordinates as components."""
    root = _parsed(header)
    facts = _properties(root)
    dtype = _DTYPES.get(facts.get("data_type", "").upper())
    scheme = facts.get("scheme", "BIP").upper()
    order = {"l": "<", "b": ">"}.get(facts.get("byte_order", "l").lower()[:1])
    if dtype is None or scheme not in ("BIP", "BIL", "BSQ") or order is None:
        raise UnreadableError(
            f"{header}: data type '{facts.get('data_type')}', scheme '{facts.get('scheme')}' and byte order "
            f"'{facts.get('byte_order')}' are none of ISCE's"
        )
    layout = Layout(
        np.dtype(order + dtype),
        count(facts.get("length")),
        count(facts.get("width")),
        count(facts.get("number_bands", "1")),
        scheme,
    )
    across, down = (
        _properties(component)
        for name in ("coordinate1", "coordinate2")
        for component in [root.find(f"component[@name='{name}']")]
    )
    x, y = (number(axis.get("startingvalue")) for axis in (across, down))
    dx, dy = (number(axis.get("delta")) for axis in (across, down))
    return Image(layout, _grid(x, dx, y, dy), header.name, _release(facts.get("isce_version")))


def _from_vrt(path: Path, header: Path) -> Image:
    """GDAL's description of the same file: offsets of the bands tell their order."""
    root = _parsed(header)
    bands = root.findall("VRTRasterBand[@subClass='VRTRawRasterBand']")
    width, height = (count(root.get(f"raster{axis}Size")) for axis in "XY")
    dtype = _GDAL_DTYPES.get(bands[0].get("dataType", "")) if bands else None
    if dtype is None:
        raise UnreadableError(f"{header}: describes no flat binary image")
    order = ">" if (bands[0].findtext("ByteOrder") or "LSB").strip().upper() == "MSB" else "<"
    layout = Layout(np.dtype(order + dtype), height, width, len(bands))
    told = [[count(one.findtext(f"{key}Offset")) for key in ("Image", "Pixel", "Line")] for one in bands]
    for scheme in ("BSQ", "BIL", "BIP"):
        layout = Layout(layout.dtype, height, width, len(bands), scheme)
        if told == _offsets(layout):
            break
    else:
        raise UnreadableError(
            f"{header}: contradicts itself: lines of {told[0][2]} bytes are not {width} {layout.dtype.name} "
            f"columns in {len(bands)} bands"
        )
    values = [number(text) for text in (root.findtext("GeoTransform") or "").split(",")]
    x, dx, _, y, _, dy = values if len(values) == 6 else [None] * 6
    return Image(layout, _grid(x, dx, y, dy), header.name)


def _from_rsc(path: Path, header: Path) -> Image:
    facts = roipac.read_rsc(header)
    bands = 2 if path.suffix.lower() == ".unw" else 1
    kind = "<c8" if path.suffix.lower() in (".int", ".flat") else "<f4"
    return Image(roipac.layout_of(path, facts, kind, bands), roipac.grid_of(facts), header.name)


def _offsets(layout: Layout) -> list[list[int]]:
    """Image, pixel and line offset of each band, bytes."""
    size, across = layout.dtype.itemsize, layout.width * layout.dtype.itemsize
    image, pixel, line = {
        "BSQ": (across * layout.height, size, across),
        "BIL": (across, size, across * layout.bands),
        "BIP": (size, size * layout.bands, across * layout.bands),
    }[layout.scheme]
    return [[image * index, pixel, line] for index in range(layout.bands)]


def _parsed(header: Path) -> ElementTree.Element:
    """The root of an XML header, which has no business declaring entities."""
    text = header_text(header)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnreadableError(f"{header}: declares a document type, which is refused in headers")
    # The declaration names an encoding of bytes, and these are decoded already.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    for attempt in (text, text.translate(_QUOTES)):
        try:
            return ElementTree.fromstring(attempt)
        except ElementTree.ParseError as error:
            why = error
    raise UnreadableError(f"{header}: is no well-formed XML ({why})")


def _properties(parent: ElementTree.Element | None) -> dict[str, str]:
    """Values by lower-case name: ISCE's releases write them in either case."""
    found = parent.findall("property") if parent is not None else []
    return {one.get("name", "").lower(): (one.findtext("value") or "").strip() for one in found}


def _grid(x: float | None, dx: float | None, y: float | None, dy: float | None) -> Grid:
    """Of upper-left corner and steps in degrees; pixels of radar coordinates count from 0 in steps of 1."""
    if x is None or y is None or not dx or not dy or max(abs(dx), abs(dy)) >= 1:
        return Grid()
    return Grid("EPSG:4326", (dx, 0.0, x, 0.0, dy, y))


def _release(version: str | None) -> str | None:
    """``2.2.0`` out of ``Release: 2.2.0, svn-2497, ...``."""
    match = re.search(r"\d+(\.\d+)+", version or "")
    return match[0] if match else None


def _layer(path: Path, shape: tuple[int, int], index: int = -1) -> Band | None:
    """A band (the last by default) of a layer that may exist, if it has the interferogram's shape."""
    if not path.is_file():
        return None
    try:
        layout = image_of(path).layout
    except UnreadableError as error:
        warnings.warn(f"{error}; left out beside the phase", stacklevel=2)
        return None
    if layout.shape != shape:
        warnings.warn(
            f"{path}: {layout.height} x {layout.width} pixels beside a phase of {shape[0]} x {shape[1]}; "
            "left out",
            stacklevel=2,
        )
        return None
    return companion(path, layout, index % layout.bands)


def _coherence(path: Path, stem: str, geocoded: str, shape: tuple[int, int]) -> Band | None:
    """Of the ``.cor`` of the same name, else of the folder's; the last band where there are two."""
    names = dict.fromkeys((stem, stem.removesuffix("_snaphu"), "phsig", "topophase"))
    return _first([path.with_name(f"{name}.cor{geocoded}") for name in names], shape)


def _elevation(path: Path, geocoded: str, shape: tuple[int, int]) -> Band | None:
    return _first([_geometry(path, name + geocoded) for name in ("hgt.rdr", "z.rdr")], shape)


def _first(places: list[Path], shape: tuple[int, int]) -> Band | None:
    return next((layer for place in places if (layer := _layer(place, shape)) is not None), None)


def _geometry(path: Path, name: str) -> Path:
    """Where a geometry file is, or would be."""
    places = [path.parent / place / name for place in _GEOMETRY]
    return next((place for place in places if place.is_file()), places[0])


def _look_vectors(path: Path, geocoded: str, shape: tuple[int, int]) -> NDArray[np.float64] | None:
    """From ``los.rdr``: incidence, and azimuth from north anticlockwise, ground to satellite, degrees.

    Shape:
        (3, h, w), coarse; NaN where the incidence is 0, which is no data
    """
    place = _geometry(path, f"los.rdr{geocoded}")
    incidence = _layer(place, shape, 0)
    azimuth = _layer(place, shape, 1)
    if incidence is None or azimuth is None:
        return None
    theta, phi = np.deg2rad(coarse(incidence)), np.deg2rad(coarse(azimuth))
    theta[theta == 0] = np.nan
    return unit(np.stack([-np.sin(theta) * np.sin(phi), np.sin(theta) * np.cos(phi), np.cos(theta)]))


def _claims(path: Path, head: bytes) -> bool:
    if not path.is_file():
        return False
    if path.suffix.lower() in _HEADERS:
        data = path.with_suffix("")
        return (_PHASE.search(data.name) or _LAYER.search(data.name)) is not None and data.is_file()
    try:
        if "<imageFile" in _start(path.with_name(path.name + ".xml")):
            return True
        if not _PHASE.search(path.name) and not _LAYER.search(path.name):
            return False
        if "VRTRawRasterBand" in _start(path.with_name(path.name + ".vrt")):
            return True
        beside = roipac.header_of(path)
        return beside.is_file() and roipac.processor(roipac.read_rsc(beside)) == "isce"
    except UnreadableError:
        return False


def _start(header: Path) -> str:
    """The text of a header, empty if there is none."""
    return header_text(header) if header.is_file() else ""


FAMILY = Family(
    name="ISCE2",
    claims=_claims,
    frames=lambda path, options: [read_isce2(path)],
    walks=lambda path: _PHASE.search(path.name) is not None and _claims(path, b""),
)
