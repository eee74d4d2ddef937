"""Made-up volcanoes for simulated stacks: a name, a place on the map, and the name of its LiCSAR frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssl_insar.readers.frame import METRES_PER_DEGREE, Affine
from ssl_insar.synth.plan import Plan

_FARTHEST = 45.0
"""Degrees of latitude; nearer the poles a square of longitude and latitude is none on the ground."""


@dataclass(frozen=True)
class Volcano:
    """Where a stack lies.

    Attributes:
        name: another for each stack, and that of no real volcano.
        frame: as LiCSAR names frames: relative orbit and pass, colatitude, bursts.
        latitude: of the middle, degrees.
        longitude: of the middle, degrees.
    """

    name: str
    frame: str
    latitude: float
    longitude: float

    def transform(self, size: int, spacing: float) -> Affine:
        """From (column, row) to (longitude, latitude), for square pixels on the ground.

        Args:
            size: side of the scene, px.
            spacing: of the pixels, m.

        Returns:
            (a, b, c, d, e, f): longitude = a column + b row + c, latitude = d column + e row + f.
        """
        down = spacing / METRES_PER_DEGREE
        across = down / math.cos(math.radians(self.latitude))
        west, top = self.longitude - size / 2 * across, self.latitude + size / 2 * down
        return across, 0.0, west, 0.0, -down, top


def volcano_of(plan: Plan, seed: int) -> Volcano:
    """The volcano of a stack; depends on the seed, and on the stack's number and pass."""
    rng = np.random.default_rng([seed, 4, plan.index])
    # To the hundredth of a degree, as the frame's name tells it.
    latitude = round(rng.uniform(-_FARTHEST, _FARTHEST), 2)
    longitude = round(rng.uniform(-170, 170), 2)
    orbit = f"{rng.integers(1, 176):03d}{'A' if plan.ascending else 'D'}"
    frame = f"{orbit}_{round((90 - latitude) * 100):05d}_131313"
    return Volcano(volcano_name(plan.index), frame, latitude, longitude)


def volcano_name(index: int) -> str:
    """A name that no real volcano has to share: ``mt_`` and three syllables, another for each index."""
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    syllables = [c + v for c in consonants for v in vowels]
    # The factor has no divisor in common with 70, so that neighbours in the list differ visibly and
    # no name repeats before 343,000.
    scattered = (index * 123_457 + 91_733) % len(syllables) ** 3
    parts = []
    for _ in range(3):
        scattered, which = divmod(scattered, len(syllables))
        parts.append(syllables[which])
    return "mt_" + "".join(parts)
