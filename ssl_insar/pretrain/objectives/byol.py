"""BYOL: predict what a slowly moving copy of the network says about the other view."""

from __future__ import annotations

import copy
from typing import Literal

from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import BYOLPredictionHead
from pydantic import Field
from torch import Tensor, nn

from ssl_insar.augment.config import Section
from ssl_insar.pretrain.objectives.base import Head, Objective, crossed, projector
from ssl_insar.pretrain.objectives.teacher import Teacher


class BYOLConfig(Section):
    """How fast the target follows."""

    name: Literal["byol"] = "byol"
    momentum: float = Field(
        0.99, ge=0, le=1, description="of the target at the start, rising to 1; paper: 0.996 at batch 4096"
    )


class BYOL(Objective):
    """Grill et al. (2020), "Bootstrap Your Own Latent", eq. 2, both ways round.

    ``-cos(q(z), z')``, mean over both views: the prediction q from the online projection z against the
    target's projection z' of the other view. The paper's is 2 plus twice this. From -1 (they agree) to 1.

    Uses no negatives: frames of one acquisition may share a batch. Bears small batches (the paper: 256
    nearly as good as 4096). What keeps it from collapsing is the moving target, the predictor and batch
    normalisation in the heads, and nothing in the loss: it may fall while features collapse, so watch
    ``spread``. A mean over tiles: several processes need nothing but synchronised batch normalisation.

    The paper's head: 2 layers, 4096 to 256; the predictor always has 2.
    """

    section = BYOLConfig

    def __init__(
        self, encoder: nn.Module, dimension: int, head: Head, config: BYOLConfig, world: int
    ) -> None:
        project = projector(dimension, head)
        predict = BYOLPredictionHead(head.dimension, head.hidden, head.dimension)
        super().__init__(
            nn.Sequential(project, predict),
            NegativeCosineSimilarity(),
            Teacher(encoder, copy.deepcopy(project)),
            (config.momentum, 1.0),
        )

    @property
    def followed(self) -> nn.Module:
        """The projector: the target has no predictor."""
        assert isinstance(self.head, nn.Sequential)
        return self.head[0]

    def compare(self, online: Tensor, targets: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Predictions against the target's projections of the other view."""
        return self.loss(online, crossed(targets)), {}
