"""What every objective shares: one pass over both views, a head, a loss in float32, perhaps a teacher."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, Protocol

import torch
from lightly.models.modules.heads import VICRegProjectionHead
from lightly.utils.debug import std_of_l2_normalized
from lightly.utils.scheduler import cosine_schedule
from torch import Tensor, nn

from ssl_insar.augment.config import Section
from ssl_insar.pretrain.objectives.teacher import Teacher

_RESOLUTION = 1_000_000
"""Steps into which a share of training is cut for lightly's schedules, which count steps."""


class Outcome(NamedTuple):
    """What one batch gives.

    Attributes:
        loss: scalar, float32; the quantity to minimise, a mean over this process's tiles.
        features: (2B, D) of the online encoder, those of the first views first, in the encoder's
            precision and with their gradient, for heads that ride along.
        logs: scalars without gradient. ``spread`` is always there: standard deviation of the normalised
            online projections times the root of their dimension; about 1 is healthy, 0 is collapse.
    """

    loss: Tensor
    features: Tensor
    logs: dict[str, Tensor]


class Head(Protocol):
    """The values of a recipe's ``head`` section."""

    @property
    def hidden(self) -> int:
        """Width of the hidden layers."""

    @property
    def dimension(self) -> int:
        """Width of the output."""

    @property
    def layers(self) -> int:
        """Number of linear layers."""


class Objective(nn.Module, ABC):
    """A way to learn from two views of each tile.

    Everything that training changes is in the state dict (heads, teacher, queue, centre), so that a run
    resumes exactly. Subclasses hold the equation in `compare` and are made of the encoder (copied where a
    teacher is kept, never held itself), the dimension of its features, the values of the head, their own
    section and the number of processes: see `ssl_insar.pretrain.objectives.build`.

    Attributes:
        section: of a recipe, that says the hyper-parameters.
        head: what turns features of the online encoder into what the loss compares.
        loss: lightly's.
        teacher: weights that follow the online ones; None where the method has none.

    Args:
        head: see above.
        loss: see above.
        teacher: see above.
        momentum: of the teacher at the first and at the last step, a cosine between.
    """

    section: ClassVar[type[Section]]

    def __init__(
        self,
        head: nn.Module,
        loss: nn.Module,
        teacher: Teacher | None = None,
        momentum: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        super().__init__()
        self.head = head
        self.loss = loss
        self.teacher = teacher
        self.momentum = momentum

    @property
    def followed(self) -> nn.Module:
        """The part of the head that the teacher has too."""
        return self.head

    @property
    def learned(self) -> list[nn.Module]:
        """Modules whose parameters the optimiser takes, beside the encoder; never the teacher."""
        return [self.head]

    def forward(self, encoder: nn.Module, first: Tensor, second: Tensor, progress: float) -> Outcome:
        """Loss of one batch; one pass of the online encoder over both views.

        Batch normalisation therefore takes its statistics over both views together. The loss itself is
        computed in float32 whatever autocast is on (a network in float64 keeps that): at a low temperature
        bfloat16 costs precision, and float32 is nearly free.

        Args:
            encoder: (N, C, S, S) -> (N, D).
            first: a view of each of B tiles, (B, C, S, S).
            second: another view of the same tiles in the same order.
            progress: share of training that is done, 0 to 1; drives schedules.
        """
        x = torch.cat([first, second]).contiguous(memory_format=torch.channels_last)
        features = encoder(x)
        online = self.head(features)
        targets = online if self.teacher is None else self.teacher(x)
        with torch.autocast(x.device.type, enabled=False):
            precision = torch.promote_types(online.dtype, torch.float32)
            online, targets = online.to(precision), targets.to(precision)
            loss, logs = self.compare(online, targets, progress)
            spread = std_of_l2_normalized(online.detach()) * online.shape[1] ** 0.5
        return Outcome(loss, features, {"spread": spread, **logs})

    @abstractmethod
    def compare(self, online: Tensor, targets: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The method's equation, in float32.

        Args:
            online: (2B, P) output of the head, first views first.
            targets: (2B, P) of the teacher, without gradient; ``online`` itself where there is none.
            progress: share of training that is done, 0 to 1.
        """

    def after_step(self, encoder: nn.Module, progress: float) -> None:
        """To be called once after every step of the optimiser: the teacher, if any, follows.

        Args:
            encoder: the online one.
            progress: share of training that is done, 0 to 1.
        """
        if self.teacher is not None:
            self.teacher.follow(encoder, self.followed, cosine(progress, *self.momentum))


def cosine(progress: float, start: float, end: float) -> float:
    """Half a cosine from ``start`` at progress 0 to ``end`` at progress 1, constant beyond.

    lightly's `cosine_schedule` reaches its end at ``max_steps - 1``, hence the one more.
    """
    step = round(min(max(progress, 0.0), 1.0) * _RESOLUTION)
    value: float = cosine_schedule(step, _RESOLUTION + 1, start, end)
    return value


def crossed(both: Tensor) -> Tensor:
    """Halves exchanged, so that row i stands against the other view of the same tile.

    Shape:
        (2B, P) -> (2B, P)
    """
    return both.roll(len(both) // 2, 0)


def projector(dimension: int, head: Head) -> nn.Module:
    """Linear, batch normalisation and ReLU in turn; the last layer is linear alone.

    The head of VICReg (appendix, "expander"); with three layers also that of Barlow Twins, with two that
    of BYOL, for which lightly has classes of a fixed number of layers.
    """
    made: nn.Module = VICRegProjectionHead(dimension, head.hidden, head.dimension, head.layers)
    return made
