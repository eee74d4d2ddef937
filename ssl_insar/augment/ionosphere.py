"""Ionosphere: a ramp and a long-wavelength screen of electrons, in rad."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from ssl_insar.augment.config import IonosphereConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.screen import GroundScreen
from ssl_insar.synth.ionosphere import phase_per_tecu

SCREEN_SHARE = 0.25
"""RMS of the screen, of what the ramp gains across the view; the simulator's."""
_EXPONENT = 11 / 3
_SHORTEST = 50e3
"""2-D exponent of the screen's power spectrum and its shortest wavelength, m; the simulator's."""


class Ionosphere(GroundScreen[IonosphereConfig]):
    """Phase of differential electron content; see `ssl_insar.synth.ionosphere` (Meyer 2011).

    The law is the simulator's. Ramp and waves are products of a function of East and one of North, so
    that their sum is one product of small matrices.
    Destroys broad signals: they are indistinguishable from it at one wavelength.

    Args:
        config: how often and how strong.
        size: side of a view, px.
        spacing: ground distance of the view's pixels, m.
        wavelength: of the radar, m; the phase grows with it.
    """

    def __init__(self, config: IonosphereConfig, size: int, spacing: float, wavelength: float) -> None:
        super().__init__(config, size, spacing)
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
        basis, change, amplitude = _functions(self.size, self.spacing, draw.device)
        waves = draw.normals(k, amplitude.numel()).view(k, *amplitude.shape) * amplitude
        waves = change @ waves @ change.T
        # In the orthonormal basis the first number is the mean, and the length is the deviation.
        waves[:, 0, 0] = 0.0
        length = torch.linalg.matrix_norm(waves, keepdim=True).clamp_min(1e-30)
        planes = torch.zeros(k, *amplitude.shape, dtype=torch.float64)
        planes[:, 0, 1], planes[:, 1, 0] = tec * direction.sin(), -tec * direction.cos()
        planes = change @ draw.to_device(planes, *planes.shape) @ change.T
        rms = draw.to_device(tec * SCREEN_SHARE, k, 1, 1)
        electrons = planes + waves * (rms * self.size / length)
        return chosen, basis @ (-phase_per_tecu(self.wavelength) * electrons).float() @ basis.T


@lru_cache(maxsize=8)
def _functions(size: int, spacing: float, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """What ramps and screens are products of, along an axis: 1, the place, and M waves.

    All waves are 50 km or longer, and views are not: in single precision the functions themselves would
    be much the same. Orthonormal combinations of them are not, and the two agree in double precision.

    Shape:
        -> orthonormal basis (size, 2 M + 2); the functions in terms of it (2 M + 2, 2 M + 2), float64; and
        how strong their products are in a screen, (2 M + 2, 2 M + 2), float64
    """
    # Waves of a square that is long against them and against the view, so that it does not repeat.
    side = max(8 * _SHORTEST, 2 * size * spacing)
    order = torch.arange(1, int(side / _SHORTEST) + 1, dtype=torch.float64)
    place = torch.arange(size, dtype=torch.float64).unsqueeze(1) - (size - 1) / 2
    turns = 2 * math.pi * place * spacing / side * order
    every = [torch.ones_like(place), place / max(size - 1, 1), turns.cos(), turns.sin()]
    basis, change = torch.linalg.qr(torch.cat(every, 1))
    order = torch.cat([torch.zeros(2, dtype=torch.float64), order, order])
    radial = torch.hypot(order.unsqueeze(1), order) * (_SHORTEST / side)
    # A product of two that both vary is two waves, mirror images of each other.
    twice = 1.0 + (order > 0) * (order > 0).unsqueeze(1)
    amplitude = torch.where((radial > 0) & (radial <= 1), radial.pow(-_EXPONENT / 2) * twice.sqrt(), 0.0)
    amplitude[1] = amplitude[:, 1] = 0.0  # the place is no wave
    return basis.float().to(device), change.to(device), amplitude.to(device)
