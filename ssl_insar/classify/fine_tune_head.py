"""The linear layer on top of a fine-tuned encoder, which begins and ends as a linear probe."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_insar.classify.frozen import mean_and_spread
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.models import Encoder


class Head(nn.Module):
    """Unit length, standardisation, one linear layer: what a linear probe does to an embedding.

    Begun at a probe's weights (LP-FT; Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and
    Underperform Out-of-Distribution"): a random layer would send the encoder the wrong way first.

    Args:
        probes: one, or one a label, fitted on unit features and standardised alike.
    """

    def __init__(self, probes: list[LinearProbe]) -> None:
        super().__init__()
        mean, scale = probes[0].mean_, probes[0].scale_
        weight = np.concatenate([probe.coef_ for probe in probes])
        bias = np.concatenate([probe.intercept_ for probe in probes])
        # The probe's scale holds sqrt(D); features of unit variance suit a learning rate better.
        self.root = float(np.sqrt(len(mean)))
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(scale / self.root, dtype=torch.float32))
        self.mean: Tensor
        self.spread: Tensor
        self.layer = nn.Linear(len(mean), len(bias))
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor(weight / self.root))
            self.layer.bias.copy_(torch.tensor(bias))

    def forward(self, features: Tensor) -> Tensor:
        """Log-odds a label, or logits.

        Shape:
            (B, D) -> (B, outputs)
        """
        unit = F.normalize(features.float(), dim=1)
        logits: Tensor = self.layer((unit - self.mean) / self.spread)
        return logits

    def probes(self, began: list[LinearProbe], unit: NDArray[np.float32]) -> list[LinearProbe]:
        """The layer as probes again.

        Args:
            began: those it was made of.
            unit: (n, D) unit features of the tiles trained on, to tell the spread of the log-odds.
        """
        weight = self.layer.weight.detach().double().cpu().numpy() * self.root
        bias = self.layer.bias.detach().double().cpu().numpy()
        found, first = [], 0
        for probe in began:
            last = first + len(probe.coef_)
            new = copy.deepcopy(probe)
            new.coef_, new.intercept_ = weight[first:last], bias[first:last]
            new.mean_ = self.mean.double().cpu().numpy()
            new.scale_ = self.spread.double().cpu().numpy() * self.root
            new.odds_mean_, new.odds_spread_ = mean_and_spread(new.decision_function(unit))
            found.append(new)
            first = last
        return found


class Network(nn.Module):
    """An encoder and a head, trained with the encoder's batch-norm statistics as they are.

    Batches of a few tiles would tell poor ones, and those of pretraining are of many more tiles.
    """

    def __init__(self, encoder: Encoder, head: Head) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def train(self, mode: bool = True) -> Network:
        """Stay in eval mode, which is what leaves the statistics alone; gradients flow all the same."""
        super().train(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Log-odds a label, or logits, of prepared input.

        Shape:
            (B, C, S, S) -> (B, outputs)
        """
        logits: Tensor = self.head(self.encoder(x))
        return logits
