"""Which colouring a colour picture is drawn in, told by its colours and not by its name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers import quicklook_ramp as ramp
from ssl_insar.readers import quicklook_wheel as wheel

COARSE = 5
"""Bits a channel to which a picture of very many colours is reduced before its colours are looked up."""

MANY = 2048
"""Colours; a full-size picture in colouring A has 253."""

_REACH = 16.0
"""Levels; how far from the disc of averaged ramp colours a colour may lie, beside half its cell."""

_ON_DISC = 0.99
"""Share of pixels. The real crops of colouring A have 0.9995 and more; of made phase drawn in 53 other
colour maps, shrunk and posterised alike, the closest has 0.981 (OrRd), the next 0.949 (Reds)."""

_ON_RAMP = 0.5
"""Share of pixels, for a picture that was not posterised: greyish photographs lie on the disc as
well, near its centre, but do not follow the ramp."""

_WHEEL_EDGE = (0.72, 0.83)
"""Saturations about the wheel's 0.8, with room for rounding at the lowest brightness looked at."""

_DARK = 40
"""Levels; below it rounding moves the saturation by more than that room."""

_TINTED = 0.15
"""Saturation; below it a pixel is grey, and says nothing for or against the wheel."""

_AT_EDGE = 0.1
"""Share of tinted pixels at the wheel's saturation; the real crops of colouring B have 0.15 and more."""

_BEYOND = 0.1
"""Most that lie beyond the wheel's saturation for one that lies at it, for there it ends sharply. The
real crops have none; a filter that overshoots where it shrinks steep fringes makes up to 0.09."""


