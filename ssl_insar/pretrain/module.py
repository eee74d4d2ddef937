"""SimCLR on phasors: the whole training step, top to bottom.

Chen et al. (2020), "A Simple Framework for Contrastive Learning of Visual Representations". What
differs: the input is the multilooked phasor, and the views that obey radar physics.
"""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.models.utils import get_weight_decay_parameters
from lightly.utils.lars import LARS
from lightly.utils.scheduler import cosine_warmup_schedule
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from ssl_insar.augment import Extras, Views
from ssl_insar.augment import field as fd
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.pretrain.recipe import OptimConfig, Recipe


class SimCLR(pl.LightningModule):
    """Encoder, projection head and NT-Xent loss.

    Args:
        recipe: of the run.
        tile: side of the archive's tiles, px.
        steps_per_epoch: optimiser steps that make an epoch.
        bank: donors of atmosphere, see `ssl_insar.augment.Views`.
    """

    def __init__(self, recipe: Recipe, tile: int, steps_per_epoch: int, bank: Tensor | None = None) -> None:
        super().__init__()
        self._bank = bank
        self.recipe = recipe
        self.tile = tile
        self.steps_per_epoch = steps_per_epoch
        self.encoder = Encoder(recipe.model.backbone, InputSpec(recipe.model.size, recipe.model.channels))
        self.encoder.to(memory_format=torch.channels_last)
        self.head = SimCLRProjectionHead(
            self.encoder.dimension, recipe.head.hidden, recipe.head.dimension, num_layers=recipe.head.layers
        )
        self.views: Views | None = None
        self.loss: NTXentLoss | None = None

    def setup(self, stage: str) -> None:
        """Lightning's hook: now the number of processes is known."""
        self.prepare(self.global_rank, self.trainer.world_size).to(self.device)

    def prepare(self, rank: int, world: int) -> SimCLR:
        """Build what depends on the number of processes: views differ by rank, negatives are shared."""
        recipe = self.recipe
        self.views = Views(recipe.views, self.tile, recipe.model.size, recipe.seed, rank, self._bank)
        self.loss = NTXentLoss(recipe.objective.temperature, gather_distributed=world > 1)
        return self

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor, Extras], batch_index: int) -> Tensor:
        """Loss of one batch of counts, packed validity, positions and what else is known."""
        counts, valid_bits, _, extras = batch
        return self.contrast(fd.from_counts(counts, valid_bits), self.global_step, extras)

    def contrast(self, tiles: Tensor, step: int, extras: Extras | None = None) -> Tensor:
        """Two views a tile, one forward pass over both, NT-Xent in float32.

        Shape:
            (B, 2, T, T) phasor -> scalar
        """
        assert self.views is not None, "prepare() comes first"
        assert self.loss is not None, "prepare() comes first"
        x = torch.cat([self.encoder.spec.assemble(*view) for view in self.views(tiles, step, extras=extras)])
        projections = self.head(self.encoder(x.contiguous(memory_format=torch.channels_last)))
        with torch.autocast(tiles.device.type, enabled=False):
            loss: Tensor = self.loss(*projections.float().chunk(2))
        return loss

    def configure_optimizers(self) -> Any:
        """Optimiser and a schedule that steps with every batch."""
        config = self.recipe.optim
        decay, rest = get_weight_decay_parameters([self.encoder, self.head])
        groups = [
            {"params": decay, "weight_decay": config.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        optimizer: torch.optim.Optimizer
        if config.name == "lars":
            optimizer = LARS(groups, lr=config.lr, momentum=0.9)
        else:
            optimizer = torch.optim.AdamW(groups, lr=config.lr)
        schedule = Schedule(config, self.steps_per_epoch)
        # A plain function: LambdaLR would store an object's attributes in the checkpoint and so
        # bring back the old number of epochs.
        scheduler = LambdaLR(optimizer, lambda step: schedule(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_train_start(self) -> None:
        """Set the rate of the first step from the schedule, not from the checkpoint.

        The two differ when a run is resumed with another number of epochs.
        """
        scheduler = self.lr_schedulers()
        assert isinstance(scheduler, LambdaLR)
        for group, base, factor in zip(
            scheduler.optimizer.param_groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True
        ):
            group["lr"] = base * factor(scheduler.last_epoch)


class Schedule:
    """Factor on the learning rate: linear warm-up, then a cosine to a thousandth.

    Computed from the recipe at every step and kept in no checkpoint, so that a run resumed with
    another number of epochs follows the new cosine (lightly's own scheduler would restore the old).
    """

    def __init__(self, config: OptimConfig, steps_per_epoch: int) -> None:
        self.total = max(1, config.epochs * steps_per_epoch)
        self.warmup = min(round(config.warmup_epochs * steps_per_epoch), self.total // 2)

    def __call__(self, step: int) -> float:
        """Factor at an optimiser step."""
        # One step more is asked for after the last update; it is never used.
        step = min(step, self.total)
        factor: float = cosine_warmup_schedule(
            step=step,
            max_steps=self.total,
            start_value=1.0,
            end_value=0.001,
            warmup_steps=self.warmup,
            warmup_start_value=0.0,
        )
        return factor
