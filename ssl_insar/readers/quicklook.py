"""LiCSAR quick-look pictures back to wrapped phase, as far as their colours tell it.

Two colourings are in use, and both carry the absolute phase (see `quicklook_ramp` and
`quicklook_wheel`). What a picture cannot tell is where averaging, posterising or noise has mixed
phases within a pixel: that lowers the confidence, and low confidence is no data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.readers import quicklook_ramp as ramp
from ssl_insar.readers import quicklook_wheel as wheel
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.quicklook_detect import Fit, Palette, cells_of, fit_of, palette_of
from ssl_insar.readers.solid import solid

FAMILY_NAME = "LiCSAR quick-look"

_SENTINEL_1 = re.compile(r"\.geo\.diff|^S1.*_color_phase", re.IGNORECASE)
"""Names of LiCSAR and HyP3 pictures. GAMMA paints other satellites in colouring B as well, so colours
alone do not tell the wavelength."""

LEAST_CONFIDENCE = 0.4
"""Length of the local mean phasor below which a pixel is no data: all but 1 % of pure noise in a
shrunk picture is below, all but 1 % of coherence 0.3 (20 looks) above."""

_SMOOTHING = 0.7
"""Pixels, standard deviation: a colour cell of 0.4 rad is filled in from its neighbours, and six
pixels a fringe keep three quarters of their length."""

_HALO = 3
"""Pixels; as far as the smoothing reaches: scipy cuts its Gaussian off at four standard deviations."""

_BAND = 128
"""Rows that are inverted at a time."""

_FILL_SIDE = 9
"""Pixels; a solid square of this side is the page or a mask. Very calm scenes are that flat at the phase
of white, too: 0.02 % of the pixels of the real crops are lost so, 4 % of the calmest one."""


class Inversion(NamedTuple):
    """What a picture tells.

    Attributes:
        phase: (H, W) float32 rad in [-pi, pi], 0 where not valid.
        valid: (H, W) bool.
        confidence: (H, W) float32 in [0, 1], length of the local mean phasor; 0 where no data.
        colour_phasor: (H, W) complex64, what each pixel's colour says by itself, its length the
            confidence of that; 0 where no data.
        fit: how well the picture fits either colouring.
    """

    phase: NDArray[np.float32]
    valid: NDArray[np.bool_]
    confidence: NDArray[np.float32]
    colour_phasor: NDArray[np.complex64]
    fit: Fit


def frame_from_colours(path: Path, rgb: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> Frame:
    """A colour picture to a wrapped frame on the picture's own pixel grid.

    Args:
        path: where it came from; its name gives dates and frame.
        rgb: (H, W, 3).
        opaque: (H, W), False where transparent.

    Raises:
        UnreadableError: the picture fits neither colouring.
    """
    picture = _recognised(rgb, opaque)
    if picture.fit.colouring is None:
        raise UnreadableError(
            f"{path}: a colour image in neither colouring of the LiCSAR quick-looks: {picture.fit.misfit}. "
            "Give the float product (diff_pha.tif) or the phase in grey"
        )
    phase, valid = np.empty(opaque.shape, np.float32), np.empty(opaque.shape, bool)
    for rows, band in _bands(picture):
        phase[rows], valid[rows] = band.phase, band.valid
    return Frame.of(
        phase,
        valid,
        wrapped=True,
        source=path,
        family=FAMILY_NAME,
        wavelength=WAVELENGTHS["C"] if _SENTINEL_1.search(path.name) else None,
        provenance=f"{FAMILY_NAME}, {picture.fit.colouring}",
        **facts_of(path)._asdict(),
    )


def invert(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> Inversion:
    """Recognise the colouring and invert it; nothing is valid where it is neither.

    Sign: positive phase = away from the satellite, as drawn.

    Args:
        rgb: (H, W, 3).
        opaque: (H, W), False where transparent.
    """
    picture = _recognised(rgb, opaque)
    shape = opaque.shape
    found = Inversion(
        np.empty(shape, np.float32),
        np.empty(shape, bool),
        np.empty(shape, np.float32),
        np.empty(shape, np.complex64),
        picture.fit,
    )
    for rows, band in _bands(picture):
        for whole, part in zip(found[:4], band[:4], strict=True):
            whole[rows] = part
    return found


@dataclass(frozen=True)
class _Picture:
    """A picture whose colouring has been recognised.

    Attributes:
        rgb: (H, W, 3).
        data: (H, W), False where the picture shows no phase.
        fit: how well it fits either colouring.
        palette: its colours.
        meaning: (N,) phasor of each, in colouring A; None in another.
    """

    rgb: NDArray[np.uint8]
    data: NDArray[np.bool_]
    fit: Fit
    palette: Palette
    meaning: NDArray[np.complex64] | None

    def phasors(self, rows: slice) -> NDArray[np.complex64]:
        """What the colours of some rows say, 0 where no data."""
        rgb, data = self.rgb[rows], self.data[rows]
        z = np.zeros(data.shape, np.complex64)
        if self.meaning is not None:
            z[data] = self.meaning[self.palette.rows_of(rgb[data])]
        elif self.fit.is_wheel:
            z[data] = wheel.phasors(rgb[data])
        return z


def _recognised(rgb: NDArray[np.uint8], opaque: NDArray[np.bool_]) -> _Picture:
    """The colouring of a picture, and where it shows phase in it."""
    # Black is phase exactly 0 and not-a-number alike, and made transparent; white is the page, but
    # also a phase of -0.5 rad, so that only a solid area counts.
    data = opaque & rgb.any(axis=-1) & ~solid((rgb == 255).all(axis=-1), _FILL_SIDE)
    palette = palette_of(rgb[data])
    cells = cells_of(palette)
    fit = fit_of(palette, cells)
    meaning = ramp.phasors(cells.middles, cells.width)[cells.index] if fit.is_ramp else None
    picture = _Picture(rgb, data, fit, palette, meaning)
    if fit.is_wheel:
        # A mask goes on over any distance, so that it is looked for in the whole picture.
        zero = np.empty_like(data)
        for rows in _rows(len(data)):
            zero[rows] = wheel.at_zero(picture.phasors(rows))
        data &= ~wheel.masked(zero)
    return picture


def _rows(height: int) -> Iterator[slice]:
    return (slice(row, min(row + _BAND, height)) for row in range(0, height, _BAND))


def _bands(picture: _Picture) -> Iterator[tuple[slice, Inversion]]:
    """The inversion some rows at a time: whole layers of a full-size picture take half a gigabyte."""
    height = len(picture.data)
    for rows in _rows(height):
        wider = slice(max(rows.start - _HALO, 0), min(rows.stop + _HALO, height))
        inside = slice(rows.start - wider.start, rows.stop - wider.start)
        z = picture.phasors(wider)
        mean = _local_mean(z, picture.data[wider])[inside]
        z = z[inside]
        confidence = np.abs(mean)
        valid = picture.data[rows] & (confidence >= LEAST_CONFIDENCE)
        # Posterised cells leave steps, and holes where the phase wraps, that neighbours fill. Elsewhere a
        # pixel keeps its own phase, which noise and all is what was drawn.
        phase = np.where(valid, np.angle(mean if picture.fit.bits < 8 else z), 0).astype(np.float32)
        yield rows, Inversion(phase, valid, confidence, z, picture.fit)


def _local_mean(z: NDArray[np.complex64], data: NDArray[np.bool_]) -> NDArray[np.complex64]:
    """Gaussian mean over the pixels that hold data, 0 at those that hold none."""
    from scipy.ndimage import gaussian_filter

    def smooth(layer: NDArray[np.float32]) -> NDArray[np.float32]:
        blurred: NDArray[np.float32] = gaussian_filter(layer, _SMOOTHING, mode="constant")
        return blurred

    share = np.where(data, smooth(data.astype(np.float32)), np.float32(np.inf))
    mean = np.empty_like(z)
    mean.real, mean.imag = smooth(z.real) / share, smooth(z.imag) / share
    return mean
