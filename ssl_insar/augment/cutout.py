"""Cut-outs: boxes of no data, as water, layover or a missing burst leave them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar.augment.config import CutoutConfig
from ssl_insar.augment.draw import Draw


class Cutout(nn.Module):
    """Sets one box of some views to no data (z = 0, never a phase of 0 or -pi).

    Source: DeVries and Taylor (2017), "Improved Regularization of Convolutional Neural Networks with
    Cutout". Destroys what lies beneath.
    """

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
        in_x, in_y = self.boxes(field.shape[0], draw)
        return field * kept(in_x, in_y)

    def boxes(self, n: int, draw: Draw, protect: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Columns and rows of the boxes, 1 inside, else 0; a view that keeps all has none.

        Args:
            n: number of views.
            draw: of them.
            protect: (n, 1, S, S), not 0 where a view is known to deform: one that would lose more than a
                share ``deformation`` of that has no box.

        Shape:
            -> (n, 1, 1, S), (n, 1, S, 1)
        """
        area = draw.uniform(n, *self.config.area) * (draw.uniform(n) < self.config.p)
        edges = draw.to_device(box(area, *(draw.uniform(n) for _ in range(3))), 4, n)
        in_x, in_y = within(edges, self.steps)
        columns, rows = in_x.float().view(n, 1, 1, -1), in_y.float().view(n, 1, -1, 1)
        if protect is not None:
            seen = (protect != 0).float()
            inside = (rows.mT @ seen @ columns.mT)[:, 0, 0, 0]
            spared = inside > self.config.deformation * seen.sum((1, 2, 3))
            columns = torch.where(spared.view(n, 1, 1, 1), 0.0, columns)
        return columns, rows


def box(area: Tensor, shape: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Edges of boxes, twice as wide as high at most, or twice as high as wide, that lie in the view.

    Args:
        area: share of the view, (n,).
        shape: 0 for the highest boxes ... 1 for the widest, (n,).
        across: where in the view, 0 at the left ... 1 at the right, (n,).
        down: 0 at the top ... 1 at the bottom, (n,).

    Shape:
        -> (4, n): left, right, top, bottom, in sides of the view
    """
    root = area.sqrt()
    # No side is longer than the view: a box of much area is nearer to a square.
    stretch = torch.exp2(shape - 0.5).clamp(root, 1 / root)
    width, height = root * stretch, root / stretch
    left, top = across * (1 - width), down * (1 - height)
    return torch.stack([left, left + width, top, top + height])


def within(edges: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Columns and rows of boxes.

    Args:
        edges: (4, n), see `box`, on the device of ``steps``.
        steps: middles of the pixels along a side, in sides of the view, (S,).

    Shape:
        -> (n, S), (n, S) bool
    """
    left, right, top, bottom = edges.unsqueeze(-1)
    return (steps >= left) & (steps < right), (steps >= top) & (steps < bottom)


def kept(in_x: Tensor, in_y: Tensor) -> Tensor:
    """1 outside of boxes, 0 inside.

    Shape:
        (n, 1, 1, W), (n, 1, H, 1) -> (n, 1, H, W)
    """
    return 1.0 - in_x * in_y
