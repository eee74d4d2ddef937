"""What is measured of inverted quick-looks: round trips, coherent cores, closures."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.quicklook_drawing import DRAWINGS, Image8, decorrelated, fringes
from ssl_insar import phase as ph
from ssl_insar.readers.quicklook import Inversion, invert

_SIDE = 600
"""px; of a made picture before it is shrunk."""

_FRAME = 4
"""px at the rim of a shrunk picture, where the filter looked outside."""

CORE_WINDOW, CORE_COHERENCE = 7, 0.8
"""A coherent core: length of the mean phasor in a 7 x 7 px window above 0.8."""

END_OF_RAMP = np.pi / 2
"""rad; red is phase above it, blue below minus it."""

CONTINUOUS = 1.0
"""rad; a wrapped jump below it between neighbours is continuous."""

_BINS = 32
_PAIR = re.compile(r"(.*?)(\d{8})_(\d{8})(.*)")


def round_trip(kind: str, coherence: float, period: float, seed: int = 0) -> dict[str, Any]:
    """Draw made phase, invert it, and compare.

    Args:
        kind: one of `DRAWINGS`.
        coherence: of the phase noise.
        period: full-size px a fringe.
        seed: of the noise.

    Returns:
        RMS of the wrapped error (rad) over valid pixels, against the noisy phase shrunk likewise and
        against the phase without noise; NaN where nothing is valid. Share of valid pixels.
    """
    drawing = DRAWINGS[kind]
    clean = fringes(_SIDE, period)
    noisy = decorrelated(clean, coherence, seed)
    image = drawing.picture(noisy)
    found = invert(image, np.ones(image.shape[:2], bool))
    inner = (slice(_FRAME, -_FRAME),) * 2
    valid = found.valid[inner]
    read = np.exp(1j * found.phase[inner][valid])

    def rms(truth: NDArray[np.float64]) -> float:
        error = np.angle(read * np.conj(drawing.truth(truth)[inner][valid]))
        return float(np.sqrt((error**2).mean())) if error.size else math.nan

    return {
        "picture": kind,
        "coherence": coherence,
        "px_per_fringe": period,
        "rms": rms(noisy),
        "rms_to_noise_free": rms(clean),
        "valid": float(valid.mean()),
        "recognised_as": found.fit.colouring or "refused",
    }


def independent_kind(rgb: Image8, opaque: NDArray[np.bool_]) -> str:
    """What a picture is by the number and depth of its colours alone, without a look at the colours."""
    shown = rgb[opaque]
    levels = np.unique(shown)
    if len(np.unique(shown, axis=0)) > 256:
        return "more than 256 colours"
    if np.isin(levels, [n << 5 | n << 2 | n >> 1 for n in range(8)]).all():
        return "256 colours at most, 3 bits a channel"
    return f"256 colours at most, {'4 bits a channel' if (levels % 17 == 0).all() else 'no pattern'}"


@dataclass
class Cores:
    """Sums over the coherent cores of pictures; pictures add up.

    Attributes:
        pixels: px in cores.
        crossings: neighbours with red on one side and blue on the other, by their colours alone.
        continuous: those of them across which the phase is continuous.
        by_colour: those across which it is by the two colours alone, before neighbours fill in.
        loops: 2 x 2 px squares.
        residues: those around which the wrapped phase does not close.
        histogram: (32,) px by phase.
    """

    pixels: int
    crossings: int
    continuous: int
    by_colour: int
    loops: int
    residues: int
    histogram: NDArray[np.int64]

    @classmethod
    def of(cls, found: Inversion) -> Cores:
        """Count one picture."""
        core = cores(found)
        colour, phase = np.angle(found.colour_phasor), found.phase
        crossings = continuous = by_colour = 0
        for one, other in (
            ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
            ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ):
            low, high = np.minimum(colour[one], colour[other]), np.maximum(colour[one], colour[other])
            across = core[one] & core[other] & (low < -END_OF_RAMP) & (high > END_OF_RAMP)
            crossings += int(across.sum())
            continuous += int((across & _continuous(phase[one], phase[other])).sum())
            by_colour += int((across & _continuous(colour[one], colour[other])).sum())
        within = core[1:, 1:] & core[1:, :-1] & core[:-1, 1:] & core[:-1, :-1]
        return cls(
            pixels=int(core.sum()),
            crossings=crossings,
            continuous=continuous,
            by_colour=by_colour,
            loops=int(within.sum()),
            residues=int((within & residues(phase)).sum()),
            histogram=np.histogram(phase[core], _BINS, (-np.pi, np.pi))[0],
        )

    def __add__(self, other: Cores) -> Cores:
        return Cores(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    @property
    def unevenness(self) -> float:
        """Largest deviation of the phase histogram from an even one, as a share of it."""
        return float(np.abs(self.histogram / self.histogram.mean() - 1).max())


def cores(found: Inversion) -> NDArray[np.bool_]:
    """Pixels of coherent cores, (H, W)."""
    z = ph.phasor(found.phase, found.valid)
    return found.valid & (ph.local_coherence(z, CORE_WINDOW) > CORE_COHERENCE)


def _continuous(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(ph.wrap(one - other)) < CONTINUOUS)


def residues(phase: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Squares of 2 x 2 px around which the wrapped differences do not add up to 0, (H-1, W-1)."""
    down, right = ph.wrap(np.diff(phase, axis=0)), ph.wrap(np.diff(phase, axis=1))
    around = right[:-1] + down[:, 1:] - right[1:] - down[:, :-1]
    return np.asarray(np.abs(around) > np.pi)


def triplets(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Names of interferograms (a, b), (b, c), (a, c) of one crop, told by names alike but for the dates."""
    pairs = {}
    for name in names:
        match = _PAIR.fullmatch(name)
        if match:
            pairs[match[1], match[4], match[2], match[3]] = name
    return [
        (name, pairs[before, after, b, c], pairs[before, after, a, c])
        for (before, after, a, b), name in sorted(pairs.items())
        for (other_before, other_after, start, c) in sorted(pairs)
        if (before, after, b) == (other_before, other_after, start) and (before, after, a, c) in pairs
    ]


def closure(found: Sequence[Inversion]) -> dict[str, float]:
    """How well (a, b) + (b, c) - (a, c) comes to 0 where all three are coherent.

    Returns:
        number of pixels, length and angle of the mean phasor, median absolute angle (rad).
    """
    common = np.logical_and.reduce([cores(one) for one in found])
    ab, bc, ac = (one.phase[common].astype(np.float64) for one in found)
    angle = ph.wrap(ab + bc - ac)
    mean = np.exp(1j * angle).mean() if angle.size else complex(math.nan)
    return {
        "pixels": float(angle.size),
        "length": float(np.abs(mean)),
        "offset": float(np.angle(mean)),
        "median": float(np.median(np.abs(angle))) if angle.size else math.nan,
    }
