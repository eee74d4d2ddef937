"""Keeping a label true: how much of a known deformation a view must show, and how much air it may add."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST_SNR = 5.0
"""GLS signal-to-noise ratio below which a label is not worth keeping; see `ssl_insar.synth.detectability`."""
LEAST_KEPT = 0.6
"""Share of a known deformation that a crop keeps."""
_MASK_CELLS = 56
_STEPS = 8


@dataclass(frozen=True, eq=False)
class Geometry:
    """Parameters of n crops in their own terms, so that a crop can be drawn back towards the whole tile.

    Attributes:
        half: half sides (n, 2), x and y, in half sides of the tile, without sign.
        shift: of the centre (n, 2), likewise.
        sign: of the axes (n, 2), -1 where flipped.
        angle: of the rotation (n,), rad.
    """

    half: Tensor
    shift: Tensor
    sign: Tensor
    angle: Tensor

    def affine(self) -> Tensor:
        """Rotation about the centre of the crop, then scale, then shift.

        Shape:
            -> (n, 2, 3), from the view's coordinates to the tile's, both in [-1, 1]
        """
        x, y = (self.half * self.sign).unbind(-1)
        cos, sin = self.angle.cos(), self.angle.sin()
        rows = [cos * x, -sin * y, self.shift[..., 0], sin * x, cos * y, self.shift[..., 1]]
        return torch.stack(rows, -1).view(-1, 2, 3)

    def towards_whole(self, share: Tensor) -> Geometry:
        """The crop that lies a share (n,) of the way to the upright whole tile; flips stay."""
        left = (1 - share).unsqueeze(-1)
        return Geometry(1 - (1 - self.half) * left, self.shift * left, self.sign, self.angle * left[..., 0])


def keep_deformation(geometry: Geometry, mask: Tensor, least: float = LEAST_KEPT) -> tuple[Geometry, Tensor]:
    """Draw crops back towards the whole tile until they hold enough of what is known to deform.

    Args:
        geometry: of n crops.
        mask: (n, 1, T, T), not 0 where a tile is known to deform; all 0 where nothing is known.
        least: share that a crop must hold.

    Returns:
        crops that hold it, each drawn back by the fewest eighths of the way; and the share that each
        holds, (n,), 1 where nothing is known to deform.
    """
    known = _cells(mask, geometry.half.device)
    share = torch.linspace(0, 1, _STEPS + 1, device=known.device)
    held = torch.stack([kept(geometry.towards_whole(each.expand(len(known))), known) for each in share])
    first = (held >= least).to(torch.uint8).argmax(0)
    return geometry.towards_whole(share[first]), held.gather(0, first.unsqueeze(0))[0]


def kept(geometry: Geometry, known: Tensor) -> Tensor:
    """Share of the deformation that lies within crops.

    Args:
        geometry: of n crops.
        known: (n, h, w) weight of the deformation in the cells of the tile.

    Shape:
        -> (n,); 1 where nothing is known to deform
    """
    return _inside(_in_view(geometry, known), known)


def kept_by_warp(geometry: Geometry, mask: Tensor, noise: Tensor, chosen: Tensor) -> Tensor:
    """Share of the deformation that crops hold once they are warped.

    Args:
        geometry: of n crops.
        mask: (n, 1, T, T), not 0 where a tile is known to deform.
        noise: displacement at the nodes of k warps, x and y in half sides of the view, (k, 2, nodes, nodes).
        chosen: which of the n crops those are, (k,).

    Shape:
        -> (k,)
    """
    known = _cells(mask[chosen.to(mask.device)], chosen.device)
    some = Geometry(
        *(each[chosen] for each in (geometry.half, geometry.shift, geometry.sign, geometry.angle))
    )
    place = _in_view(some, known)
    # A pixel u of the view shows what lies at u + d(u): the place p is seen at u = p - d(u), found by
    # iteration, which converges because the warp does not fold.
    seen = place
    for _ in range(3):
        # Beyond the view the warp goes on as at its edge.
        moved = F.grid_sample(noise, seen, mode="bilinear", padding_mode="border", align_corners=True)
        seen = place - moved.permute(0, 2, 3, 1)
    return _inside(seen, known)


def _cells(mask: Tensor, device: torch.device) -> Tensor:
    """Share of the deformation in cells of the tile, (n, cells, cells)."""
    return F.adaptive_avg_pool2d((mask != 0).float(), _MASK_CELLS)[:, 0].to(device)


def _in_view(geometry: Geometry, known: Tensor) -> Tensor:
    """Where the cells of the tile lie in unwarped views, x and y in half sides, (n, h, w, 2)."""
    height, width = known.shape[1:]
    x = (torch.arange(width, device=known.device) * 2 + 1) / width - 1
    y = (torch.arange(height, device=known.device) * 2 + 1) / height - 1
    right = x.view(1, 1, -1) - geometry.shift[:, 0].view(-1, 1, 1)
    down = y.view(1, -1, 1) - geometry.shift[:, 1].view(-1, 1, 1)
    cos, sin = geometry.angle.cos().view(-1, 1, 1), geometry.angle.sin().view(-1, 1, 1)
    # The affine's inverse: back by the rotation, then by the scale.
    side = (geometry.half * geometry.sign).view(-1, 2, 1, 1)
    return torch.stack([(cos * right + sin * down) / side[:, 0], (cos * down - sin * right) / side[:, 1]], -1)


def _inside(place: Tensor, known: Tensor) -> Tensor:
    """Share of the deformation whose places lie within the view, (n,); 1 where nothing is known."""
    inside = (place.abs() <= 1).all(-1)
    total = known.sum((1, 2))
    return torch.where(total > 0, (known * inside).sum((1, 2)) / total.clamp_min(1e-9), 1.0)


def most_air(snr: Tensor, own: Tensor, kept: Tensor | float = 1.0, least: float = LEAST_SNR) -> Tensor:
    r"""Largest RMS of atmosphere that a view may add.

    The squared ratio goes with the share of the signal that is seen and against the variance of the
    atmosphere, that of the tile and the added, whose spectra are taken to be alike:
    :math:`\mathrm{SNR}'^2 = \mathrm{SNR}^2 k \sigma_o^2 / (\sigma_o^2 + \sigma_a^2)`.

    Args:
        snr: GLS ratio of the tiles as they are, (n,); NaN where nothing is known to deform.
        own: RMS of the tiles' own atmosphere, rad, (n,).
        kept: share of the deformation that the view will show.
        least: ratio to keep.

    Shape:
        -> (n,) rad; 0 where the ratio is too small already, infinite where nothing is known
    """
    left = snr.square() * kept / least**2 - 1
    return torch.where(snr.isnan(), torch.inf, own * left.clamp_min(0).sqrt())
