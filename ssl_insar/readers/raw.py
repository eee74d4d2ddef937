"""Flat binaries of any processor, whose layout the user gives: ``raw:float32:ROWSxCOLUMNS``.

It applies to every file that does not begin with the signature of a format: a layout that is given counts
before any header or parameter file nearby, which may be another file's. ``diapason``
is the one-byte ``.pha`` of DIAPASON: 256 levels to a cycle, level 0 = no data as the tools for it
(GIPhT's ``diffpha``) take it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssl_insar import phase as ph
from ssl_insar.errors import UserError
from ssl_insar.readers.binary import Band, Layout, band, order_of, settled
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.grey import frame_from_grey
from ssl_insar.readers.layers import LayeredPhase
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.pixels import Patch, Window, settle
from ssl_insar.readers.values import is_wrapped, refuse_coherence
from ssl_insar.readers.width import refuse_wrong_width

SUFFIXES = (".unw", ".int", ".pha", ".diff", ".flat", ".raw", ".bin", ".dat", ".r4", ".flt")
"""Of files that are likely to be flat binaries."""

_NOT_PHASE = re.compile(r"\.(?P<kind>cc|cor|coh|conncomp)(\.geo)?$", re.IGNORECASE)
"""Ends of names under which no phase is kept; as one, coherence would be read without complaint."""

_EXAMPLE = "such as raw:float32:2685x3338 (rows x columns)"
_DIAPASON = "diapason"
_DTYPES = {
    "float32": "<f4",
    "float64": "<f8",
    "complex64": "<c8",
    "complex128": "<c16",
    "uint8": "u1",
    **{order + kind: order + kind for order in "<>" for kind in ("f4", "f8", "c8", "c16")},
}
_TEXT = re.compile(r"(?:raw:(?P<dtype>[^:]+)|(?P<diapason>diapason)):(?P<rows>\d{1,9})x(?P<columns>\d{1,9})")


@dataclass(frozen=True)
class Diapason:
    """Memory-mapped levels, 256 to a cycle, 0 = no data."""

    levels: Band

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.levels.shape

    def read(self, window: Window) -> Patch:
        """The window's phase and validity."""
        levels = self.levels.values(window)
        return Patch(ph.decode(levels), levels != 0)


def parse_layout(text: str) -> tuple[Layout, bool]:
    """A layout as the user gives it.

    Args:
        text: ``raw:DTYPE:ROWSxCOLUMNS`` with float32, float64, complex64, complex128 (little-endian),
            ``>f4`` or ``<f4`` and the like, or uint8 (grey levels, 255 to a cycle); or
            ``diapason:ROWSxCOLUMNS``.

    Returns:
        the layout, and whether it is DIAPASON's.

    Raises:
        UserError: none of these.
    """
    match = _TEXT.fullmatch(text.strip())
    if not match:
        raise UserError(f"{text}: no layout of a raw file; give one {_EXAMPLE}, or diapason:2685x3338")
    rows, columns = int(match["rows"]), int(match["columns"])
    dtype = "u1" if match["diapason"] else _DTYPES.get(match["dtype"])
    if dtype is None:
        raise UserError(f"{text}: '{match['dtype']}' is none of {', '.join(_DTYPES)}; give one {_EXAMPLE}")
    if not rows or not columns:
        raise UserError(f"{text}: no rows or no columns; give a layout {_EXAMPLE}")
    return Layout(np.dtype(dtype), rows, columns), match["diapason"] is not None


def read_raw(path: Path, options: ReadOptions) -> Frame:
    """Read a flat binary by the layout given with it.

    Floats are radians, complex values give their argument, and 0 and NaN are no data, as in ``.npy``.

    Raises:
        UnreadableError: no layout is given; another layer by its name; the file has another size, or its
            values contradict the layout.
    """
    other = _NOT_PHASE.search(path.name)
    if other:
        kind = "connected components" if other["kind"].lower() == "conncomp" else "coherence"
        raise UnreadableError(f"{path}: is {kind} by its name, not phase; give the .unw or .int")
    if not options.layout:
        raise UnreadableError(_what_is_missing(path))
    layout, diapason = parse_layout(options.layout)
    layout.check(path, options.layout)
    if layout.dtype.kind in "fc":
        layout = settled(path, layout, stated=f"the layout {options.layout}")
    refuse_wrong_width(path, layout, by=options.layout)
    if diapason:
        return Frame(
            pixels=Diapason(band(path, layout)),
            wrapped=True,
            source=path,
            family="DIAPASON",
            provenance=options.layout,
            **facts_of(path)._asdict(),
        )
    if layout.dtype == np.uint8:
        return frame_from_grey(path, np.array(band(path, layout).array), "raw")
    pixels = settle(LayeredPhase(band(path, layout)))
    if layout.dtype.kind == "f":
        refuse_coherence(path, pixels)
    return Frame(
        pixels=pixels,
        wrapped=layout.dtype.kind == "c" or is_wrapped(pixels, path.name),
        source=path,
        family="raw",
        provenance=f"{options.layout}, {order_of(layout)}",
        **facts_of(path)._asdict(),
    )


def _what_is_missing(path: Path) -> str:
    if path.suffix.lower() == ".pha":
        return f"{path}: does not say its size; give it with --as diapason:ROWSxCOLUMNS"
    return (
        f"{path}: needs its header {path.name}.xml (ISCE2) or {path.name}.rsc (ROI_PAC) beside it, a .par "
        "(GAMMA) in its folder, or --as raw:float32:ROWSxCOLUMNS"
    )


FAMILY = Family(
    name="raw",
    claims=lambda path, head: (
        bool(head) and (path.suffix.lower() in SUFFIXES or _NOT_PHASE.search(path.name) is not None)
    ),
    frames=lambda path, options: [read_raw(path, options)],
    # Of these suffixes it is certain that a phase is meant: a header that went missing is worth telling.
    walks=lambda path: path.suffix.lower() in (".unw", ".int"),
)
