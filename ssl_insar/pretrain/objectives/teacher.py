"""The teacher (also: target network, momentum encoder): a copy that follows the online weights slowly."""

from __future__ import annotations

import copy

import torch
from lightly.models.utils import deactivate_requires_grad, update_momentum
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Teacher(nn.Module):
    """Encoder and head whose weights are an exponential moving average (EMA) of the online ones.

    It has no gradient, so it is of no interest to an optimiser or to DDP, but it is in the state dict.
    Dropout and stochastic depth are off in it, as in DINO.

    Batch normalisation can take the statistics of the batch, as BYOL and DINO do; or, with
    ``own_statistics``, running statistics that are themselves an EMA of the online ones (Cai et al. 2021,
    "Exponential Moving Average Normalization for Self-Supervised and Semi-Supervised Learning", eq. 3).
    Then one sample's target does not depend on its neighbours in the batch, which MoCo needs, see there.

    Args:
        encoder: the online one, copied.
        head: taken as it is, so give a copy.
        own_statistics: see above.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, own_statistics: bool = False) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        self.head = head
        self.own_statistics = own_statistics
        self.steps: Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        deactivate_requires_grad(self)
        self.train()

    def train(self, mode: bool = True) -> Teacher:
        """Only batch normalisation knows a training mode here, and only on the batch's statistics."""
        super().train(False)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.train(mode and not self.own_statistics)
        return self

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Targets.

        Shape:
            (N, C, S, S) -> (N, P)
        """
        targets: Tensor = self.head(self.encoder(x))
        return targets

    @torch.no_grad()
    def follow(self, encoder: nn.Module, head: nn.Module, momentum: float) -> None:
        """One step of the average: ``momentum * own + (1 - momentum) * online``.

        Own statistics begin far from any truth (mean 0, variance 1), so their momentum grows from 0.1.

        Args:
            encoder: the online one.
            head: the online one, of the same shape as the teacher's.
            momentum: 1 keeps the teacher as it is, 0 copies the online weights.
        """
        # On the device: a number would make the processor wait for it at every step.
        early = torch.clamp((1 + self.steps) / (10 + self.steps), max=momentum)
        self.steps += 1
        for online, own in ((encoder, self.encoder), (head, self.head)):
            update_momentum(online, own, momentum)
            if self.own_statistics:
                for now, kept in zip(online.buffers(), own.buffers(), strict=True):
                    if kept.is_floating_point():
                        kept.lerp_(now, (1 - early).to(kept.dtype))
                    else:
                        kept.copy_(now)
