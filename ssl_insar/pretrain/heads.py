"""Pretext heads beside the contrast: what was put into a view, asked of its features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_insar.pretrain.recipe import HeadsConfig


class Truth(NamedTuple):
    """What was put into n views.

    Attributes:
        present: 1 where a source was injected, else 0, (n,) float; NaN where nobody can say, because the
            tile may deform of itself.
        snr: GLS ratio, (n,); 0 without a source.
        peak: of the source, rad, (n,).
        kind: number of its kind, (n,); -1 without.
        where: (n, C, C) share of the source's area in the cells of the view; or None.
    """

    present: Tensor
    snr: Tensor
    peak: Tensor
    kind: Tensor
    where: Tensor | None = None


class Heads(nn.Module):
    """Linear heads on the features of the encoder.

    Linear, so that what they ask is laid out in the features themselves, where a probe can read it.

    - presence: was a source injected? Binary cross-entropy. Its logit is a score of deformation that has
      seen no label.
    - where: in which cells of a coarse map? Binary cross-entropy a cell, from the features before pooling.
    - strength: log of GLS ratio and of peak; smooth L1, of views with a source.
    - kind: which of the simulator's sources; cross-entropy, of views with a source.

    Args:
        dimension: D of the features.
        channels: of the feature maps.
        kinds: number of kinds of sources.
        config: weights; a head of weight 0 is not there.
    """

    def __init__(self, dimension: int, channels: int, kinds: int, config: HeadsConfig) -> None:
        super().__init__()
        self.config = config
        self.presence = nn.Linear(dimension, 1) if config.presence else None
        self.strength = nn.Linear(dimension, 2) if config.strength else None
        self.kind = nn.Linear(dimension, kinds) if config.kind else None
        self.where = nn.Conv2d(channels, 1, 1) if config.where else None

    def forward(self, features: Tensor, maps: Tensor | None, truth: Truth) -> dict[str, Tensor]:
        """Weighted losses by name; empty where every weight is 0.

        Shape:
            features (n, D), maps (n, channels, h, w) or None, truth of n
        """
        losses: dict[str, Tensor] = {}
        features = features.float()
        if self.presence is not None:
            told = ~truth.present.isnan()
            logit = self.presence(features)[told, 0]
            losses["presence"] = self.config.presence * F.binary_cross_entropy_with_logits(
                logit, truth.present[told]
            )
        holding = torch.nonzero(truth.kind >= 0)[:, 0]
        if self.strength is not None and len(holding):
            wanted = torch.stack([truth.snr[holding], truth.peak[holding].abs()], 1).clamp_min(1e-3).log()
            losses["strength"] = self.config.strength * F.smooth_l1_loss(
                self.strength(features[holding]), wanted
            )
        if self.kind is not None and len(holding):
            losses["kind"] = self.config.kind * F.cross_entropy(
                self.kind(features[holding]), truth.kind[holding]
            )
        if self.where is not None and maps is not None and truth.where is not None:
            told = ~truth.present.isnan()
            logits = self.where(maps.float())[told, 0]
            cells = F.adaptive_avg_pool2d(truth.where[told].unsqueeze(1), logits.shape[-2:])[:, 0]
            losses["where"] = self.config.where * F.binary_cross_entropy_with_logits(logits, cells)
        return losses
