"""How all baselines are trained: Adam and a cosine, by the loop that fine-tuning has."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ssl_insar.errors import UserError
from ssl_insar.pretrain import loop
from ssl_insar.pretrain.batches import Batches


@dataclass(frozen=True)
class Settings:
    """How long and how a baseline is trained.

    Attributes:
        epochs: passes over the tiles.
        batch_size: tiles a step.
        views: images that the network sees of a tile.
        lr: of Adam at the first step; a cosine takes it to 0 by the last.
        weight_decay: decoupled from the gradient (AdamW); with 0 that is Adam.
        seed: of weights, batches and views.
    """

    epochs: int
    batch_size: int
    views: int
    lr: float = 1e-3
    weight_decay: float = 0.0
    seed: int = 0


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random weights made within follow from the seed; torch's own generators are left as they were."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def train(
    net: nn.Module,
    loss: Callable[[list[int], int], Tensor],
    tiles: NDArray[np.int64],
    settings: Settings,
    folder: Path,
    about: dict[str, Any],
    *,
    shown: bool = True,
) -> dict[str, Any]:
    """Train a network as `settings` say; see `ssl_insar.pretrain.loop.train`.

    Args:
        net: trained in place; on return in eval mode.
        loss: see there.
        tiles: positions to draw from.
        settings: see `Settings`.
        folder: of the run.
        about: what else the outcome depends on; a run that was begun otherwise is refused.
        shown: draw a progress bar.

    Returns:
        the content of ``run.json``.

    Raises:
        UserError: less than a batch, or see there.
        click.Abort: Ctrl-C; the state is saved, and the same call goes on.
    """
    per_epoch = len(tiles) // settings.batch_size
    if per_epoch < 1:
        raise UserError(
            f"{len(tiles)} usable tiles are less than a batch; give --batch-size {max(2, len(tiles) // 4)}"
        )
    total = per_epoch * settings.epochs
    optimizer = torch.optim.AdamW(net.parameters(), settings.lr, weight_decay=settings.weight_decay)
    course = loop.Course(
        steps_per_epoch=per_epoch,
        epochs=settings.epochs,
        batches=partial(Batches, tiles, settings.batch_size, total, settings.seed),
        images=settings.views * settings.batch_size,
        optimizer=optimizer,
        schedule=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total),
    )
    facts = about | dataclasses.asdict(settings) | {"tiles": len(tiles)}
    return loop.train(net, loss, course, folder, facts, shown=shown)
