r"""Random fields with a power-law spectrum: turbulent atmosphere, and terrain.

Convention: exponents are those of the **two-dimensional** power spectral density,
:math:`P(f) \propto f^{-\beta}` with f the radial frequency. A profile through the field has the
exponent :math:`\beta - 1`: Hanssen's -5/3, -8/3 and -2/3 for profiles are 8/3, 11/3 and 5/3 here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class PowerLaw:
    """A spectrum that falls as a power law, with a different exponent in each range of wavelengths.

    Attributes:
        exponents: 2-D exponents, from the longest wavelengths to the shortest.
        breaks: wavelengths in m between one exponent and the next; one fewer than exponents.
        outer_scale: m; the spectrum flattens at longer wavelengths (the variance stays finite).
    """

    exponents: tuple[float, ...]
    breaks: tuple[float, ...] = ()
    outer_scale: float = 50e3

    def __post_init__(self) -> None:
        if len(self.exponents) != len(self.breaks) + 1:
            raise ValueError(f"{len(self.exponents)} exponents need {len(self.exponents) - 1} breaks")
        if list(self.breaks) != sorted(self.breaks, reverse=True):
            raise ValueError(f"breaks go from long wavelengths to short ones, not {self.breaks}")

    def density(self, frequency: Tensor) -> Tensor:
        """Power spectral density, continuous, with an arbitrary factor; 0 at frequency 0.

        Args:
            frequency: radial, cycles/m, any shape.
        """
        # The soft outer scale of von Karman: f -> sqrt(f^2 + 1 / L0^2).
        softened = torch.sqrt(frequency.square() + self.outer_scale**-2)
        power = softened.pow(-self.exponents[0])
        for wavelength, before, after in zip(self.breaks, self.exponents, self.exponents[1:], strict=False):
            beyond = softened * wavelength > 1
            # Multiplied by this the law changes its slope at the break and does not jump.
            power = torch.where(beyond, power * (softened * wavelength).pow(before - after), power)
        return torch.where(frequency > 0, power, torch.zeros_like(power))


HANSSEN = PowerLaw(exponents=(8 / 3, 11 / 3, 5 / 3), breaks=(1500.0, 250.0))
"""Turbulence of the atmosphere in three regimes: Hanssen (2001), section 4.7, as 2-D exponents."""


def power_law_fields(
    count: int,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    law: PowerLaw = HANSSEN,
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Independent Gaussian fields, each with mean 0 and standard deviation 1 over its own pixels.

    Made by FFT on a domain twice as large and cropped: an FFT's field is periodic, and opposite
    edges of a crop must not resemble each other.

    Args:
        count: number of fields.
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        law: the spectrum.
        generator: source of randomness; its device is where the fields are made.
        dtype: float32 or float64.

    Shape:
        -> (count, H, W)
    """
    device = generator.device if generator is not None else torch.device("cpu")
    amplitude = _amplitude(shape, spacing, law, device, dtype)
    # The FFT of complex white noise has a real and an imaginary part that are independent fields.
    pairs = (count + 1) // 2
    noise = torch.randn((pairs, *amplitude.shape, 2), generator=generator, dtype=dtype, device=device)
    noise *= amplitude.unsqueeze(-1)
    twins = torch.fft.ifft2(torch.view_as_complex(noise))[:, : shape[0], : shape[1]]
    return standardise(torch.cat([twins.real, twins.imag])[:count])


@lru_cache(maxsize=8)
def _amplitude(
    shape: tuple[int, int],
    spacing: tuple[float, float],
    law: PowerLaw,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """Root of the density at each frequency of the padded domain; a third of the work of a few fields."""
    tall, wide = (fast_length(2 * side) for side in shape)
    rows = torch.fft.fftfreq(tall, spacing[0], dtype=torch.float64, device=device)
    cols = torch.fft.fftfreq(wide, spacing[1], dtype=torch.float64, device=device)
    amplitude = law.density(torch.hypot(rows[:, None], cols[None, :])).sqrt()
    # Float32 spectra over many decades are fine once the peak is 1.
    return (amplitude / amplitude.max()).to(dtype)


def smooth_fields(
    count: int,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    patch: float,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Independent fields without fine detail, each with mean 0 and standard deviation 1.

    Args:
        count: number of fields.
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        patch: size of the largest structures, m.
        generator: source of randomness; its device is where the fields are made.

    Shape:
        -> (count, H, W), float32
    """
    # A field with a 2-D exponent above 4 has a gradient everywhere; 6 leaves a curvature too.
    return power_law_fields(count, shape, spacing, PowerLaw((6.0,), outer_scale=patch), generator=generator)


def filtered_noise(
    amplitude: Tensor,
    size: tuple[int, int],
    shape: tuple[int, int],
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """White noise of variance 1 with each frequency multiplied, cropped; a spectrum a field.

    Args:
        amplitude: factor for each frequency of `torch.fft.rfft2`, (N, size[0], size[1] // 2 + 1), real.
        size: of the periodic domain, pixels.
        shape: (H, W) of the crop, at most half of it for no periodicity.
        generator: source of randomness, on the device of ``amplitude``.

    Shape:
        -> (N, H, W), of the amplitude's dtype
    """
    white = torch.randn(
        (len(amplitude), *size), generator=generator, dtype=amplitude.dtype, device=amplitude.device
    )
    fields: Tensor = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, s=size)
    return fields[:, : shape[0], : shape[1]]


def standardise(fields: Tensor) -> Tensor:
    """Shift and scale each field to mean 0 and standard deviation 1 over its pixels.

    Shape:
        (..., H, W) -> the same
    """
    if not fields.numel():
        return fields
    variance, mean = torch.var_mean(fields, dim=(-2, -1), keepdim=True, correction=0)
    return (fields - mean).div_(variance.sqrt_().clamp_min_(1e-30))


def turbulence(
    rms: Tensor,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    law: PowerLaw = HANSSEN,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Turbulent atmospheric delay, one screen an acquisition.

    An interferogram sees the difference of its two acquisitions' screens, so interferograms that
    share an acquisition share a screen.

    Args:
        rms: of each screen over its pixels, rad; (N,).
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        law: the spectrum; the default is Hanssen's.
        generator: source of randomness.

    Shape:
        (N,) -> (N, H, W), rad, float32, mean 0
    """
    fields = power_law_fields(len(rms), shape, spacing, law, generator=generator)
    return fields * rms.to(fields).reshape(-1, 1, 1)


def fast_length(at_least: int) -> int:
    """Smallest length with no prime factor above 7: FFTs of others are several times slower."""
    length = at_least
    while True:
        rest = length
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
