"""`Views`: from a batch of tiles to the views that the encoder is trained on."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_insar.augment import field as fd
from ssl_insar.augment.atmosphere import Offset, Ramp, Turbulence
from ssl_insar.augment.blanks import Blanks
from ssl_insar.augment.config import ViewsConfig
from ssl_insar.augment.cutout import Cutout
from ssl_insar.augment.decorrelation import Decorrelation
from ssl_insar.augment.donor import Donor
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.frame_edge import FrameEdge
from ssl_insar.augment.ionosphere import Ionosphere
from ssl_insar.augment.multilook import Multilook
from ssl_insar.augment.sampling import SamplingGrid, reduce, sample
from ssl_insar.augment.sign import Rewrap, Swap
from ssl_insar.augment.stratified import Stratified


class Extras(NamedTuple):
    """What is known of a batch of tiles besides their phase.

    Attributes:
        height: (B, 1, T, T) of the ground, m, NaN where unknown; or None.
        deformation: (B, 1, T, T), not 0 where a tile is known to deform; or None.
    """

    height: Tensor | None = None
    deformation: Tensor | None = None


class Views(nn.Module):
    """Makes views of a batch of phasor tiles, on the device where they lie.

    The order follows the physics: what is on the ground is sampled once (crop, flip, rotation,
    elastic warp), then the interferogram is formed (swap, rewrap), then disturbed (offset, ramp, and
    turbulence, stratified delay and ionosphere as one screen; a donor's atmosphere; decorrelation),
    looked at more coarsely, and last loses pixels (cut-out, blanks, frame edge).

    Turbulence, stratified delay and ionosphere together are kept to ``cap``: on unlabelled tiles stronger
    ones bury what deforms.

    Args:
        config: the ``views`` section of a recipe.
        tile: side of the tiles, px.
        size: side of a view, px.
        seed: of the run.
        rank: of the process, so that processes draw different views.
        bank: (K, 2, S, S) donors (`ssl_insar.augment.donor.bank_of`); None: no donor is used.
    """

    def __init__(
        self,
        config: ViewsConfig,
        tile: int,
        size: int,
        seed: int = 0,
        rank: int = 0,
        bank: Tensor | None = None,
    ) -> None:
        super().__init__()
        spacing = config.spacing * tile / size
        self.config = config
        self.size = size
        self.seed = seed
        self.rank = rank
        self.grid = SamplingGrid(config, tile, size)
        self.swap = Swap(config.swap)
        self.rewrap = Rewrap(config.rewrap)
        self.offset = Offset(config.offset)
        self.ramp = Ramp(config.ramp, size)
        self.turbulence = Turbulence(config.turbulence, size, spacing)
        self.stratified = Stratified(config.stratified, size, spacing)
        self.ionosphere = Ionosphere(config.ionosphere, size, spacing, config.wavelength)
        self.donor = Donor(config.donor)
        self.decorrelation = Decorrelation(config.decorrelation)
        self.multilook = Multilook(config.multilook)
        self.cutout = Cutout(config.cutout, size)
        self.blanks = Blanks(config.blanks, size)
        self.frame_edge = FrameEdge(config.frame_edge, size)
        self.register_buffer(
            "bank", torch.empty(0, 2, size, size) if bank is None else bank, persistent=False
        )
        self.bank: Tensor

    @torch.no_grad()
    def forward(
        self, field: Tensor, step: int, count: int = 2, extras: Extras | None = None
    ) -> list[tuple[Tensor, Tensor]]:
        """Views of a batch; the same (seed, rank, step) always gives the same views.

        Args:
            field: (B, 2, T, T) phasor tiles, 0 = no data.
            step: of the training run.
            count: views a tile.
            extras: what else is known of the tiles.

        Returns:
            for each view: unit phasors (B, 2, S, S), and the local coherence (B, 1, S, S) that the
            resampling yields.
        """
        mean, share = reduce(field, self.size)
        return [
            self._view(mean, share, extras or Extras(), Draw(field.device, self.seed, self.rank, step, view))
            for view in range(count)
        ]

    def _view(self, mean: Tensor, share: Tensor, extras: Extras, draw: Draw) -> tuple[Tensor, Tensor]:
        n = mean.shape[0]
        grid = self.grid(n, draw)
        view, coherence = sample(mean, share, grid)
        view = self.rewrap(self.swap(view, draw), draw)
        screen = self.offset(n, draw) + self.ramp(n, draw) + self._air(n, _at(extras.height, grid), draw)
        view = fd.rotate(view, screen)
        if self.config.donor.p and len(self.bank):
            view = self.donor(view, self.bank, draw)
        view, coherence = self.decorrelation(view, coherence, draw)
        if self.config.multilook.p:
            view, coherence = self.multilook(view, coherence, draw)
        view = self.cutout(view, draw)
        protect = _at(extras.deformation, grid)
        # An effect that is off draws nothing: what the others draw does not depend on it.
        if self.config.blanks.p:
            view = self.blanks(view, draw, protect)
        if self.config.frame_edge.p:
            view = self.frame_edge(view, draw, protect)
        return view, coherence * fd.validity(view)

    def _air(self, n: int, height: Tensor | None, draw: Draw) -> Tensor:
        """Screens of the atmosphere, (n, S, S) rad, capped."""
        chosen, screens = self.turbulence(n, draw)
        total: Tensor = screens.new_zeros(n, self.size, self.size).index_add(0, chosen, screens)
        if self.config.stratified.p:
            chosen, screens = self.stratified(n, draw, height)
            total = total.index_add(0, chosen, screens.to(total.dtype))
        if self.config.ionosphere.p:
            chosen, screens = self.ionosphere(n, draw)
            total = total.index_add(0, chosen, screens.to(total.dtype))
        rms = total.square().mean(dim=(1, 2), keepdim=True).sqrt()
        return total * (self.config.cap / rms.clamp_min(1e-6)).clamp_max(1.0)


def _at(layer: Tensor | None, grid: Tensor) -> Tensor | None:
    """A layer at the pixels of views, of the nearest pixel: NaN stays where it is. (B, 1, S, S)."""
    if layer is None:
        return None
    here: Tensor = F.grid_sample(layer.to(grid.dtype), grid, mode="nearest", align_corners=False)
    return here
