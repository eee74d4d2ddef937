"""A map of a few cells over a tile: as fine as the tile, and where it is largest."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ssl_insar.augment import field as fd


def fine_map(cells: Tensor, tiles: Tensor) -> Tensor:
    """Cells interpolated bicubically between their centres; beyond the outermost, about what these have.

    Args:
        cells: of the whole tile each.
        tiles: phasors, 0 = no data.

    Returns:
        -inf where there is no data.

    Shape:
        (B, 1, h, h), (B, 2, T, T) -> (B, T, T) float32
    """
    fine = F.interpolate(cells.float(), tiles.shape[-2:], mode="bicubic", align_corners=False)
    return fine.masked_fill(fd.validity(tiles) == 0, -torch.inf)[:, 0]


def largest(fine: Tensor, cells: int) -> tuple[Tensor, Tensor]:
    """Row and column where a map is largest, and its value there.

    Not within half a cell of the rim, unless there is data nowhere else: there the interpolation has nothing
    to go by, and its largest value lies in the corner of a tile whenever that of the cells does.

    Args:
        fine: of `fine_map`.
        cells: h, across the tile.

    Shape:
        (B, T, T) -> (B, 2) int64, (B,) float32, -inf of a tile without data
    """
    side = fine.shape[-1]
    rim = side // (2 * cells)
    end = max(rim + 1, side - rim)
    inner = torch.full_like(fine, -torch.inf)
    inner[:, rim:end, rim:end] = fine[:, rim:end, rim:end]
    anything = inner.isfinite().any(2).any(1)[:, None, None]
    most, at = torch.where(anything, inner, fine).flatten(1).max(1)
    return torch.stack([at // side, at % side], 1), most
