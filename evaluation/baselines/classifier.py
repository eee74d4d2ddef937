"""A network that classifies tiles, trained from random weights on our views."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.baselines.loop import Settings, seeded, train
from ssl_insar.archive import Archive
from ssl_insar.augment import ViewsConfig
from ssl_insar.classify.label_safe_views import LabelledViews
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.precision import best_device

_CHUNK = 256


class Classifier(nn.Module):
    """An encoder and one linear layer.

    Args:
        backbone: name of a timm model.
        size: side of the input, px.
        classes: their number.
        seed: of the weights.

    Raises:
        UserError: unknown backbone, or a size that it does not take.
    """

    def __init__(self, backbone: str, size: int, classes: int, seed: int) -> None:
        super().__init__()
        with seeded(seed):
            self.encoder = Encoder(backbone, InputSpec(size))
            self.layer = nn.Linear(self.encoder.dimension, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of prepared input.

        Shape:
            (B, C, S, S) -> (B, K)
        """
        logits: Tensor = self.layer(self.encoder(x))
        return logits

    @torch.no_grad()
    def logits(self, archive: Archive, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Logits of whole tiles, without augmentation, on the device where the network lies.

        Shape:
            (n,) positions -> (n, K)
        """
        device = self.layer.weight.device
        parts = [
            torch.from_numpy(self.encoder.embed_tiles(archive, positions[start : start + _CHUNK]))
            for start in range(0, len(positions), _CHUNK)
        ]
        found: NDArray[np.float64] = self.layer(torch.cat(parts).to(device)).double().cpu().numpy()
        return found


def train_classifier(
    net: Classifier,
    archive: Archive,
    codes: NDArray[np.int64],
    settings: Settings,
    folder: Path,
    about: dict[str, Any],
    *,
    weights: Sequence[float] | None = None,
    shown: bool = True,
) -> dict[str, Any]:
    """Train by cross-entropy on one view of each tile, with the effects of the default recipe.

    Where an archive knows what deforms, the views leave it whole (`ssl_insar.augment.label_safe`).

    Args:
        net: trained in place.
        archive: the tiles.
        codes: class of each of its tiles, (N,) 0 ... K - 1; -1: not trained on.
        settings: see `Settings`.
        folder: of the run.
        about: what else the outcome depends on.
        weights: of the classes; None: all the same.
        shown: draw a progress bar.

    Returns:
        the content of ``run.json``, see `ssl_insar.pretrain.loop.train`.

    Raises:
        UserError: see there.
    """
    device = best_device()
    views = LabelledViews(archive, ViewsConfig(), net.encoder.spec, settings.seed, device)
    classes = torch.tensor(codes, device=device)
    balance = None if weights is None else torch.tensor(weights, dtype=torch.float32, device=device)

    def loss(positions: list[int], step: int) -> Tensor:
        x, where = views(positions, step)
        return F.cross_entropy(net(x).float(), classes[where], balance)

    facts = about | {"archive_digest": archive.digest, "size": net.encoder.spec.size}
    facts |= {"backbone": net.encoder.card.backbone}
    return train(net, loss, np.flatnonzero(codes >= 0), settings, folder, facts, shown=shown)
