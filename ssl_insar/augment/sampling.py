"""One interpolation a view: crop, flip, rotation and elastic warp compose into one sampling grid."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import ViewsConfig
from ssl_insar.augment.draw import Draw

MIN_VALID = 0.5
"""Least share of valid pixels behind an output pixel that has data."""
MAX_STRAIN = 0.45
"""Largest gradient of an elastic displacement. With all four partial derivatives below 1/2 the
Jacobian determinant (1 + u_x)(1 + v_y) - u_y v_x stays positive, and so does that of the affine map
behind it."""


def reduce(field: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Multilook a field to at most twice, and at least once, the resolution of a ``size`` px view.

    Done once for all views of a tile, so that the bilinear sampling behind it need not blur.

    Shape:
        (B, 2, T, T) -> mean phasor (B, 2, T', T') and validity (B, 1, T', T')
    """
    looks = max(1, field.shape[-1] // size)
    return fd.multilook(field, looks)


def sample(mean: Tensor, share: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Sample a reduced field on a grid, phasor and validity together (normalised convolution).

    Args:
        mean: (B, 2, T, T) mean phasor, not renormalised: coherent pixels weigh more.
        share: (B, 1, T, T) share of valid pixels.
        grid: (B, S, S, 2) positions x, y in [-1, 1] (`torch.nn.functional.grid_sample`).

    Returns:
        unit phasor (B, 2, S, S) and local coherence (B, 1, S, S); outside the tile is no data.
    """
    values = F.grid_sample(torch.cat([mean, share], 1), grid, mode="bilinear", align_corners=False)
    weight = values[:, 2:]
    seen = (weight >= MIN_VALID).to(values.dtype)
    return fd.renormalise(values[:, :2] * seen / weight.clamp_min(MIN_VALID))


def whole(mean: Tensor, size: int) -> Tensor:
    """The grid that takes a whole tile to ``size`` px: what an encoder sees outside training.

    Shape:
        (B, ...) -> (B, size, size, 2)
    """
    return regular(size, mean.device).expand(mean.shape[0], size, size, 2)


def regular(size: int, device: torch.device) -> Tensor:
    """Pixel centres x, y of a ``size`` px square that spans [-1, 1].

    Shape:
        -> (1, size, size, 2)
    """
    steps = (torch.arange(size, device=device) * 2 + 1) / size - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], -1).unsqueeze(0)


class SamplingGrid(nn.Module):
    """Draws the geometry of views.

    Args:
        config: the sections ``crop``, ``flip``, ``rotate`` and ``elastic`` are used.
        tile: side of the archive's tiles, px; lengths in the recipe are in its pixels.
        size: side of a view, px.
    """

    def __init__(self, config: ViewsConfig, tile: int, size: int) -> None:
        super().__init__()
        self.config = config
        self.tile = tile
        self.size = size

    def forward(self, n: int, draw: Draw) -> Tensor:
        """A grid for each of n views.

        Shape:
            -> (n, S, S, 2), x and y in [-1, 1]
        """
        affine = self._affine(n, draw)
        # The warp comes first, in the view's own frame: then its gradient alone decides whether the
        # map folds, whatever is cropped and turned behind it.
        share = torch.linalg.det(affine[:, :, :2]).abs().sqrt()
        warped = self._warp(n, draw.to_device(share, n, 1, 1, 1), draw)
        matrix = draw.to_device(affine, n, 2, 3)
        return torch.einsum("nij,nhwj->nhwi", matrix[:, :, :2], warped) + matrix[:, None, None, :, 2]

    def _affine(self, n: int, draw: Draw) -> Tensor:
        c = self.config
        area = draw.uniform(n, *c.crop.area)
        stretch = draw.log_uniform(n, 1.0 / c.crop.stretch, c.crop.stretch)
        half_x = (area.sqrt() * stretch.sqrt()).clamp_max(1.0)
        half_y = (area.sqrt() / stretch.sqrt()).clamp_max(1.0)
        shift_x = draw.uniform(n, -1, 1) * (1 - half_x)
        shift_y = draw.uniform(n, -1, 1) * (1 - half_y)
        half_x = half_x * draw.sign(n, c.flip.left_right)
        half_y = half_y * draw.sign(n, c.flip.up_down)
        turned = (draw.uniform(n) < c.rotate.p).float()
        angle = turned * draw.uniform(n, -1, 1) * math.radians(c.rotate.degrees)
        cos, sin = angle.cos(), angle.sin()
        # Rotation about the centre of the crop, then scale, then shift.
        rows = [cos * half_x, -sin * half_y, shift_x, sin * half_x, cos * half_y, shift_y]
        return torch.stack(rows, -1).view(n, 2, 3)

    def _warp(self, n: int, share: Tensor, draw: Draw) -> Tensor:
        """The view's own grid, for some views warped; ``share`` is the side seen, of the tile's."""
        c = self.config.elastic
        grid = regular(self.size, draw.device).expand(n, self.size, self.size, 2)
        chosen = draw.choose(n, c.p)
        if c.pixels == 0 or len(chosen) == 0:
            return grid
        # Gaussian-smoothed noise, drawn and smoothed on nodes one smoothing length apart, where
        # the Gaussian is five numbers, then interpolated.
        nodes = max(3, round(self.tile / c.smoothness) + 1)
        kernel = torch.exp(-0.5 * torch.arange(-2.0, 3.0, device=draw.device).square())
        noise = draw.normal(2 * len(chosen), 1, nodes + 4, nodes + 4)
        noise = F.conv2d(F.conv2d(noise, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))
        noise = noise.view(len(chosen), 2, nodes, nodes)
        basis = _bicubic(nodes, self.size, draw.device)
        noise = noise * (2.0 * c.pixels / self.tile / _deviation(noise, basis))
        noise = noise * (MAX_STRAIN / strain(noise, basis)).clamp_max(1.0)
        surface = basis @ noise @ basis.T
        warped = grid.index_select(0, chosen) + surface.permute(0, 2, 3, 1)
        return grid.index_copy(0, chosen, warped)


@lru_cache(maxsize=8)
def _bicubic(nodes: int, size: int, device: torch.device) -> Tensor:
    """Weights of bicubic interpolation along one axis, (size, nodes): products of matrices interpolate."""
    each = torch.eye(nodes, device=device).view(1, nodes, nodes, 1)
    weights: Tensor = F.interpolate(each, size=(size, 1), mode="bicubic", align_corners=True)[0, :, :, 0]
    return weights.T.contiguous()


def _deviation(noise: Tensor, basis: Tensor) -> Tensor:
    """Standard deviation of interpolated surfaces over their pixels, from the nodes alone.

    Shape:
        (k, 2, nodes, nodes), (S, nodes) -> (k, 2, 1, 1)
    """
    gram, weight = basis.T @ basis / len(basis), basis.mean(dim=0)
    square = ((gram @ noise @ gram) * noise).sum(dim=(2, 3), keepdim=True)
    mean = torch.einsum("kcij,i,j->kc", noise, weight, weight)[..., None, None]
    return (square - mean.square()).clamp_min(1e-6).sqrt()


def strain(noise: Tensor, basis: Tensor) -> Tensor:
    """Largest gradient of interpolated displacements: below 1/2 the map cannot fold.

    Shape:
        (k, 2, nodes, nodes), in units of half the side, (S, nodes) -> (k, 1, 1, 1)
    """
    slope = basis.diff(dim=0) * (len(basis) / 2.0)
    along_y = (slope @ noise @ basis.T).abs().amax(dim=(1, 2, 3))
    along_x = (basis @ noise @ slope.T).abs().amax(dim=(1, 2, 3))
    return torch.maximum(along_x, along_y).clamp_min(1e-6).view(-1, 1, 1, 1)
