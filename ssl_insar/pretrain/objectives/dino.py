"""DINO: say of one view what the teacher says of the other, in a vocabulary of prototypes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from lightly.loss import DINOLoss
from lightly.models.modules.heads import DINOProjectionHead
from pydantic import Field, model_validator
from torch import Tensor, nn

from ssl_insar.augment.config import Section, Span
from ssl_insar.errors import UserError
from ssl_insar.pretrain.objectives.base import Head, Objective
from ssl_insar.pretrain.objectives.teacher import Teacher

_LAYERS = 3
"""Of the head before its prototypes, as in the paper and in lightly."""


class DINOConfig(Section):
    """Vocabulary, temperatures, speed of teacher and centre."""

    name: Literal["dino"] = "dino"
    prototypes: int = Field(
        4096, ge=2, description="outputs of the head; paper: 65536, for millions of images"
    )
    student_temperature: float = Field(0.1, gt=0)
    teacher_temperature: Span = Field(
        (0.04, 0.07), description="rises from the first to the second; must be below the student's"
    )
    warmup: float = Field(0.3, ge=0, le=1, description="share of training in which it rises")
    momentum: float = Field(
        0.99, ge=0, le=1, description="of the teacher at the start, rising to 1; paper: 0.996 at batch 1024"
    )
    centre_momentum: float = Field(0.9, ge=0, lt=1, description="of the mean taken off the teacher's output")
    freeze: float = Field(0.05, ge=0, lt=1, description="share of training in which prototypes stay as drawn")
    batch_norm: bool = Field(
        True, description="in the head; without it a convolutional backbone ends at uniform; false for a ViT"
    )

    @model_validator(mode="after")
    def _teacher_is_sharper(self) -> DINOConfig:
        if self.teacher_temperature[1] >= self.student_temperature:
            raise ValueError("teacher_temperature must stay below student_temperature, or all collapses")
        return self


class DINO(Objective):
    """Caron et al. (2021), "Emerging Properties in Self-Supervised Vision Transformers", eqs. 1-3, alg. 1.

    ``-sum_k p'_k log p_k``, mean over both ways round: p the student's softmax over prototypes of one view,
    p' the teacher's of the other after its running mean (the centre) was taken off and with a lower
    temperature. If all becomes uniform it stays at ``log(prototypes)``.

    Uses no negatives: frames of one acquisition may share a batch. Bears batches of 128 and less with a
    slower centre and teacher. Two ways to collapse: to one prototype (temperature too low, centre too slow)
    and to all alike (temperature too high); the log ``teacher_entropy`` goes to 0 in the one and to 1 in
    the other. A mean over tiles; the centre is averaged over processes.

    Two global views only: the interface has no place for the small local crops that the paper adds.

    The paper's head: 3 layers, 2048 to 256, which is the width before the prototypes.

    Raises:
        UserError: the head is not of 3 layers.
    """

    section = DINOConfig

    def __init__(
        self, encoder: nn.Module, dimension: int, head: Head, config: DINOConfig, world: int
    ) -> None:
        if head.layers != _LAYERS:
            raise UserError(
                f"head.layers={head.layers}: DINO's head has {_LAYERS}; --set head.layers={_LAYERS}"
            )

        def made() -> nn.Module:
            with warnings.catch_warnings():
                # lightly builds it on torch's older weight_norm; nobody who reads that can act on it.
                warnings.filterwarnings("ignore", ".*weight_norm.* is deprecated", FutureWarning)
                module: nn.Module = DINOProjectionHead(
                    dimension, head.hidden, head.dimension, config.prototypes, config.batch_norm
                )
            return module

        student, teacher = made(), made()
        # deepcopy fails on weight normalisation, whose weight is no leaf.
        teacher.load_state_dict(student.state_dict())
        loss = DINOLoss(
            config.prototypes, student_temp=config.student_temperature, center_momentum=config.centre_momentum
        )
        super().__init__(student, loss, Teacher(encoder, teacher), (config.momentum, 1.0))
        self.config = config
        self._frozen = False
        # Zeroed rather than left out: DDP waits for the gradient of every parameter.
        register: Callable[..., Any] = self.prototypes.register_hook  # has no types
        register(lambda grad: torch.zeros_like(grad) if self._frozen else grad)

    @property
    def prototypes(self) -> Tensor:
        """Directions of the prototypes, (K, P); their length has no effect."""
        weight: Tensor = self.get_parameter("head.last_layer.weight_v")
        return weight

    def compare(self, online: Tensor, targets: Tensor, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy between students and teachers of different views; the centre moves on."""
        config = self.config
        self._frozen = progress < config.freeze
        low, high = config.teacher_temperature
        temperature = low + (high - low) * (min(progress / config.warmup, 1.0) if config.warmup else 1.0)
        entropy = self._entropy(targets, temperature)
        loss = self.loss(list(targets.chunk(2)), list(online.chunk(2)), teacher_temp=temperature)
        return loss, {"teacher_entropy": entropy}

    def _entropy(self, targets: Tensor, temperature: float) -> Tensor:
        """Of the teacher's answers, mean over views, as a share of the largest there can be."""
        assert isinstance(self.loss, DINOLoss)
        logits = (targets - self.loss.center[0]) / temperature
        log_p = logits.log_softmax(1)
        mean: Tensor = -(log_p.exp() * log_p).sum(1).mean()
        return mean / math.log(targets.shape[1])