@dataclass(frozen=True)
class Palette:
    """The distinct colours of a picture.

    Attributes:
        colours: (N, 3) uint8.
        counts: (N,) pixels of each.
    """

    colours: NDArray[np.uint8]
    counts: NDArray[np.int64]

    def rows_of(self, pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
        """For pixels that have no other colours, the rows of their colours.

        Shape:
            (M, 3) -> (M,)
        """
        return np.searchsorted(_codes(self.colours), _codes(pixels))


@dataclass(frozen=True)
class Cells:
    """The cells of colour space that a palette's colours fall into.

    Attributes:
        middles: (K, 3) levels.
        counts: (K,) pixels of each.
        index: (N,) for each colour of the palette, the row of its cell.
        width: levels a cell is wide: as many as posterising has merged, or as it takes to have few.
    """

    middles: NDArray[np.float64]
    counts: NDArray[np.float64]
    index: NDArray[np.intp]
    width: int


@dataclass(frozen=True)
class Fit:
    """How well a picture fits either colouring.

    Attributes:
        bits: bits kept of each channel: 3 or 4 if posterised, else 8.
        on_disc: share of pixels whose colour averaging the ramp of colouring A can give.
        on_ramp: share of pixels whose colour is one of the ramp itself.
        at_edge: share of tinted pixels that are as saturated as the wheel of colouring B.
        beyond: share of tinted pixels that are more saturated than it.
        tinted: share of pixels that are neither grey nor nearly black.
    """

    bits: int
    on_disc: float
    on_ramp: float
    at_edge: float
    beyond: float
    tinted: float

    @property
    def is_ramp(self) -> bool:
        """Whether this is colouring A."""
        return self.on_disc >= _ON_DISC and (self.bits < 8 or self.on_ramp >= _ON_RAMP)

    @property
    def is_wheel(self) -> bool:
        """Whether this is colouring B."""
        return not self.is_ramp and self.at_edge >= _AT_EDGE and self.beyond <= _BEYOND * self.at_edge

    @property
    def colouring(self) -> str | None:
        """Name of the colouring, or None if the picture fits neither."""
        if self.is_ramp:
            kept = "full colours" if self.bits == 8 else f"posterised to {self.bits} bits a channel"
            return f"colouring A (blue-yellow-red ramp), {kept}"
        return "colouring B (phase as hue, amplitude as brightness)" if self.is_wheel else None

    @property
    def misfit(self) -> str:
        """Why the picture fits neither colouring, in numbers."""
        return (
            f"{self.on_disc:.0%} of its pixels have colours of the blue-yellow-red ramp "
            f"({_ON_DISC:.0%} needed), {self.on_ramp:.0%} without averaging ({_ON_RAMP:.0%} needed unless "
            f"posterised); of its tinted pixels {self.at_edge:.0%} are as saturated as the "
            f"cyan-magenta-yellow wheel ({_AT_EDGE:.0%} needed) and {self.beyond:.0%} more so "
            f"({_BEYOND * self.at_edge:.0%} allowed)"
        )


def palette_of(pixels: NDArray[np.uint8]) -> Palette:
    """Distinct colours of pixels, (N, 3), in order of their channels."""
    codes = _codes(pixels)
    codes.sort()  # in place: a full-size picture has nine million
    fresh = np.ones(codes.shape, bool)
    np.not_equal(codes[1:], codes[:-1], out=fresh[1:])
    starts = np.flatnonzero(fresh)
    distinct = codes[starts]
    channels = np.stack([distinct >> 16, distinct >> 8 & 255, distinct & 255], axis=-1)
    return Palette(channels.astype(np.uint8), np.diff(starts, append=len(codes)))


def _codes(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Colours as one number each. Shape: (N, 3) -> (N,)."""
    codes = pixels[:, 0].astype(np.uint32)
    for channel in (1, 2):
        codes <<= 8
        codes |= pixels[:, channel]
    return codes


def posterised(palette: Palette) -> int:
    """Bits of each channel that carry something: 3, 4 or 8.

    ImageMagick, asked for 256 colours, keeps the 4 high bits of each channel and repeats them below;
    if that leaves too many colours, 3 bits.
    """
    levels = np.unique(palette.colours)
    if (levels == repeated(levels, 3)).all():
        return 3
    return 4 if (levels == repeated(levels, 4)).all() else 8


def repeated(levels: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Levels cut to their 3 or 4 high bits, which are then repeated below to fill the byte."""
    high = levels & np.uint8(256 - (256 >> bits))
    return (high | high >> bits | high >> 2 * bits).astype(np.uint8)


def cells_of(palette: Palette) -> Cells:
    """The colour cells that the colours of a palette stand for."""
    bits = posterised(palette)
    if bits == 8 and len(palette.counts) > MANY:
        bits = COARSE
    width = 256 >> bits
    coarse = palette.colours // width
    distinct = palette_of(coarse)
    index = distinct.rows_of(coarse)
    return Cells(
        middles=((distinct.colours + 0.5) * width - 0.5).astype(np.float64),
        counts=np.bincount(index, weights=palette.counts).astype(np.float64),
        index=index,
        width=width,
    )


def fit_of(palette: Palette, cells: Cells) -> Fit:
    """Compare a picture with both colourings."""
    pixels = max(int(palette.counts.sum()), 1)
    reach = _REACH + cells.width / 2

    def share(close: NDArray[np.bool_]) -> float:
        return float(cells.counts[close].sum() / pixels)

    saturation = wheel.saturation(palette.colours)
    tinted = (saturation > _TINTED) & (palette.colours.max(-1) >= _DARK)
    low, high = _WHEEL_EDGE
    weights = np.where(tinted, palette.counts, 0)
    total = max(int(weights.sum()), 1)
    return Fit(
        bits=posterised(palette),
        on_disc=share(ramp.distance_to_disc(cells.middles) <= reach),
        on_ramp=share(ramp.distance_to_ramp(cells.middles) <= reach),
        at_edge=float(weights[(saturation >= low) & (saturation <= high)].sum() / total),
        beyond=float(weights[saturation > high].sum() / total),
        tinted=float(weights.sum() / pixels),
    )
