r"""Colouring A of LiCSAR quick-looks: dark blue (-pi) over pale yellow (0) to dark red (+pi).

LiCSAR draws the interferogram in these colours, shrinks the picture to 30 % by averaging *colours*,
and keeps 3 or 4 bits of each channel. Where phase varies within a pixel the average leaves the ramp.
Take the phases in a pixel as spread about their mean by a wrapped normal law of standard deviation s,
whose mean phasor has the length :math:`R = e^{-s^2/2}`: then the average colour is the ramp blurred
along the circle,

.. math:: c(\phi, R) = \sum_k \hat c_k\, R^{k^2} e^{ik\phi},

with :math:`\hat c_k` the Fourier coefficients of the ramp. That is a disc in colour space: its rim
(R = 1) is the ramp, closed through purple where -pi meets +pi, and its centre (R = 0) is the greyish
pink of pure noise. Inverting the disc gives back the phase, and R as the confidence.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssl_insar.phase import TWO_PI

END = 3.2
"""rad; the palette runs over [-3.2, 3.2] in 256 steps, so that +-pi falls just inside its ends."""

PALETTE = "RdYlBu_r"
"""matplotlib's colour map of (very nearly) the same colours, at the same 256 steps."""

_PHASES = 180
_SPREADS = np.arange(31) / 10
"""rad, s; even steps in s crowd at the rim, where the line that closes the ramp needs them."""

_CURVE_STEPS = 1024
_AVERAGING = 6.0
"""Levels; scatter of averaged colours about the disc, for no pixel holds a whole normal law."""

_OUTLIER = 0.01
"""Likelihood of a colour that is nowhere on the disc, against 1 for a colour on its rim."""


class _Disc(NamedTuple):
    """Points of the disc: (N, 3) colours, (N,) phasors ``R exp(i phi)``, (N,) prior weights."""

    colours: NDArray[np.float64]
    phasors: NDArray[np.complex128]
    prior: NDArray[np.float64]


def colours(phase: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Ramp colours of a phase.

    Args:
        phase: rad in [-pi, pi].

    Shape:
        any -> (..., 3), red, green, blue in [0, 255].
    """
    from matplotlib import colormaps

    rgba = colormaps[PALETTE]((np.asarray(phase) + END) / (2 * END))
    return np.asarray(rgba[..., :3], np.float64) * 255


def phasors(rgb: NDArray[np.floating[Any]], width: float) -> NDArray[np.complex64]:
    """Mean phasor of the points of the disc that a colour may stand for.

    Each point counts by its distance from the colour, under normal errors: those of the averaging
    and of colours known only to ``width`` levels. The length of the result is the confidence: small
    for a colour near the disc's centre (phases mixed within the pixel), for one that two phases
    share, and for one off the disc.

    Args:
        rgb: (N, 3) colours, each the middle of its cell.
        width: levels a colour cell is wide: 32 where 3 bits a channel were kept, 1 for all 8.

    Shape:
        (N, 3) -> (N,)
    """
    disc = _disc()
    variance = _AVERAGING**2 + width**2 / 12  # of an even distribution over the cell
    found = np.empty(len(rgb), np.complex64)
    block = 512  # keeps the table of distances at 23 MB
    for start in range(0, len(rgb), block):
        part = rgb[start : start + block]
        squares = (part**2).sum(1)[:, None] - 2 * part @ disc.colours.T + (disc.colours**2).sum(1)
        likelihood = disc.prior * np.exp(squares / (-2 * variance))
        found[start : start + block] = (likelihood @ disc.phasors) / (likelihood.sum(1) + _OUTLIER)
    return found


def distance_to_disc(rgb: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Levels from colours to the nearest one that averaging ramp colours can give.

    Shape:
        (N, 3) -> (N,)
    """
    return _nearest(_disc().colours, rgb)


def distance_to_ramp(rgb: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Levels from colours to the nearest one of the ramp itself.

    Shape:
        (N, 3) -> (N,)
    """
    return _nearest(colours(np.linspace(-np.pi, np.pi, _CURVE_STEPS)), rgb)


def _nearest(points: NDArray[np.float64], rgb: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(points).query(rgb)[0], np.float64)


@cache
def _disc() -> _Disc:
    phase = (np.arange(_PHASES) + 0.5) * (TWO_PI / _PHASES) - np.pi
    length = np.exp(-(_SPREADS**2) / 2)
    order = np.fft.fftfreq(_PHASES, 1 / _PHASES)
    coefficients = np.fft.fft(colours(phase), axis=0)
    damping = length[:, None] ** (order**2)
    blurred = np.fft.ifft(coefficients * damping[..., None], axis=1).real
    return _Disc(
        colours=blurred.reshape(-1, 3),
        phasors=(length[:, None] * np.exp(1j * phase)).ravel(),
        # Spreads as likely as each other but for the largest: a colour near the rim is of the rim.
        prior=np.repeat(length**2, _PHASES),
    )
