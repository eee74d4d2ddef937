r"""Random fields with exponential covariance :math:`C(r) = \sigma^2 e^{-r/L}`, by circulant embedding.

The usual model of residual atmosphere (Lohman and Simons 2005; SyInterferoPy's ``cov``).
A covariance on a torus agrees with C at every lag within the field, and the FFT diagonalises it (Dietrich
and Newsam 1997), which costs a thousandth of a Cholesky factor. As it stands the exponential is not
positive definite on a torus once L is large against the field, and cutting its negative eigenvalues off
leaves streaks along the axes. So what is embedded is, in the manner of Stein (2002),

.. math:: \tilde C(r) = e^{-r/L} + c_2 r^2 - c_0 \quad (r < D), \qquad 0 \quad (r \ge D),

D the diagonal of the field, with the constants that make it and its slope 0 at D; it has no negative
eigenvalues. A random constant and a random plane put back what was taken off: differences between pixels
are exact, the covariance is so in the mean over the field.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssl_insar.synth.batch import per_field
from ssl_insar.synth.stratified import ground
from ssl_insar.synth.turbulence import fast_length, filtered_noise


def exponential_fields(
    rms: Tensor,
    length: Tensor,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Gaussian fields with exponential covariance, not periodic.

    Args:
        rms: sigma of each field's process, rad (or any unit), (N,). A field's own deviation from
            its own mean is less where L is not small against the field; the mean is not removed.
        length: L of each field, m, (N,).
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        generator: source of randomness; its device is where the fields are made.

    Shape:
        (N,), (N,) -> (N, H, W), float32, in the unit of rms

    Raises:
        ValueError: a length is not positive.
    """
    if not bool((length > 0).all()):
        raise ValueError("correlation lengths must be positive, in metres")
    device = generator.device if generator is not None else torch.device("cpu")
    length = length.to(device, torch.float64)
    reach = math.hypot(shape[0] * spacing[0], shape[1] * spacing[1])
    left = torch.exp(-reach / length)
    curvature = left / (2 * length * reach)
    constant = left * (1 + reach / (2 * length))

    size, eigenvalues = _eigenvalues(length, curvature, constant, reach, spacing)
    amplitude = eigenvalues.clamp_min(0).sqrt().to(torch.float32)
    fields = filtered_noise(amplitude, size, shape, generator=generator)
    drawn = torch.randn((3, len(length)), generator=generator, device=device, dtype=torch.float64)
    slopes = (2 * curvature).sqrt() * drawn[:2]
    # What the plane has of covariance in the mean over the field, the constant lacks.
    level = (constant - curvature * reach**2 / 6).clamp_min(0).sqrt() * drawn[2]
    east, north = ground(shape, spacing, device=device)
    plane = per_field(slopes[0], east) * east + per_field(slopes[1], east) * north + per_field(level, east)
    return (fields + plane.to(torch.float32)) * per_field(rms, fields)


def _eigenvalues(
    length: Tensor, curvature: Tensor, constant: Tensor, reach: float, spacing: tuple[float, float]
) -> tuple[tuple[int, int], Tensor]:
    """Size of the torus, and the half spectrum of its covariance, (N, H', W' // 2 + 1)."""
    size = fast_length(math.ceil(2 * reach / spacing[0])), fast_length(math.ceil(2 * reach / spacing[1]))
    down, right = (
        torch.fft.fftfreq(side, 1 / side, dtype=torch.float64, device=length.device) * step
        for side, step in zip(size, spacing, strict=True)
    )
    distance = torch.hypot(down[:, None], right[None, :])
    inside = torch.exp(-distance / per_field(length, distance))
    inside = inside + per_field(curvature, distance) * distance.square() - per_field(constant, distance)
    return size, torch.fft.rfft2(torch.where(distance < reach, inside, 0.0)).real
