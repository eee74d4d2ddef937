"""`Views`: from a batch of tiles to the views that the encoder is trained on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar.augment import field as fd
from ssl_insar.augment.atmosphere import Offset, Ramp, Turbulence
from ssl_insar.augment.config import ViewsConfig
from ssl_insar.augment.cutout import Cutout
from ssl_insar.augment.decorrelation import Decorrelation
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.sampling import SamplingGrid, reduce, sample
from ssl_insar.augment.sign import Rewrap, Swap


class Views(nn.Module):
    """Makes views of a batch of phasor tiles, on the device where they lie.

    The order follows the physics: what is on the ground is sampled once (crop, flip, rotation,
    elastic warp), then the interferogram is formed (swap, rewrap), then disturbed (offset,
    ramp, turbulence as one screen; decorrelation), and last loses pixels (cut-out).

    Args:
        config: the ``views`` section of a recipe.
        tile: side of the tiles, px.
        size: side of a view, px.
        seed: of the run.
        rank: of the process, so that processes draw different views.
    """

    def __init__(self, config: ViewsConfig, tile: int, size: int, seed: int = 0, rank: int = 0) -> None:
        super().__init__()
        self.size = size
        self.seed = seed
        self.rank = rank
        self.grid = SamplingGrid(config, tile, size)
        self.swap = Swap(config.swap)
        self.rewrap = Rewrap(config.rewrap)
        self.offset = Offset(config.offset)
        self.ramp = Ramp(config.ramp, size)
        self.turbulence = Turbulence(config.turbulence, size, config.spacing * tile / size)
        self.decorrelation = Decorrelation(config.decorrelation)
        self.cutout = Cutout(config.cutout, size)

    @torch.no_grad()
    def forward(self, field: Tensor, step: int, count: int = 2) -> list[tuple[Tensor, Tensor]]:
        """Views of a batch; the same (seed, rank, step) always gives the same views.

        Args:
            field: (B, 2, T, T) phasor tiles, 0 = no data.
            step: of the training run.
            count: views a tile.

        Returns:
            for each view: unit phasors (B, 2, S, S), and the local coherence (B, 1, S, S) that the
            resampling yields.
        """
        mean, share = reduce(field, self.size)
        return [
            self._view(mean, share, Draw(field.device, self.seed, self.rank, step, view))
            for view in range(count)
        ]

    def _view(self, mean: Tensor, share: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        n = mean.shape[0]
        view, coherence = sample(mean, share, self.grid(n, draw))
        view = self.rewrap(self.swap(view, draw), draw)
        screen = self.offset(n, draw) + self.ramp(n, draw)
        chosen, turbulence = self.turbulence(n, draw)
        screen = screen.index_add(0, chosen, turbulence)
        view, coherence = self.decorrelation(fd.rotate(view, screen), coherence, draw)
        view = self.cutout(view, draw)
        return view, coherence * fd.validity(view)
