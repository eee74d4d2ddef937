r"""Decorrelation: the phase noise of a multilooked interferogram, sampled exactly.

The sum of L looks of two correlated complex Gaussian signals with coherence :math:`\gamma` has the
phase density of Lee et al. (1994; Hanssen 2001, equation 4.2.24). Conditioned on one signal's
intensity :math:`g \sim \Gamma(L, 1)` that sum is a complex Gaussian, so two draws a pixel sample
the density with no table and no approximation:

.. math:: \arg\left(\gamma\, g + \sqrt{1 - \gamma^2}\,\sqrt{g}\; n\right),\quad n \sim CN(0, 1).
"""

from __future__ import annotations

import torch
from torch import Tensor


def phase_noise(
    coherence: Tensor, looks: float | Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Phase noise of pixels with the given coherence.

    Args:
        coherence: in [0, 1], any shape; 0 gives uniform phase, 1 none at all.
        looks: L, the equivalent number of independent looks, 1 or more; need not be whole; one, or a
            tensor broadcastable to the coherence.
        generator: source of randomness, on the device of ``coherence``.

    Shape:
        any -> the same; rad in [-pi, pi]

    Raises:
        ValueError: ``looks`` is below 1.
    """
    intensity = gamma_samples(coherence, looks, generator=generator)
    # The two parts apart in memory, which are read faster than in turns.
    normal = torch.randn(
        (2, *coherence.shape), generator=generator, dtype=coherence.dtype, device=coherence.device
    )
    real, imag = noise_vector(coherence, intensity, normal.movedim(0, -1))
    return torch.atan2(imag, real)


def noise_vector(coherence: Tensor, intensity: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of a number whose argument is the phase noise.

    The formula above divided by the root of the intensity, which leaves the argument alone.

    Args:
        coherence: in [0, 1], broadcastable to the intensity.
        intensity: draws of Gamma(L, 1), any shape.
        normal: standard normal draws, the shape of the intensity and a last dimension of 2.
    """
    spread = ((1 - coherence.square()) / 2).sqrt()
    return coherence * intensity.sqrt() + spread * normal[..., 0], spread * normal[..., 1]


def gamma_samples(
    like: Tensor, shape_parameter: float | Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Draws from Gamma(shape_parameter, 1), by Marsaglia and Tsang (2000).

    torch's own sampler of this law takes no generator, so its draws cannot be reproduced apart from
    the global state. This one accepts about 96 draws in 100 at the first try for one look, more for
    more looks, and repeats the rest.

    Args:
        like: gives shape, dtype and device.
        shape_parameter: 1 or more; one, or a tensor broadcastable to ``like``.
        generator: source of randomness, on that device.

    Raises:
        ValueError: the parameter is below 1, where the method does not hold.
    """
    looks = torch.as_tensor(shape_parameter, dtype=like.dtype, device=like.device)
    if not bool((looks >= 1).all()):
        raise ValueError(f"at least one look is needed, not {float(looks.min())}")
    d = looks - 1 / 3
    if d.ndim:
        d = d.expand_as(like).reshape(-1)

    def draw(count: int, d: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.randn(count, generator=generator, dtype=like.dtype, device=like.device)
        u = torch.rand(count, generator=generator, dtype=like.dtype, device=like.device)
        v = (1 + x / (9 * d).sqrt()).pow(3)
        positive = v.clamp_min(torch.finfo(like.dtype).tiny)
        bound = 0.5 * x.square() + d * (1 - v + positive.log())
        return d * v, (v > 0) & (torch.log1p(-u) < bound)

    samples, accepted = draw(like.numel(), d)
    rejected = torch.nonzero(~accepted).squeeze(1)
    while len(rejected) > 0:
        again, accepted = draw(len(rejected), d[rejected] if d.ndim else d)
        samples[rejected] = again
        rejected = rejected[~accepted]
    return samples.reshape(like.shape)
