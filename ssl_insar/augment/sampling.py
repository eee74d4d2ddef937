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
from ssl_insar.augment.label_safe import Geometry, keep_deformation, kept_by_warp

MIN_VALID = 0.5
"""Least share of valid pixels behind an output pixel that has data."""
MAX_STRAIN = 0.45
"""Largest gradient of an elastic displacement. With all four partial derivatives below 1/2 the
Jacobian determinant (1 + u_x)(1 + v_y) - u_y v_x stays positive, and so does that of the affine map
behind it."""
_SLOPES = 8
"""Places from one node to the next where the gradient is looked at."""


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
    return normalised(interpolated(torch.cat([mean, share], 1), grid))


def interpolated(reduced: Tensor, grid: Tensor) -> Tensor:
    """Sample mean phasor and share of valid pixels, the three channels together.

    Shape:
        (B, 3, T, T), (B, S, S, 2) -> (B, 3, S, S)
    """
    return F.grid_sample(reduced, grid, mode="bilinear", align_corners=False)


def normalised(values: Tensor) -> tuple[Tensor, Tensor]:
    """Unit phasor and local coherence of what was interpolated; no data where too little was seen.

    Shape:
        (B, 3, S, S) -> (B, 2, S, S), (B, 1, S, S)
    """
    weight = values[:, 2]
    length = fd.magnitude(values[:, :2])[:, 0]
    seen = (weight >= MIN_VALID) & (length > fd.EPS * weight)
    unit = torch.where(seen, 1.0 / length, 0.0)
    local = torch.where(seen, length / weight, 0.0).clamp_max(1.0)
    return torch.stack([values[:, 0] * unit, values[:, 1] * unit], 1), local.unsqueeze(1)


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
    """Draws the geometry of views: crop, flips, rotation and elastic warp in one grid.

    Crop: Szegedy et al. (2015), by area; destroys what lies outside. Left-right flip: exactly physical, the
    other pass over the mirrored source; up-down has no such meaning, since orbits are not symmetric about
    an east-west line. Rotation destroys north, which the look direction fixes. Warp: Simard et al. (2003),
    "Best Practices for Convolutional Neural Networks", with a bound on its gradient; destroys the spacing of
    fringes, not their number. No metadata changes: which pass a view is of is not told.

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

    def forward(self, n: int, draw: Draw, deformation: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """A grid for each of n views.

        Args:
            n: number of views.
            draw: of them.
            deformation: (n, 1, T, T), not 0 where a tile is known to deform: crops keep enough of it.

        Returns:
            grids (n, S, S, 2), x and y in [-1, 1]; and the share of the deformation in each crop, (n,) on
            the CPU, None where ``deformation`` is.
        """
        geometry = self._geometry(n, draw)
        held = None
        if deformation is not None:
            geometry, held = keep_deformation(geometry, deformation, self.config.crop.keep)
        affine = geometry.affine()
        basis = _basis(self._nodes, self.size, draw.device)
        # The warp comes first, in the view's own frame: then its gradient alone decides whether the
        # map folds, whatever is cropped and turned behind it. Both are products of the basis, and so
        # is what they compose to: one multiplication makes the whole grid.
        inner = torch.zeros(n, 2, *[self._nodes + 2] * 2)
        inner[:, :, -1, -2:] = affine[:, :, [0, 2]]
        inner[:, :, -2, -1] = affine[:, :, 1]
        matrix, inner = draw.to_device(affine, n, 2, 3), draw.to_device(inner, *inner.shape)
        chosen, noise = self._warp(n, draw.of("elastic"))
        if deformation is not None and held is not None and len(chosen):
            # A warp that pushes too much of the deformation out of the view is left out.
            after = kept_by_warp(geometry, deformation, noise.cpu(), chosen.cpu())
            stays = after >= self.config.crop.keep
            noise = noise * stays.to(noise.device).view(-1, 1, 1, 1)
            held = held.index_copy(0, chosen.cpu(), torch.where(stays, after, held[chosen.cpu()]))
        turned = torch.einsum("nij,njab->niab", matrix.index_select(0, chosen)[:, :, :2], noise)
        inner[:, :, :-2, :-2] = inner[:, :, :-2, :-2].index_copy(0, chosen, turned)
        across = (inner @ basis.T).permute(0, 2, 3, 1).flatten(2)
        return (basis @ across).view(n, self.size, self.size, 2), held

    @property
    def _nodes(self) -> int:
        """Nodes of the warp along a side, one smoothing length apart."""
        return max(3, round(self.tile / self.config.elastic.smoothness) + 1)

    def _geometry(self, n: int, draw: Draw) -> Geometry:
        c = self.config
        area = draw.uniform(n, *c.crop.area)
        stretch = draw.log_uniform(n, 1.0 / c.crop.stretch, c.crop.stretch)
        half = torch.stack([stretch.sqrt(), 1 / stretch.sqrt()], -1) * area.sqrt().unsqueeze(-1)
        half = half.clamp_max(1.0)
        shift = torch.stack([draw.uniform(n, -1, 1), draw.uniform(n, -1, 1)], -1) * (1 - half)
        sign = torch.stack([draw.sign(n, c.flip.left_right), draw.sign(n, c.flip.up_down)], -1)
        turned = (draw.uniform(n) < c.rotate.p).float()
        angle = turned * draw.uniform(n, -1, 1) * math.radians(c.rotate.degrees)
        return Geometry(half, shift, sign, angle)

    def _warp(self, n: int, draw: Draw) -> tuple[Tensor, Tensor]:
        """Which views are warped (k,), and their displacements at the nodes, (k, 2, nodes, nodes)."""
        c, nodes = self.config.elastic, self._nodes
        chosen, draw = draw.subset(n, c.p if c.pixels else 0.0)
        k = len(chosen)
        if k == 0:
            return chosen, torch.zeros(0, 2, nodes, nodes, device=draw.device)
        # Gaussian-smoothed noise, drawn and smoothed on nodes one smoothing length apart, where
        # the Gaussian is five numbers, then interpolated.
        kernel = torch.exp(-0.5 * torch.arange(-2.0, 3.0, device=draw.device).square())
        noise = draw.normals(k, 2 * (nodes + 4) ** 2).view(2 * k, 1, nodes + 4, nodes + 4)
        noise = F.conv2d(F.conv2d(noise, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))
        noise = noise.view(k, 2, nodes, nodes)
        basis = _bicubic(nodes, self.size, draw.device)
        noise = noise * (2.0 * c.pixels / self.tile / _deviation(noise, basis))
        return chosen, noise * (MAX_STRAIN / strain(noise, basis)).clamp_max(1.0)


@lru_cache(maxsize=8)
def _basis(nodes: int, size: int, device: torch.device) -> Tensor:
    """What a grid is made of along one axis: the interpolation from nodes, the position, and 1.

    Shape:
        -> (size, nodes + 2)
    """
    position = regular(size, device)[0, 0, :, 0]
    return torch.cat(
        [_bicubic(nodes, size, device), torch.stack([position, torch.ones_like(position)], 1)], 1
    )


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
    # A bicubic surface hardly bends within an eighth of the way from node to node.
    step = max(1, len(basis) // (_SLOPES * (noise.shape[-1] - 1)))
    slope, basis = slope[::step], basis[::step]
    along_y = (slope @ noise @ basis.T).abs().amax(dim=(1, 2, 3))
    along_x = (basis @ noise @ slope.T).abs().amax(dim=(1, 2, 3))
    return torch.maximum(along_x, along_y).clamp_min(1e-6).view(-1, 1, 1, 1)
