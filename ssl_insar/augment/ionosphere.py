"""Ionosphere: a ramp and a long-wavelength screen of electrons, in rad."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn

from ssl_insar.augment.config import IonosphereConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.synth.ionosphere import phase_per_tecu
from ssl_insar.synth.ramps import bilinear
from ssl_insar.synth.turbulence import standardise

SCREEN_SHARE = 0.25
"""RMS of the screen, of what the ramp gains across the view; the simulator's."""
_EXPONENT = 11 / 3
_SHORTEST = 50e3
"""2-D exponent of the screen's power spectrum and its shortest wavelength, m; the simulator's."""


class Ionosphere(nn.Module):
    """Phase of differential electron content; see `ssl_insar.synth.ionosphere` (Meyer 2011).

    The law is the simulator's; the waves are summed as products of functions of East and of North,
    as a wave and its mirror image are equally strong, which takes a tenth of the time.
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
        chosen, draw = draw.subset(n, self.config.p)
        k = len(chosen)
        tec = draw.log_uniform(k, *self.config.tec)
        direction = draw.uniform(k, 0.0, 2 * math.pi)
        east, north = draw.to_device(torch.stack([tec * direction.sin(), tec * direction.cos()]), 2, k)
        ramp = bilinear(east, north, (self.size, self.size)).float()
        basis, amplitude = _waves(self.size, self.spacing, draw.device)
        noise = draw.normals(k, amplitude.numel()).view(k, *amplitude.shape)
        screen = standardise(basis @ (noise * amplitude) @ basis.T)
        rms = draw.to_device(tec * SCREEN_SHARE, k, 1, 1)
        return chosen, -phase_per_tecu(self.wavelength) * (ramp + rms * screen)


@lru_cache(maxsize=8)
def _waves(size: int, spacing: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Standing waves along one axis, and how strong their products are.

    Shape:
        -> (size, 2 M + 1), (2 M + 1, 2 M + 1)
    """
    # Waves of a square that is long against them and against the view, so that it does not repeat.
    side = max(8 * _SHORTEST, 2 * size * spacing)
    order = torch.arange(int(side / _SHORTEST) + 1, dtype=torch.float64, device=device)
    place = (torch.arange(size, dtype=torch.float64, device=device) - (size - 1) / 2) * (spacing / side)
    turns = 2 * math.pi * place.unsqueeze(1) * order
    basis = torch.cat([turns.cos(), turns[:, 1:].sin()], 1)
    order = torch.cat([order, order[1:]])
    radial = torch.hypot(order.unsqueeze(1), order) / side
    amplitude = (radial * _SHORTEST).pow(-_EXPONENT / 2) * (radial * _SHORTEST <= 1)
    amplitude[0, 0] = 0.0  # a constant
    # A product of two that both vary is two waves, mirror images of each other.
    amplitude[1:, 1:] *= math.sqrt(2)
    return basis.float(), amplitude.float()
