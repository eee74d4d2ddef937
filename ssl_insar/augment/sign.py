"""Effects on the phase itself: date swap and integer rewrap."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import RewrapConfig, SwapConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.fused import fusible


class Swap(nn.Module):
    """Swap of reference and secondary date: the complex conjugate. Destroys the sign."""

    def __init__(self, config: SwapConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, field: Tensor, draw: Draw) -> Tensor:
        """Conjugate some views.

        Shape:
            (B, 2, H, W) -> the same
        """
        return field * self.signs(field.shape[0], draw)

    def signs(self, n: int, draw: Draw) -> Tensor:
        """What the real and the imaginary part are multiplied by.

        Shape:
            -> (n, 2, 1, 1), 1 or -1
        """
        sign = draw.sign(n, self.config.p)
        return draw.to_device(torch.stack([torch.ones(n), sign], 1), n, 2, 1, 1)


class Rewrap(nn.Module):
    """Over-wrap by an integer: more fringes, as a shorter wavelength would show.

    A view is left alone where the steeper fringes would alias, that is where more than a share
    ``aliased`` of the steps between neighbours would exceed a quarter cycle.
    Source of the idea: Anantrasirichai et al. (2019).
    """

    def __init__(self, config: RewrapConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, field: Tensor, draw: Draw) -> Tensor:
        """Multiply the phase of some views by an integer.

        Shape:
            (B, 2, H, W) unit phasors -> the same
        """
        chosen, steeper, _ = self.touched(field, draw)
        return field.index_copy(0, chosen, steeper)

    def touched(self, field: Tensor, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Only those views that the effect chooses.

        Returns:
            which of the B views (k,), what becomes of them (k, 2, H, W), and their factors (k,).
        """
        chosen, draw = draw.subset(field.shape[0], self.config.p)
        k = len(chosen)
        touched = field.index_select(0, chosen)
        if k == 0:
            return chosen, touched, field.new_ones(0)
        factors = draw.to_device(draw.pick(k, self.config.factors), k).to(field.dtype)
        share = _steep_share(touched, torch.cos(math.pi / (2 * factors)))
        factors = torch.where(share <= self.config.aliased, factors, 1.0)
        return chosen, _multiplied(touched, factors, max(self.config.factors)), factors


def steep_share(field: Tensor, factor: float) -> Tensor:
    """Share of steps between neighbours that exceed a quarter cycle after rewrapping.

    ``factor |step| > pi / 2`` is ``cos(step) < cos(pi / (2 factor))``, and the cosine of the step is
    the product of the two phasors: no angle is computed.

    Shape:
        (B, 2, H, W) -> (B,)
    """
    return _steep_share(field, field.new_full((field.shape[0],), math.cos(math.pi / (2 * factor))))


@fusible
def _steep_share(field: Tensor, limit: Tensor) -> Tensor:
    """Share of steps whose cosine is below ``limit`` (B,)."""
    limit = limit.view(-1, 1, 1)
    real, imag = field.unbind(1)
    valid = (real != 0) | (imag != 0)
    steep = torch.zeros(field.shape[0], device=field.device)
    count = torch.zeros_like(steep)
    for axis in (1, 2):
        size = field.shape[axis + 1] - 1
        (a, b), (c, d), (e, f) = (
            (part.narrow(axis, 0, size), part.narrow(axis, 1, size)) for part in (real, imag, valid)
        )
        both = e & f
        steep += ((a * b + c * d < limit) & both).sum((1, 2))
        count += both.sum((1, 2))
    return steep / count.clamp_min(1)


@fusible
def _multiplied(field: Tensor, factors: Tensor, most: int) -> Tensor:
    """Phase times a whole number each, at most ``most``.

    Shape:
        (B, 2, H, W) unit phasors, (B,) -> (B, 2, H, W)
    """
    factors = factors.view(-1, 1, 1, 1)
    out = field
    for factor in range(2, most + 1):
        out = torch.where(factors == factor, fd.power(field, factor), out)
    return out
