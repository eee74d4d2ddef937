"""How many epochs fit into the minutes given: measured here, not assumed."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import yaml

from ssl_insar.archive import Archive
from ssl_insar.augment import field as fd
from ssl_insar.memory import keep_freed_memory
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.pretrain.batches import Batches
from ssl_insar.pretrain.data import TileDataset, usable_tiles
from ssl_insar.pretrain.module import Pretraining
from ssl_insar.pretrain.recipe import Recipe

_WARM_UP, _TIMED = 2, 4
_SHARE = 0.9
"""Of the minutes given; the rest is for the monitors."""


def epochs_for(recipe: Recipe, archive: Archive, minutes: float) -> int:
    """Number of epochs that take about ``minutes``, from the time of a few real steps."""
    tiles = usable_tiles(archive, recipe.data)
    per_epoch = len(tiles) // recipe.data.batch_size
    seconds = _seconds_a_step(recipe, archive)
    return max(1, int(_SHARE * 60.0 * minutes / (seconds * per_epoch)))


def epochs_of_run(folder: Path) -> int | None:
    """Epochs of a run begun earlier, so that the same command goes on with it."""
    path = folder / "recipe.yaml"
    if not path.exists():
        return None
    resolved: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return int(resolved["optim"]["epochs"])


def _seconds_a_step(recipe: Recipe, archive: Archive) -> float:
    """Time of a training step: views, forward, backward, update."""
    keep_freed_memory()
    device = best_device()
    tiles = usable_tiles(archive, recipe.data)
    module = Pretraining(recipe, archive.tile, len(tiles)).prepare(rank=0, world=1).to(device).train()
    optimizer = torch.optim.AdamW(module.parameters())
    dataset = TileDataset(archive)
    batches = Batches(tiles, recipe.data.batch_size, _WARM_UP + _TIMED, recipe.seed)
    began = 0.0
    for step, batch in enumerate(batches):
        if step == _WARM_UP:
            began = time.monotonic()
        counts, valid_bits, positions = (t.to(device) for t in dataset.__getitems__(batch)[:3])
        with autocast(device) if recipe.precision != "32" else nullcontext():
            loss = module.step(fd.from_counts(counts, valid_bits), positions, step)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        loss.item()  # waits for the device
    return (time.monotonic() - began) / _TIMED
