"""Effects on the phase itself: date swap and integer rewrap."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import RewrapConfig, SwapConfig
from ssl_insar.augment.draw import Draw


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
        n = field.shape[0]
        sign = draw.to_device(draw.sign(n, self.config.p), n, 1, 1)
        return torch.stack([field[:, 0], field[:, 1] * sign], dim=1)


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
        chosen = draw.choose(field.shape[0], self.config.p)
        k = len(chosen)
        if k == 0:
            return field
        factors = draw.to_device(draw.pick(k, self.config.factors), k)
        touched = field.index_select(0, chosen)
        out = touched
        for factor in sorted(set(self.config.factors)):
            use = (factors == factor) & (steep_share(touched, factor) <= self.config.aliased)
            out = torch.where(use.view(-1, 1, 1, 1), fd.power(touched, factor), out)
        return field.index_copy(0, chosen, out)


def steep_share(field: Tensor, factor: int) -> Tensor:
    """Share of steps between neighbours that exceed a quarter cycle after rewrapping.

    ``factor |step| > pi / 2`` is ``cos(step) < cos(pi / (2 factor))``, and the cosine of the step is
    the product of the two phasors: no angle is computed.

    Shape:
        (B, 2, H, W) -> (B,)
    """
    limit = math.cos(math.pi / (2 * factor))
    valid = fd.validity(field)[:, 0] > 0
    steep = torch.zeros(field.shape[0], device=field.device)
    count = torch.zeros_like(steep)
    for a, b in ((slice(None, -1), slice(1, None)),):
        for first, second, both in (
            (field[:, :, a], field[:, :, b], valid[:, a] & valid[:, b]),
            (field[..., a], field[..., b], valid[..., a] & valid[..., b]),
        ):
            cosine = (first * second).sum(1)
            steep += ((cosine < limit) & both).sum(dim=(1, 2))
            count += both.sum(dim=(1, 2))
    return steep / count.clamp_min(1)
