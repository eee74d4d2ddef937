"""The one training loop of all baselines: Adam and a cosine, resumed exactly, safe against Ctrl-C.

Whatever a step draws follows from (seed, step), so that a resumed run is an uninterrupted one.
"""

from __future__ import annotations

import dataclasses
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ssl_insar.atomic import check_replaceable, replacing, write_json
from ssl_insar.errors import UserError
from ssl_insar.memory import keep_freed_memory
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.pretrain.batches import Batches
from ssl_insar.pretrain.logs import CsvLog
from ssl_insar.progress import bar

STATE = "run.json"
"""Marks a run folder; as in a run of ``ssl-insar pretrain``, it says ``finished`` when it is."""
COLUMNS = ["step", "epoch", "loss", "lr", "images_per_s"]
_CHECKPOINT = "last.pt"
_SAVE_SECONDS = 120.0


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
    """Train a network, or go on where the same call was interrupted, or load what it came to.

    The folder gets ``run.json`` (``about``, settings, and at the end ``images`` and ``images_per_s``, over
    views), ``loss.csv`` and the last checkpoint.

    Args:
        net: moved to the best device and trained in place; on return in eval mode.
        loss: of a batch: positions of its tiles and the step -> scalar. It runs under autocast and does
            its own sums in float32.
        tiles: positions to draw from.
        settings: see `Settings`.
        folder: of the run.
        about: what else the outcome depends on; a run that was begun otherwise is refused.
        shown: draw a progress bar.

    Returns:
        the content of ``run.json``.

    Raises:
        UserError: less than a batch, the folder holds something else, or the loss is no number.
        click.Abort: Ctrl-C; the state is saved, and the same call goes on.
    """
    per_epoch = len(tiles) // settings.batch_size
    if per_epoch < 1:
        raise UserError(
            f"{len(tiles)} usable tiles are less than a batch; give --batch-size {max(2, len(tiles) // 4)}"
        )
    total = per_epoch * settings.epochs
    about = json.loads(json.dumps(about | dataclasses.asdict(settings) | {"tiles": len(tiles)}))
    _claim(folder, about)
    keep_freed_memory()
    device = best_device()
    net.to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), settings.lr, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    parts = {"net": net, "optimizer": optimizer, "schedule": schedule}
    start, seconds = _restore(folder / _CHECKPOINT, parts)
    net.train()
    log = CsvLog(folder / "loss.csv", COLUMNS, start)
    images = settings.views * settings.batch_size
    saved = time.monotonic()
    batches = Batches(tiles, settings.batch_size, total, settings.seed, start)
    try:
        with _finishing_steps() as stop, bar(total, "train", "step", shown=shown, initial=start) as progress:
            for step, positions in enumerate(batches, start):
                began = time.monotonic()
                rate = optimizer.param_groups[0]["lr"]
                with autocast(device):
                    value = loss(positions, step)
                optimizer.zero_grad()
                torch.autograd.backward(value)
                optimizer.step()
                schedule.step()
                number = float(value.detach())
                if not math.isfinite(number):
                    raise UserError(f"{folder}: the loss became {number} at step {step}; lower --lr")
                took = time.monotonic() - began
                seconds += took
                epoch = step // per_epoch
                log.write(
                    dict(zip(COLUMNS, (step, epoch, number, rate, round(images / took, 1)), strict=True))
                )
                progress.set_postfix_str(f"epoch {epoch + 1}, loss {number:.3f}", refresh=False)
                progress.update()
                done = step + 1
                if stop.is_set() or done == total or time.monotonic() - saved >= _SAVE_SECONDS:
                    _save(folder / _CHECKPOINT, parts, done, seconds)
                    saved = time.monotonic()
                if stop.is_set() and done < total:
                    click.echo(f"stopped at step {done} of {total}; the same command goes on", err=True)
                    raise click.Abort
    finally:
        log.close()
    net.eval()
    seen = total * images
    state = about | {"images": seen, "images_per_s": round(seen / seconds, 1), "finished": True}
    write_json(folder / STATE, state)
    return state


def _claim(folder: Path, about: dict[str, Any]) -> None:
    """Take a new folder, or one begun by the same call."""
    path = folder / STATE
    check_replaceable(folder, STATE)
    if not path.exists():
        write_json(path, about | {"finished": False})
        return
    try:
        held = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); give --run a new folder") from error
    differs = [f"{key} {held.get(key)}" for key, value in about.items() if held.get(key) != value]
    if differs:
        raise UserError(
            f"{folder}: holds a run with other settings ({', '.join(differs)}); give --run a new folder"
        )


def _save(path: Path, parts: dict[str, Any], done: int, seconds: float) -> None:
    states = {name: part.state_dict() for name, part in parts.items()}
    with replacing(path) as scratch:
        torch.save(states | {"done": done, "seconds": seconds}, scratch)


def _restore(path: Path, parts: dict[str, Any]) -> tuple[int, float]:
    """Steps done, and seconds they took."""
    if not path.exists():
        return 0, 0.0
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(held[name])
        return int(held["done"]), float(held["seconds"])
    except Exception as error:  # torch raises many kinds on a damaged file
        line = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: damaged checkpoint ({line}); remove its folder and train again") from error


@contextmanager
def _finishing_steps() -> Iterator[threading.Event]:
    """Set when Ctrl-C is pressed, for the loop to heed between two steps; pressed twice it stops at once."""
    stop = threading.Event()

    def heed(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    former = signal.signal(signal.SIGINT, heed)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, former)
