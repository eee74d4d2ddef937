"""The whole training step, top to bottom: pairs, sources put in, views, objective, heads.

The plain recipe is SimCLR (Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual
Representations"). What differs: the input is the multilooked phasor, the views obey radar physics, and
what is to be alike may be a simulated source in real interferograms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytorch_lightning as pl
import torch
from lightly.models.utils import get_weight_decay_parameters
from lightly.utils.lars import LARS
from lightly.utils.scheduler import cosine_warmup_schedule
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ssl_insar.augment import Extras, View, Views
from ssl_insar.augment import field as fd
from ssl_insar.augment.draw import Draw
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.pretrain.heads import Heads, Truth
from ssl_insar.pretrain.objectives import Objective, build
from ssl_insar.pretrain.pairs import Pairs, inject, pair_up, pattern_of
from ssl_insar.pretrain.processes import ALONE, Processes
from ssl_insar.pretrain.recipe import OptimConfig, Recipe
from ssl_insar.pretrain.signal import OWN_RMS
from ssl_insar.pretrain.sources import Sources
from ssl_insar.pretrain.stock import Stock
from ssl_insar.synth.detectability import MASK_SHARE


class Pretraining(pl.LightningModule):
    """Encoder, objective and pretext heads.

    Args:
        recipe: of the run.
        tile: side of the archive's tiles, px.
        steps_per_epoch: optimiser steps that make an epoch.
        stock: what is injected or added.
        processes: that share the run.
    """

    def __init__(
        self,
        recipe: Recipe,
        tile: int,
        steps_per_epoch: int,
        stock: Stock | None = None,
        processes: Processes = ALONE,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.processes = processes
        self.tile = tile
        self.steps_per_epoch = steps_per_epoch
        self.total = steps_per_epoch * recipe.optim.epochs
        stock = stock or Stock()
        self._donors, self._sources, self._fit = stock
        spec = InputSpec(recipe.model.size, recipe.model.channels)
        self.encoder = Encoder(recipe.model.backbone, spec, None, recipe.model.pool, recipe.model.weights)
        self.encoder.to(memory_format=torch.channels_last)
        kinds = len(stock.sources.kinds) if stock.sources else 1
        self.encoder.keep_maps = bool(recipe.heads.where)
        maps = self.encoder.map_channels if self.encoder.keep_maps else 0
        self.heads = Heads(self.encoder.dimension, maps, kinds, recipe.heads)
        self.average = None
        if recipe.optim.ema:
            mean = get_ema_multi_avg_fn(recipe.optim.ema)  # type: ignore[no-untyped-call]  # torch has no types
            self.average = AveragedModel(self._averaged(), multi_avg_fn=mean, use_buffers=True)
        # Not a module: it would be in the state dict twice. Compiled at its first call, after teacher and
        # average are made of what is not.
        forward = torch.compile(self.encoder.forward) if recipe.model.compile else self.encoder.__call__
        self._encode = cast(Callable[[Tensor], Tensor], forward)
        self.objective: Objective | None = None
        self.views: Views | None = None
        self.told: dict[str, float | Tensor] = {}
        """What the last step has to say besides its loss."""
        self._rank, self._world = 0, 1
        self._random = torch.get_rng_state()

    def setup(self, stage: str) -> None:
        """Lightning's hook: now the number of processes is known."""
        if self.processes.world > 1:
            # Lightning has begun the random numbers anew; heads are to be those of one process.
            torch.set_rng_state(self._random)
        self.prepare(self.processes.rank, self.processes.world).to(self.device)
        if self.processes.world > 1:
            if self.device.type == "cuda":
                self._synchronise()
            # Views and average are the same on all processes without DDP's sending them at every step.
            named = [*self.named_parameters(), *self.named_buffers()]
            own = [name for name, _ in named if name.startswith(("views.", "average."))]
            self._ddp_params_and_buffers_to_ignore = own

    def prepare(self, rank: int = 0, world: int = 1) -> Pretraining:
        """Build what depends on the number of processes: which views are made here, shared negatives."""
        recipe = self.recipe
        self._rank, self._world = rank, world
        # Views are told apart by the place of a tile in the whole batch, so the rank does not count.
        self.views = Views(recipe.views, self.tile, recipe.model.size, recipe.seed, 0, self._donors)
        if self.objective is None:
            self.objective = build(recipe.objective, self.encoder, self.encoder.dimension, recipe.head, world)
        return self

    def _synchronise(self) -> None:
        """Let batch normalisation see the whole batch.

        By timm: what torch, and so Lightning, puts in the place of timm's normalisation with an activation
        has no activation.
        """
        for name in ("encoder", "objective", "average"):
            module = getattr(self, name)
            if module is not None:
                setattr(self, name, convert_sync_batchnorm(module))

    @property
    def kept(self) -> Encoder:
        """The encoder that is watched and saved: the moving average, if there is one."""
        return self.encoder if self.average is None else cast(Encoder, self._mean("encoder"))

    @property
    def kept_heads(self) -> Heads:
        """The heads that go with it."""
        return self.heads if self.average is None else cast(Heads, self._mean("heads"))

    def _mean(self, name: str) -> nn.Module:
        assert self.average is not None
        return self.average.module.get_submodule(name)

    def _averaged(self) -> nn.Module:
        return nn.ModuleDict({"encoder": self.encoder, "heads": self.heads})

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor, Extras], batch_index: int) -> Tensor:
        """Loss of one batch of counts, packed validity, positions and what else is known."""
        counts, valid_bits, positions, extras = batch
        return self.step(fd.from_counts(counts, valid_bits), positions, self.global_step, extras)

    def step(self, tiles: Tensor, positions: Tensor, step: int, extras: Extras | None = None) -> Tensor:
        """Loss of one batch.

        Args:
            tiles: (B + partners, 2, T, T) phasors; partners of the first tiles lie behind the B.
            positions: of them in the archive.
            step: of the run.
            extras: what else is known of them.

        Shape:
            -> scalar
        """
        assert self.objective is not None, "prepare() comes first"
        pairs, sides = self.sides(tiles, positions, step, extras)
        first, second = (self.encoder.spec.assemble(side.phasor, side.coherence) for side in sides)
        outcome = self.objective(self._encode, first, second, step / max(1, self.total))
        losses = {"contrast": self.recipe.heads.contrast * outcome.loss}
        with torch.autocast(tiles.device.type, enabled=False):
            losses |= self.heads(outcome.features, self.encoder.maps, self._truth(pairs, sides))
            total = torch.stack(list(losses.values())).sum()
            if self._world > 1:
                # DDP waits for a gradient of every parameter; a head may have nothing to say in a batch.
                total = total + sum(0.0 * each.sum() for each in self.heads.parameters())
        self.told = {name: loss.detach() for name, loss in losses.items()} | outcome.logs
        return total

    def sides(
        self, tiles: Tensor, positions: Tensor, step: int, extras: Extras | None = None
    ) -> tuple[Pairs, list[View]]:
        """The pairs of one step, and the views of either side.

        They follow from the step, so they can be made again, to be looked at. All processes have to call
        this: they agree on the number of sources, so that each has as many pairs.

        Args:
            tiles: see `step`.
            positions: see `step`.
            step: of the run.
            extras: what else is known of the tiles.
        """
        assert self.views is not None, "prepare() comes first"
        # The order of the tiles says how many partners there are; see `ssl_insar.pretrain.batches`.
        count = min(self.recipe.data.batch_size // self._world, len(tiles))
        pairs = self._pairs(count, len(tiles) - count, positions, step).to(tiles.device)
        reduced = self.views.reduced(tiles)
        extras = extras or Extras()
        sides = [
            self._side(reduced, pairs, number, tile, step, extras)
            for number, tile in enumerate((pairs.first, pairs.second))
        ]
        return pairs, sides

    @property
    def sources(self) -> Sources | None:
        """What `Pairs.source` counts."""
        return self._sources

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Lightning's hook, here so that a checkpoint holds a teacher and an average that have followed."""
        super().optimizer_step(*args, **kwargs)
        assert self.objective is not None
        self.objective.after_step(self.encoder, self.global_step / max(1, self.total))
        if self.average is not None:
            self.average.update_parameters(self._averaged())

    def _pairs(self, count: int, partners: int, positions: Tensor, step: int) -> Pairs:
        generator = Draw(torch.device("cpu"), "pairs", self.recipe.seed, self._rank, step).fields
        config = self.recipe.positives
        fit = torch.zeros(count, dtype=torch.bool)
        if self._fit is not None:
            fit = self._fit[positions[:count].cpu()]
        if self._world > 1 and config.injected:
            # As many pairs on every process, with and without a source: what is gathered has one shape,
            # and the mean of the processes' means is that of the whole batch.
            rows = torch.nonzero(fit)[:, 0]
            number = round(config.injected * self.processes.least(len(rows)))
            fit = torch.zeros_like(fit)
            fit[rows[torch.randperm(len(rows), generator=generator)[:number]]] = True
            config = config.model_copy(update={"injected": 1.0})
        return pair_up(count, partners, fit, config, self._sources, generator)

    def _places(self, count: int) -> Tensor:
        """Places of this process's tiles, or pairs, in the whole batch, as `Batches` deals them out."""
        return torch.arange(count) * self._world + self._rank

    def _side(
        self, reduced: Tensor, pairs: Pairs, number: int, tile: Tensor, step: int, extras: Extras
    ) -> View:
        """The views of one side of all pairs."""
        assert self.views is not None
        # Once; it is no buffer, because a checkpoint need not hold it.
        self._sources = sources = self._sources.to(reduced.device) if self._sources else None
        places = self._places(len(reduced))
        reduced, extras = self.views.rewrapped(reduced, step, number, extras, places)
        mine = reduced[tile]
        if sources is not None:
            mine = torch.cat([inject(mine[:, :2], pairs, sources), mine[:, 2:]], 1)
        known = self._known(pairs, sources, tile, extras, mine)
        return self.views.one(mine, step, number, known, self._places(len(mine)))

    def _known(
        self, pairs: Pairs, sources: Sources | None, tile: Tensor, extras: Extras, like: Tensor
    ) -> Extras:
        """What is known of one side: of its tiles, and of what was put into them."""
        # What is unwrapped has done its work before anything was put in.
        layers = ("height", "deformation", "snr", "own")
        held = {name: getattr(extras, name) for name in layers}
        side = Extras(**{name: None if layer is None else layer[tile] for name, layer in held.items()})
        holding = torch.nonzero(pairs.injected)[:, 0]
        if sources is None or not len(holding):
            return side
        n = len(tile)
        moves = torch.zeros(n, 1, *like.shape[-2:], device=like.device)
        moves[holding, 0] = (pattern_of(pairs, sources, holding).abs() >= MASK_SHARE).float()
        if side.deformation is not None:
            moves = torch.maximum(moves, F.adaptive_max_pool2d(side.deformation.float(), like.shape[-1]))
        nothing = torch.full((n,), torch.nan, device=like.device)
        snr = torch.where(pairs.injected, pairs.snr, nothing if side.snr is None else side.snr)
        own = torch.where(pairs.injected, OWN_RMS, nothing if side.own is None else side.own)
        return side._replace(deformation=moves, snr=snr, own=own)

    def _truth(self, pairs: Pairs, sides: list[View]) -> Truth:
        present = pairs.injected.float()
        kind = torch.full_like(pairs.source, -1)
        if self._sources is not None:
            kinds = self._sources.kind.to(kind.device)
            kind = torch.where(pairs.injected, kinds[pairs.source.clamp_min(0)], kind)
        where = None
        if self.recipe.heads.where and all(side.deformation is not None for side in sides):
            # A tile's own mask is no source; only what was put in counts.
            where = torch.cat([side.deformation for side in sides if side.deformation is not None])[:, 0]
            where = where * present.repeat(2).view(-1, 1, 1)
        return Truth(present.repeat(2), pairs.snr.repeat(2), pairs.peak.repeat(2), kind.repeat(2), where)

    def configure_optimizers(self) -> Any:
        """Optimiser and a schedule that steps with every batch."""
        assert self.objective is not None
        config = self.recipe.optim
        decay, rest = get_weight_decay_parameters([self.encoder, *self.objective.learned, self.heads])
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
