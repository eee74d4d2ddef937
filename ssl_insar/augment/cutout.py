"""Cut-outs: boxes of no data, as water, layover or a missing burst leave them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar.augment.config import CutoutConfig
from ssl_insar.augment.draw import Draw


class Cutout(nn.Module):
    """Sets one box of some views to no data (z = 0, never a phase of 0 or -pi)."""

    def __init__(self, config: CutoutConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("steps", (torch.arange(size) + 0.5) / size, persistent=False)
        self.steps: Tensor

    def forward(self, field: Tensor, draw: Draw) -> Tensor:
        """Blank boxes.

        Shape:
            (B, 2, H, W) -> the same
        """
        n = field.shape[0]
        area = draw.uniform(n, *self.config.area) * (draw.uniform(n) < self.config.p)
        stretch = draw.log_uniform(n, 0.5, 2.0).sqrt()
        width, height = area.sqrt() * stretch, area.sqrt() / stretch
        left = draw.to_device(draw.uniform(n) * (1 - width), n, 1)
        top = draw.to_device(draw.uniform(n) * (1 - height), n, 1)
        width, height = draw.to_device(width, n, 1), draw.to_device(height, n, 1)
        in_x = (self.steps >= left) & (self.steps < left + width)
        in_y = (self.steps >= top) & (self.steps < top + height)
        kept = ~(in_y.unsqueeze(2) & in_x.unsqueeze(1))
        return field * kept.unsqueeze(1)
