"""Multilook: coarser looks at the same size."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import MultilookConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.sign import steep_share


class Multilook(nn.Module):
    """Replaces the phasor of some views by its mean over blocks, interpolated back to the size.

    A view is left alone where the fringes are too narrow, that is where more than a share ``aliased``
    of the steps between neighbours would exceed half a cycle over a block: |grad phi| n > pi. Noise
    makes steps too, so that noisy views are left alone as well.
    Destroys detail and noise finer than a block. Source: multilook phase statistics, Lee et al. (1994).
    """

    def __init__(self, config: MultilookConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, field: Tensor, local: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """Multilook some views. No data stays no data, and data stays data.

        Args:
            field: (B, 2, H, W) unit phasors.
            local: (B, 1, H, W) their local coherence, above 0 where there is data: it weighs the mean.
            draw: of the views.

        Returns:
            both; the local coherence of touched views is the length of the mean.
        """
        chosen, draw = draw.subset(field.shape[0], self.config.p)
        k = len(chosen)
        if k == 0:
            return field, local
        factors = draw.pick(k, self.config.factors)
        out, lowered = field.clone(), local.clone()
        for n in sorted(set(factors.tolist())):
            same = chosen.index_select(0, draw.to_device(torch.nonzero(factors == n), -1))
            touched, coherence = field.index_select(0, same), local.index_select(0, same)
            # A step times n / 2 above a quarter cycle is a step times n above a half.
            share = steep_share(touched, n / 2)
            use = (share <= self.config.aliased).view(-1, 1, 1, 1)
            unit, length = looked(touched, coherence, n)
            out.index_copy_(0, same, torch.where(use, unit, touched))
            lowered.index_copy_(0, same, torch.where(use, length, coherence))
        return out, lowered


def looked(field: Tensor, local: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Mean phasor of blocks of n x n valid pixels, interpolated back to the size.

    Blocks at the right and lower edges are smaller where n does not divide the size. Phasor and share of
    valid pixels are interpolated together (normalised convolution).

    Shape:
        (B, 2, H, W) unit phasors, (B, 1, H, W) -> the same
    """
    height, width = field.shape[-2:]
    valid = fd.validity(field)
    blocks = F.avg_pool2d(torch.cat([field * local, valid], 1), n, ceil_mode=True)
    down, across = (_between_blocks(side, n, field.device).to(field.dtype) for side in (height, width))
    fine = down @ blocks @ across.T
    unit, length = fd.renormalise(fine[:, :2] * valid)
    # A valid pixel's own block weighs a quarter or more, so that the share is never 0 there.
    return unit, (length / torch.where(valid > 0, fine[:, 2:], 1.0)).clamp_max(1.0)


@lru_cache(maxsize=16)
def _between_blocks(pixels: int, n: int, device: torch.device) -> Tensor:
    """What interpolates from blocks of n pixels, the last perhaps of fewer, to pixels along one axis.

    Linear between the middles of the blocks, constant beyond them. The middle of a shorter block is its
    own: taken where that of n pixels would be, the fringes in it move by up to a pixel.

    Shape:
        -> (pixels, blocks), rows of sum 1
    """
    first = torch.arange(0, pixels, n)
    middle = (first + (first + n).clamp_max(pixels) - 1) / 2
    place = torch.arange(pixels, dtype=torch.float32).clamp(middle[0], middle[-1])
    right = torch.searchsorted(middle, place).clamp(1, max(1, len(middle) - 1))
    weights = torch.zeros(pixels, len(middle))
    if len(middle) == 1:
        return weights.add_(1).to(device)
    share = (place - middle[right - 1]) / (middle[right] - middle[right - 1])
    rows = torch.arange(pixels)
    weights[rows, right], weights[rows, right - 1] = share, 1 - share
    return weights.to(device)
