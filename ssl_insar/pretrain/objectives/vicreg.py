"""VICReg: two views agree, each component varies, no two components tell the same."""

from __future__ import annotations

from typing import Literal

from lightly.loss import VICRegLoss
from pydantic import Field
from torch import Tensor, nn

from ssl_insar.augment.config import Section
from ssl_insar.pretrain.objectives.base import Head, Objective, projector


class VICRegConfig(Section):
    """Weights of the three terms; the paper's."""

    name: Literal["vicreg"] = "vicreg"
    invariance: float = Field(25.0, gt=0, description="weight of the distance between the two views")
    variance: float = Field(25.0, ge=0, description="weight of the lack of variance; 0 collapses")
    covariance: float = Field(1.0, ge=0, description="weight of the covariance between components")


class VICReg(Objective):
    """Bardes et al. (2022), "VICReg: Variance-Invariance-Covariance Regularization", eqs. 1-6.

    ``i * mean((z - z')^2) + v * (V(z) + V(z')) / 2 + c * (C(z) + C(z'))`` with V the mean of
    ``max(0, 1 - std)`` over components and C the sum of squared covariances over the dimension. The mean
    square runs over components too and V is halved, as in lightly and in the authors' code, so that the
    paper's weights of 25, 25, 1 hold.

    Uses no negatives: frames of one acquisition may share a batch. Needs a batch that can estimate a
    covariance; works from about 64 tiles, better with 256. Several processes share variance and
    covariance, so loss and gradient are those of one process with the whole batch. Destroys nothing that a
    contrast would keep, but nothing forces it to tell two tiles apart if their components vary elsewhere.

    The paper's head: 3 layers, 8192 to 8192 (1024 to 1024 is enough to begin with here).
    """

    section = VICRegConfig

    def __init__(
        self, encoder: nn.Module, dimension: int, head: Head, config: VICRegConfig, world: int
    ) -> None:
        loss = VICRegLoss(config.invariance, config.variance, config.covariance, gather_distributed=world > 1)
        super().__init__(projector(dimension, head), loss)

    def compare(self, online: Tensor, targets: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The three terms of the two halves."""
        return self.loss(*online.chunk(2)), {}
