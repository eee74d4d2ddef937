r"""Ionospheric phase: a ramp and a smooth screen of slant total electron content (TEC).

The phase advances by :math:`\frac{4\pi}{\lambda}\frac{K}{f^2}\,\Delta TEC` on the way there and back,
K = 40.31 m^3/s^2 (Meyer 2011; Gomba et al. 2016): 3.126 rad at C band and 13.44 rad at
L band per TECU (1e16 electrons/m^2). An advance looks like motion toward the satellite, so more
electrons at the later date give negative phase in this package's convention.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssl_insar.geometry import SPEED_OF_LIGHT
from ssl_insar.synth.batch import per_field
from ssl_insar.synth.ramps import bilinear
from ssl_insar.synth.sinusoids import plane_waves
from ssl_insar.synth.terrain import along
from ssl_insar.synth.turbulence import standardise

K = 40.31
"""m^3/s^2, of the ionosphere's refraction."""

TECU = 1e16
"""Electrons/m^2."""


def phase_per_tecu(wavelength: float) -> float:
    """Size of the two-way phase of one TECU along the line of sight, rad; wavelength in m.

    Raises:
        ValueError: the wavelength is not positive.
    """
    if not wavelength > 0:
        raise ValueError(f"wavelength must be positive, in metres, not {wavelength}")
    frequency = SPEED_OF_LIGHT / wavelength
    return 4 * math.pi / wavelength * K * TECU / frequency**2


def ionospheric_phase(
    east: Tensor,
    north: Tensor,
    rms: Tensor,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    wavelength: float,
    *,
    exponent: float = 11 / 3,
    shortest: float = 50e3,
    elongation: Tensor | float = 1.0,
    azimuth: Tensor | float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Phase of a ramp and a screen of differential slant TEC, later date minus earlier.

    Args:
        east: TECU gained from the west edge to the east edge, (N,).
        north: TECU gained from the south edge to the north edge, (N,).
        rms: of the screen over the scene's pixels, TECU, (N,).
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        wavelength: of the radar, m.
        exponent: 2-D exponent of the screen's power spectrum.
        shortest: wavelengths below this, m, are left out of the screen.
        elongation: of structures, 1 or more, one or (N,): above 1 they are streaks.
        azimuth: along the streaks, degrees clockwise from north, one or (N,).
        generator: source of randomness; its device is where the screens are made.

    Shape:
        (N,), (N,), (N,) -> (N, H, W), rad, float32, mean 0

    Raises:
        ValueError: ``wavelength`` or ``shortest`` is not positive, or an elongation is below 1.
    """
    device = generator.device if generator is not None else torch.device("cpu")
    factor = -phase_per_tecu(wavelength)
    screen = _screens(len(rms), shape, spacing, exponent, shortest, elongation, azimuth, device, generator)
    ramp = bilinear(east.to(device), north.to(device), shape).to(torch.float32)
    return factor * (ramp + per_field(rms, screen) * screen)


def _screens(
    count: int,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    exponent: float,
    shortest: float,
    elongation: Tensor | float,
    azimuth: Tensor | float,
    device: torch.device,
    generator: torch.Generator | None,
) -> Tensor:
    """Screens of mean 0 and deviation 1; (count, H, W).

    Summed wave by wave: the waves are few, and an FFT that holds them would be many times the scene.
    """
    if not shortest > 0:
        raise ValueError(f"the shortest wavelength must be positive, in metres, not {shortest}")
    # Waves of a square that is long against them and against the scene, so that it does not repeat.
    side = max(8 * shortest, *(2 * pixels * step for pixels, step in zip(shape, spacing, strict=True)))
    most = int(side / shortest)
    steps = torch.arange(-most, most + 1, dtype=torch.float64, device=device)
    north, east = torch.meshgrid(steps, steps, indexing="ij")
    # One of each pair of opposite wave vectors: the real part of a wave holds both.
    half = (north > 0) | ((north == 0) & (east > 0))
    east, north = east[half] / side, north[half] / side
    stretch = per_field(elongation, east)[..., 0]
    if bool((stretch < 1).any()):
        raise ValueError("elongation is 1 or more; turn the azimuth by 90 degrees instead")
    streak = per_field(azimuth, east)[..., 0]
    radial = torch.hypot(stretch * along(east, north, streak), along(east, north, streak + 90))
    amplitude = (radial * shortest).pow(-exponent / 2) * (radial * shortest <= 1)
    noise = torch.randn((count, len(east), 2), generator=generator, dtype=torch.float64, device=device)
    waves = torch.view_as_complex(noise) * amplitude
    return standardise(plane_waves(waves, torch.stack([east, north], dim=-1), shape, spacing))
