"""Encoder and classifier as one network, so that what speaks for a class can be followed back to a tile."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_insar.classify.fine_tune_head import Head
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.models import Encoder
from ssl_insar.models.detector import Detector


class Network(nn.Module):
    """Prepared input to logits; in eval mode, with weights that need no gradient.

    Args:
        encoder: frozen or fine-tuned.
        head: (B, D) features to (B, K) logits.
    """

    def __init__(self, encoder: Encoder, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.eval().requires_grad_(False)

    @classmethod
    def of_detector(cls, detector: Detector) -> Network:
        """The detector that a pretraining run leaves: K = 1, the logit of a source."""
        return cls(detector.encoder, detector.head)

    @classmethod
    def of_probe(cls, encoder: Encoder, probe: LinearProbe) -> Network:
        """A linear probe on an encoder, frozen or fine-tuned.

        K = 1 for two classes, the logit of the second; else a logit a class, in the order of ``classes_``.
        """
        return cls(encoder, Head([probe]))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, in float32.

        Shape:
            (B, C, S, S) -> (B, K)
        """
        logits: Tensor = self.head(self.encoder(x).float())
        return logits

    @torch.no_grad()
    def logits(self, tiles: Tensor) -> Tensor:
        """Logits of whole tiles.

        Shape:
            (B, 2, T, T) phasor -> (B, K)
        """
        logits: Tensor = self(self.encoder.spec.prepare(tiles))
        return logits
