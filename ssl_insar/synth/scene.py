"""One simulated interferogram, or a batch of them, composed of its parts and keeping them as truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_insar.synth.decorrelation import phase_noise
from ssl_insar.synth.filtering import adaptive_filter


@dataclass(frozen=True)
class Scene:
    """Interferograms and what they were made of; every field is (..., H, W).

    Attributes:
        phasor: complex64, 0 where there is no data; positive phase = motion away.
        displacement: along the line of sight, m, positive toward the satellite.
        turbulence: rad.
        stratified: rad.
        ramp: rad, with the constant offset.
        coherence: in [0, 1], as used: 0 where the fringes are too dense to be resolved.
    """

    phasor: Tensor
    displacement: Tensor
    turbulence: Tensor
    stratified: Tensor
    ramp: Tensor
    coherence: Tensor

    @property
    def phase(self) -> Tensor:
        """Wrapped phase, rad in [-pi, pi]; 0 where there is no data."""
        return torch.angle(self.phasor)

    @property
    def valid(self) -> Tensor:
        """True where there is data."""
        return self.phasor != 0


def compose(
    *,
    displacement: Tensor,
    turbulence: Tensor,
    stratified: Tensor,
    ramp: Tensor,
    coherence: Tensor,
    valid: Tensor,
    wavelength: float,
    looks: float,
    filter_exponent: float | None = 2.0,
    generator: torch.Generator | None = None,
) -> Scene:
    """Add deformation, atmosphere and ramp, decorrelate, and filter.

    Args:
        displacement: along the line of sight, m, positive toward the satellite.
        turbulence: rad.
        stratified: rad.
        ramp: rad.
        coherence: in [0, 1].
        valid: True where the product has data.
        wavelength: m.
        looks: equivalent number of independent looks.
        filter_exponent: of `adaptive_filter`; None for no filter.
        generator: source of randomness for the decorrelation.

    Shape:
        all (..., H, W), broadcast against each other
    """
    resolved = ~aliased(displacement, wavelength)
    coherence = coherence * resolved
    # Whole cycles go before float32, which has none to spare.
    signal = (displacement.to(torch.float64) * (-4 * math.pi / wavelength)).remainder(2 * math.pi)
    phase = signal.to(turbulence.dtype) + turbulence + stratified + ramp
    noise = phase_noise(coherence.expand_as(phase), looks, generator=generator)
    phasor = torch.polar(valid.to(phase.dtype).expand_as(phase), phase + noise)
    if filter_exponent is not None:
        phasor = adaptive_filter(phasor, exponent=filter_exponent)
    return Scene(phasor, displacement, turbulence, stratified, ramp, coherence)


def aliased(displacement: Tensor, wavelength: float) -> Tensor:
    """Where the displacement changes by more than a quarter wavelength from pixel to pixel.

    Two neighbours then differ by more than half a fringe, which no sampling can tell from less; in
    a real interferogram a multilooked pixel has lost its coherence well before.

    Shape:
        (..., H, W) -> the same, bool
    """
    limit = wavelength / 4
    jump_down = displacement.diff(dim=-2).abs() > limit
    jump_right = displacement.diff(dim=-1).abs() > limit
    result = torch.zeros(displacement.shape, dtype=torch.bool, device=displacement.device)
    result[..., 1:, :] |= jump_down
    result[..., :-1, :] |= jump_down
    result[..., 1:] |= jump_right
    result[..., :-1] |= jump_right
    return result
