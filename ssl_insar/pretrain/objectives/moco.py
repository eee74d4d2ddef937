"""MoCo: contrast with a queue of keys from earlier batches."""

from __future__ import annotations

import copy
from typing import Literal

from lightly.loss import NTXentLoss
from lightly.models.modules.heads import MoCoProjectionHead
from pydantic import Field
from torch import Tensor, nn

from ssl_insar.augment.config import Section
from ssl_insar.errors import UserError
from ssl_insar.pretrain.objectives.base import Head, Objective, crossed
from ssl_insar.pretrain.objectives.teacher import Teacher


class MoCoConfig(Section):
    """Temperature, queue and speed of the key encoder."""

    name: Literal["moco"] = "moco"
    temperature: float = Field(
        0.2, gt=0, description="of the softmax; lower: only the nearest negatives count"
    )
    queue: int = Field(
        4096,
        ge=4,
        description="keys kept as negatives, two a tile and step; at most the number of tiles, or a tile "
        "meets its own old keys; paper: 65536",
    )
    momentum: float = Field(
        0.99, ge=0, le=1, description="of the key encoder; paper: 0.999, which wants some 10,000 steps"
    )


class MoCo(Objective):
    """He et al. (2020), "Momentum Contrast", eqs. 1-2, with the head of MoCo v2 (Chen et al. 2020).

    ``-log(exp(q.k / t) / (exp(q.k / t) + sum_n exp(q.n / t)))``, with q the projection of one view, k the
    key encoder's of the other, n over the queue; mean over both ways round.

    Uses negatives, but from the queue: the number of them does not depend on the batch, so small batches
    and small GPUs serve. Frames of one acquisition that follow each other within the queue's length meet
    as negatives; a group-wise batch does not prevent that.

    Three traps avoided. Both ways round are one look at the queue, else the keys of the first way would be
    false negatives of the second. The queue is in the state dict (lightly leaves it out), so that a run
    resumes with the negatives it had. Keys are normalised by statistics of their own (see `Teacher`): with
    those of the batch a query would know its key by what both batches share, against which the paper
    shuffles samples between GPUs, of which there may be only one.

    The queue begins with random directions: the first ``queue / 2B`` steps are easier than the rest, and
    the loss rises before it falls. Several processes fill one queue.

    The paper's head: 2 layers, 2048 to 128 (v2), without batch normalisation.
    """

    section = MoCoConfig

    def __init__(
        self, encoder: nn.Module, dimension: int, head: Head, config: MoCoConfig, world: int
    ) -> None:
        project = MoCoProjectionHead(dimension, head.hidden, head.dimension, num_layers=head.layers)
        loss = NTXentLoss(config.temperature, (config.queue, head.dimension), gather_distributed=world > 1)
        bank = loss.memory_bank
        for name, buffer in list(bank.named_buffers()):
            bank.register_buffer(name, buffer, persistent=True)
        super().__init__(
            project,
            loss,
            Teacher(encoder, copy.deepcopy(project), own_statistics=True),
            (config.momentum, config.momentum),
        )
        self.queue = config.queue
        self.world = world

    def compare(self, online: Tensor, targets: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Queries of both views against keys of the other, and against the queue.

        Raises:
            UserError: the queue is shorter than what one step adds.
        """
        keys = len(targets) * self.world
        if keys > self.queue:
            raise UserError(
                f"a step makes {keys} keys, more than objective.queue={self.queue} holds; "
                f"--set objective.queue={8 * keys}, or a smaller data.batch_size"
            )
        return self.loss(online, crossed(targets)), {}
