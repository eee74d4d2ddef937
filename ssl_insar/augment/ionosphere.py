"""Ionosphere: a ramp and a long-wavelength screen of electrons, in rad."""

from __future__ import annotations

import math

from torch import Tensor, nn

from ssl_insar.augment.config import IonosphereConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.synth.ionosphere import ionospheric_phase

SCREEN_SHARE = 0.25
"""RMS of the screen, of what the ramp gains across the view; the simulator's."""


class Ionosphere(nn.Module):
    """Phase of differential electron content; see `ssl_insar.synth.ionosphere` (Meyer 2011).

    Destroys broad signals: they are indistinguishable from it at one wavelength.

    Args:
        config: how often and how strong.
        size: side of a view, px.
        spacing: ground distance of the view's pixels, m.
        wavelength: of the radar, m; the phase grows with it.
    """

    def __init__(self, config: IonosphereConfig, size: int, spacing: float, wavelength: float) -> None:
        super().__init__()
        self.config = config
        self.size = size
        self.spacing = spacing
        self.wavelength = wavelength

    def forward(self, n: int, draw: Draw) -> tuple[Tensor, Tensor]:
        """Screens for a random subset of n views.

        Returns:
            which of the n views they are for (k,), and the screens (k, S, S), rad, zero mean, float32.
        """
        chosen = draw.choose(n, self.config.p)
        k = len(chosen)
        tec = draw.log_uniform(k, *self.config.tec)
        direction = draw.uniform(k, 0.0, 2 * math.pi)
        screens = ionospheric_phase(
            draw.to_device(tec * direction.sin(), k),
            draw.to_device(tec * direction.cos(), k),
            draw.to_device(tec * SCREEN_SHARE, k),
            (self.size, self.size),
            (self.spacing, self.spacing),
            self.wavelength,
            generator=draw.fields,
        )
        return chosen, screens
