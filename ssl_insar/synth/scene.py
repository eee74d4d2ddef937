"""One simulated interferogram, or a batch of them, composed of its parts and keeping them as truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_insar.synth.batch import per_field
from ssl_insar.synth.decorrelation import phase_noise
from ssl_insar.synth.filtering import adaptive_filter


@dataclass(frozen=True)
class Scene:
    """Interferograms and what they were made of; every field is (..., H, W).

    Attributes:
        phasor: complex64, 0 where there is no data; positive phase = motion away.
        total: rad, unwrapped, of all but decorrelation and filter.
        displacement: along the line of sight, m, positive toward the satellite.
        components: what else the phase is made of, rad, by name.
        coherence: in [0, 1], as used: 0 where the fringes are too dense to be resolved.
    """

    phasor: Tensor
    total: Tensor
    displacement: Tensor
    components: dict[str, Tensor]
    coherence: Tensor

    def only(self, row: int) -> Scene:
        """One interferogram of a batch, without working out the others."""
        return Scene(
            self.phasor[row],
            self.total[row],
            self.displacement[row],
            {name: field[row] for name, field in self.components.items()},
            self.coherence[row],
        )

    @property
    def phase(self) -> Tensor:
        """Wrapped phase, rad in [-pi, pi]; 0 where there is no data."""
        return torch.angle(self.phasor)

    @property
    def unwrapped(self) -> Tensor:
        """The phase with its whole cycles, rad; 0 where there is no data."""
        # What noise and filter changed is less than half a cycle: the rest is known.
        changed = torch.angle(self.phasor * torch.polar(torch.ones_like(self.total), -self.total))
        return torch.where(self.phasor != 0, self.total + changed, 0.0)

    @property
    def valid(self) -> Tensor:
        """True where there is data."""
        return self.phasor != 0

    @property
    def noise(self) -> Tensor:
        """Sum of the components, rad: all but deformation and decorrelation."""
        return sum(self.components.values(), start=torch.zeros_like(self.total))


def compose(
    *,
    displacement: Tensor,
    other: Tensor | None = None,
    components: Mapping[str, Tensor],
    coherence: Tensor,
    valid: Tensor,
    wavelength: float,
    looks: float | Tensor,
    filter_exponent: float | Tensor | None = 2.0,
    filter_radius: float = 1.5,
    rewrap: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
) -> Scene:
    """Add deformation, atmosphere and ramp, decorrelate, and filter.

    Args:
        displacement: along the line of sight, m, positive toward the satellite.
        other: of what moves besides, alike; it becomes the component ``other motion``.
        components: phases to add, rad, by name.
        coherence: in [0, 1].
        valid: True where the product has data.
        wavelength: m.
        looks: equivalent number of independent looks; one, or one an interferogram.
        filter_exponent: of `adaptive_filter`, likewise; None for no filter.
        filter_radius: of it, pixels.
        rewrap: factor on the unwrapped phase, noise and all, before it is wrapped; likewise.
        generator: source of randomness for the decorrelation.

    Shape:
        all (..., H, W), broadcast against each other
    """
    factor = per_field(rewrap, displacement)
    moving = displacement
    components = dict(components)
    if other is not None:
        moving = displacement + other
        components["other motion"] = (other * (-4 * math.pi / wavelength)).to(torch.float32)
    coherence = coherence * ~aliased(moving * factor, wavelength)
    signal = displacement.to(torch.float64) * (factor * (-4 * math.pi / wavelength))
    nothing = torch.zeros((), device=displacement.device)
    rest = sum(components.values(), start=nothing) * factor.to(torch.float32)
    spread = coherence.expand_as(signal + rest).to(torch.float32)
    noise = phase_noise(spread, per_field(looks, spread), generator=generator)
    # Whole cycles go before float32, which has none to spare.
    # Noise alone is noise whatever it is multiplied with, and by less than 1 would not fill the circle.
    noise = torch.where(spread > 0, noise * factor.to(noise), noise)
    phase = signal.remainder(2 * math.pi).to(torch.float32) + rest + noise
    phasor = torch.polar(valid.to(torch.float32).expand_as(phase), phase)
    if filter_exponent is not None:
        phasor = adaptive_filter(phasor, filter_radius, per_field(filter_exponent, phase))
    return Scene(phasor, signal.to(torch.float32) + rest, displacement, components, coherence)


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
