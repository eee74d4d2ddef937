"""Effects that need the unwrapped phase: any factor, and another radar wavelength."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import RealFactorConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.phase import STEPS_PER_CYCLE

BAND_CHANGES = (WAVELENGTHS["C"] / WAVELENGTHS["L"], WAVELENGTHS["C"] / WAVELENGTHS["X"])
"""Phase at L band, and at X band, of what has a phase of 1 at C band: 0.232655 and 1.785."""


class Unwrapped(NamedTuple):
    """Unwrapped phase of a batch of tiles.

    Attributes:
        counts: (B, T, T) int16, phase in 1/256 cycle; of wrapped tiles their wrapped count.
        valid_bits: (B, T, ceil(T / 8)) uint8, packed validity.
        which: (B,) bool, True for unwrapped tiles.
    """

    counts: Tensor
    valid_bits: Tensor
    which: Tensor


class RealFactor(nn.Module):
    r"""Draws by how much to multiply the unwrapped phase of some tiles.

    Delay and deformation have the phase :math:`-4 \pi d / \lambda`, so another wavelength is a factor.
    (The ionosphere's phase goes with the wavelength instead, but is small in most C-band tiles.)
    A tile keeps its phase where it is not unwrapped, and where it would alias: where more than a share
    ``aliased`` of the steps between neighbours would exceed half a cycle. Destroys the magnitude.
    Source of the idea: over-wrapping, Anantrasirichai et al. (2019).
    """

    def __init__(self, config: RealFactorConfig) -> None:
        super().__init__()
        self.config = config

    def forward(
        self, counts: Tensor, unwrapped: Tensor, draw: Draw, valid_bits: Tensor | None = None
    ) -> Tensor:
        """A factor for each tile, 1 for those to leave alone.

        Args:
            counts: (B, T, T) int16, phase in 1/256 cycle.
            unwrapped: (B,) bool on the same device, True where the counts are of unwrapped phase.
            draw: of the views.
            valid_bits: (B, T, ceil(T / 8)) uint8, packed validity: steps to and from no data do not
                count. None: every pixel has data.

        Returns:
            (B,) float32.
        """
        n = len(counts)
        chosen, draw = draw.subset(n, self.config.p)
        k = len(chosen)
        free = draw.log_uniform(k, *self.config.factors)
        band = torch.tensor(BAND_CHANGES)[draw.pick(k, tuple(range(len(BAND_CHANGES))))]
        factor = draw.to_device(torch.where(draw.uniform(k) < self.config.wavelength, band, free), k)
        touched = counts.index_select(0, chosen)
        valid = None if valid_bits is None else _valid(touched, valid_bits.index_select(0, chosen))
        clear = aliased_share(touched, factor, valid) <= self.config.aliased
        factor = torch.where(unwrapped.index_select(0, chosen) & clear, factor, 1.0)
        return torch.ones(n, device=counts.device).index_copy(0, chosen, factor)


def aliased_share(counts: Tensor, factor: Tensor, valid: Tensor | None = None) -> Tensor:
    """Share of steps between neighbours that exceed half a cycle once multiplied.

    Args:
        counts: (B, H, W), unwrapped phase in 1/256 cycle.
        factor: (B,).
        valid: (B, H, W), True where there is data; None: everywhere.

    Shape:
        -> (B,)
    """
    limit = (STEPS_PER_CYCLE / 2 / factor).view(-1, 1, 1)
    wide = counts.int()  # steps may be twice as large as the counts
    valid = torch.ones_like(counts, dtype=torch.bool) if valid is None else valid
    steep = torch.zeros_like(factor)
    count = torch.zeros_like(factor)
    for axis in (1, 2):
        size = counts.shape[axis] - 1
        both = valid.narrow(axis, 0, size) & valid.narrow(axis, 1, size)
        steep += ((wide.diff(dim=axis).abs() > limit) & both).sum((1, 2))
        count += both.sum((1, 2))
    return steep / count.clamp_min(1)


def field_of(counts: Tensor, valid_bits: Tensor, factor: Tensor) -> Tensor:
    """Phasor field of unwrapped counts multiplied by a factor each.

    A tile whose factor is 1 is that of `ssl_insar.augment.field.from_counts`, to the bit. Others are
    multiplied and reduced to one cycle in double precision: single has a spacing of up to 1/100
    count, 2e-4 rad, at the largest counts.

    Args:
        counts: (B, H, W) int16, phase in 1/256 cycle.
        valid_bits: (B, H, ceil(W / 8)) uint8, packed validity.
        factor: (B,); other than 1 for unwrapped tiles only.

    Shape:
        -> (B, 2, H, W) float32
    """
    field = fd.from_counts((counts & (STEPS_PER_CYCLE - 1)).to(torch.uint8), valid_bits)
    # This waits for the device; to double all tiles would cost more.
    touched = torch.nonzero(factor != 1).flatten()
    gained = counts.index_select(0, touched) * (factor.double() - 1)[touched].view(-1, 1, 1)
    angle = gained.remainder(STEPS_PER_CYCLE).float() * (2 * math.pi / STEPS_PER_CYCLE)
    return field.index_copy(0, touched, fd.rotate(field.index_select(0, touched), angle))


def _valid(counts: Tensor, valid_bits: Tensor) -> Tensor:
    """Packed validity to (B, H, W) bool."""
    shift = torch.arange(7, -1, -1, device=valid_bits.device, dtype=torch.uint8)
    bits = (valid_bits.unsqueeze(-1) >> shift) & 1
    return bits.flatten(-2)[..., : counts.shape[-1]].bool()
