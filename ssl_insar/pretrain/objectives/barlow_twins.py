"""Barlow Twins: the cross-correlation of two views is the identity."""

from __future__ import annotations

from typing import Literal

import torch
from lightly.loss import BarlowTwinsLoss
from lightly.utils.dist import gather
from pydantic import Field
from torch import Tensor, nn

from ssl_insar.augment.config import Section
from ssl_insar.pretrain.objectives.base import Head, Objective, projector


class BarlowTwinsConfig(Section):
    """Weight of the redundancy term."""

    name: Literal["barlow_twins"] = "barlow_twins"
    redundancy: float = Field(5e-3, ge=0, description="weight of the off-diagonal correlations")


class BarlowTwins(Objective):
    """Zbontar et al. (2021), "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", eqs. 1-2.

    ``sum_i (1 - C_ii)^2 + l * sum_{i != j} C_ij^2`` with C the correlation over the batch between
    components of the one view and of the other. A sum over components: at the start about as large as the
    head's dimension, so mind it when other losses are added, and use LARS or AdamW with clipping.

    Uses no negatives: frames of one acquisition may share a batch. Needs fewer tiles than a contrast (the
    paper: 256 is nearly as good as 1024); each component is normalised over the batch, hence not below
    about 64.

    Several processes gather their projections before anything is computed, so that loss and gradient are
    those of one process with the whole batch. lightly's own ``gather_distributed`` sums correlations that
    each process has normalised with its own statistics, which is another loss (gradient's cosine .75).

    The paper's head: 3 layers, 8192 to 8192 (1024 to 1024 is enough to begin with here).
    """

    section = BarlowTwinsConfig

    def __init__(
        self, encoder: nn.Module, dimension: int, head: Head, config: BarlowTwinsConfig, world: int
    ) -> None:
        super().__init__(projector(dimension, head), BarlowTwinsLoss(config.redundancy))
        self.gathers = world > 1

    def compare(self, online: Tensor, targets: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Correlation of the two halves, over the tiles of all processes."""
        first, second = online.chunk(2)
        if self.gathers:
            first, second = torch.cat(gather(first)), torch.cat(gather(second))
        return self.loss(first, second), {}
