"""Early stopping: when a score has not risen for a while, training ends and the best weights are taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class BestWeights:
    """Keeps the weights with the highest score so far. Source: Prechelt 1998, "Early Stopping - But When?".

    Args:
        net: whose weights.
        patience: epochs without a better score after which training ends.
        score: of the network as it is, the higher the better; looked at once an epoch.
        since: epochs done before which patience does not count: while layers are frozen, no better score
            says nothing yet of what they would learn.

    Attributes:
        history: score after each number of epochs done, from 0 on.
        best: number of epochs that gave the highest, the first of them at a tie.
    """

    def __init__(self, net: nn.Module, patience: int, score: Callable[[], float], since: int = 0) -> None:
        self.net = net
        self.patience = patience
        self.since = since
        self.score = score
        self.history: list[float] = []
        self.best = 0
        self._weights: dict[str, Tensor] = {}

    def look(self, epoch: int) -> bool:
        """Score the network after so many epochs, unless that was done; whether to end."""
        if epoch >= len(self.history):
            value = float(self.score())
            if not self.history or value > self.history[self.best] or math.isnan(self.history[self.best]):
                self.best = epoch
                self._weights = {k: v.detach().cpu().clone() for k, v in self.net.state_dict().items()}
            self.history.append(value)
        return epoch - max(self.best, self.since) >= self.patience

    def restore(self) -> None:
        """Give the network the best weights."""
        self.net.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint must hold."""
        return {"history": self.history, "best": self.best, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take up what `state_dict` gave."""
        self.history = [float(value) for value in state["history"]]
        self.best = int(state["best"])
        self._weights = {name: torch.as_tensor(value) for name, value in state["weights"].items()}
