"""SimCLR: the other view against everything else in the batch."""

from __future__ import annotations

from typing import Literal

from lightly.loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from pydantic import Field
from torch import Tensor, nn

from ssl_insar.augment.config import Section
from ssl_insar.pretrain.objectives.base import Head, Objective


class SimCLRConfig(Section):
    """Contrast within the batch."""

    name: Literal["simclr"] = "simclr"
    temperature: float = Field(
        0.2, gt=0, description="of the softmax; lower: only the nearest negatives count"
    )


class SimCLR(Objective):
    """NT-Xent, Chen et al. (2020), "A Simple Framework for Contrastive Learning", eq. 1.

    ``-log(exp(s_ij / t) / sum_{k != i} exp(s_ik / t))``, with s the cosine of two projections, (i, j) the
    two views of a tile and k over all 2B views of the batch; mean over i. With all projections alike it is
    ``log(2B - 1)`` at any temperature.

    Uses negatives: needs large batches (256 or more is comfortable) and wants no two interferograms of one
    acquisition in a batch, since they would be pushed apart. Several processes share their negatives, so
    loss and gradient are those of one process with the whole batch; accumulated gradients do not.
    Destroys what tells the views of one tile apart, such as an added offset or ramp.

    The paper's head: 2 layers, 2048 to 128.
    """

    section = SimCLRConfig

    def __init__(
        self, encoder: nn.Module, dimension: int, head: Head, config: SimCLRConfig, world: int
    ) -> None:
        super().__init__(
            SimCLRProjectionHead(dimension, head.hidden, head.dimension, num_layers=head.layers),
            NTXentLoss(config.temperature, gather_distributed=world > 1),
        )

    def compare(self, online: Tensor, targets: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """NT-Xent of the two halves."""
        return self.loss(*online.chunk(2)), {}
