"""Draw known phase the way quick-looks are drawn, to see what inverting them gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ssl_insar import phase as ph
from ssl_insar.readers import quicklook_ramp, quicklook_wheel
from ssl_insar.readers.quicklook_detect import repeated
from ssl_insar.synth.decorrelation import phase_noise

Image8 = NDArray[np.uint8]
Phase = NDArray[np.float64]

SHRUNK = 0.3
"""What LiCSAR makes of its pictures (``convert -resize 30%``)."""

LOOKS = 20.0
"""Looks of the made phase noise, about those of a LiCSAR pixel."""

_CORNERS = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 1, 1]], float)
"""Cyan, magenta, yellow and cyan again."""


def fringes(side: int, period: float) -> Phase:
    """Bent fringes, rad, unwrapped.

    Args:
        side: px of the square.
        period: px a fringe in the middle; it varies by a quarter over the square.
    """
    rows, cols = np.mgrid[:side, :side] / side - 0.5
    along = np.cos(0.5) * rows + np.sin(0.5) * cols
    phase: Phase = ph.TWO_PI * side / period * (along + 0.25 * rows * cols)
    return phase


def decorrelated(phase: Phase, coherence: float, seed: int) -> Phase:
    """Wrapped phase with the noise of a coherence."""
    generator = torch.Generator().manual_seed(seed)
    field = torch.full(phase.shape, coherence, dtype=torch.float64)
    noisy: Phase = ph.wrap(phase + phase_noise(field, LOOKS, generator=generator).numpy()).astype(np.float64)
    return noisy


def ramp(phase: Phase) -> Image8:
    """Colouring A, full size."""
    levels: Image8 = np.rint(quicklook_ramp.colours(phase)).astype(np.uint8)
    return levels


def wheel(phase: Phase) -> Image8:
    """Colouring B, full size, with speckled brightness."""
    steps = np.rint(phase / ph.TWO_PI * quicklook_wheel.HUES) % quicklook_wheel.HUES
    turns = steps / quicklook_wheel.HUES * 3
    corner = np.minimum(turns.astype(int), 2)
    within = (turns - corner)[..., None]
    hue = _CORNERS[corner] * (1 - within) + _CORNERS[corner + 1] * within
    speckle = np.random.default_rng(0).gamma(LOOKS, 1 / LOOKS, phase.shape)
    brightness = 140 * np.sqrt(speckle)
    drawn = (1 - quicklook_wheel.SATURATION * (1 - hue)) * brightness[..., None]
    levels: Image8 = np.rint(np.clip(drawn, 0, 255)).astype(np.uint8)
    return levels


def shrink(image: Image8) -> Image8:
    """A picture of 30 % of the size, by a Lanczos filter over each channel."""
    return np.asarray(_resized(Image.fromarray(image)))


def shrink_phasor(z: ph.ComplexArray) -> ph.ComplexArray:
    """The truth shrunk likewise: the same filter over real and imaginary part."""
    real, imag = (np.asarray(_resized(Image.fromarray(part.astype(np.float32)))) for part in (z.real, z.imag))
    return np.asarray(real + 1j * imag)


def _resized(image: Image.Image) -> Image.Image:
    width, height = (round(side * SHRUNK) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Drawing:
    """One kind of picture.

    Attributes:
        colour: phase to colours.
        bits: kept of each channel; 8: all.
        small: whether it is shrunk.
    """

    colour: Callable[[Phase], Image8]
    bits: int
    small: bool

    def picture(self, phase: Phase) -> Image8:
        """The picture of a phase."""
        drawn = self.colour(phase)
        if self.small:
            drawn = shrink(drawn)
        return repeated(drawn, self.bits) if self.bits < 8 else drawn

    def truth(self, phase: Phase) -> ph.ComplexArray:
        """The phasor on the pixels of the picture."""
        z = np.exp(1j * phase)
        return shrink_phasor(z) if self.small else z


DRAWINGS = {
    "A, shrunk, 3 bits": Drawing(ramp, 3, True),
    "A, shrunk, 4 bits": Drawing(ramp, 4, True),
    "A, shrunk": Drawing(ramp, 8, True),
    "A, full size": Drawing(ramp, 8, False),
    "B, shrunk": Drawing(wheel, 8, True),
    "B, full size": Drawing(wheel, 8, False),
}
"""The first two and the last two occur among real crops; the full-size A is a product of its own."""
