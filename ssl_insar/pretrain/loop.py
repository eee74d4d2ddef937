"""A plain training loop for whatever is no pretraining run: resumed exactly, safe against Ctrl-C.

Fine-tuning and the baselines of ``evaluation/`` share it. Whatever a step draws follows from (seed, step), so
that a resumed run is an uninterrupted one.
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click
import torch
from torch import Tensor, nn

from ssl_insar.atomic import check_replaceable, replacing, write_json
from ssl_insar.errors import UserError
from ssl_insar.memory import keep_freed_memory
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.pretrain.logs import CsvLog
from ssl_insar.progress import bar

STATE = "run.json"
"""Marks a run folder; as in a run of ``ssl-insar pretrain``, it says ``finished`` when it is."""
COLUMNS = ["step", "epoch", "loss", "lr", "images_per_s"]
_CHECKPOINT = "last.pt"
_SAVE_SECONDS = 120.0


class Stateful(Protocol):
    """What a checkpoint can hold."""

    def state_dict(self) -> dict[str, Any]:
        """Its state, as tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any], /) -> object:
        """Take up what `state_dict` gave."""


@dataclass(frozen=True)
class Course:
    """How a training goes.

    Attributes:
        steps_per_epoch: and
        epochs: their product is the number of steps.
        batches: first step -> the batches from that step on; what a batch is follows from its step.
        images: that the network sees in a step.
        optimizer: of the network's parameters.
        schedule: of the optimizer, advanced every step.
        look: called before the first step of each epoch and after the last of all, with the number of
            epochs done, and more than once where a run was stopped there; True ends the training.
        parts: what else a checkpoint must hold.
    """

    steps_per_epoch: int
    epochs: int
    batches: Callable[[int], Iterable[list[int]]]
    images: int
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    look: Callable[[int], bool] = lambda _: False
    parts: dict[str, Stateful] = field(default_factory=dict)


def train(
    net: nn.Module,
    loss: Callable[[list[int], int], Tensor],
    course: Course,
    folder: Path,
    about: dict[str, Any],
    *,
    shown: bool = True,
    what: str = "train",
    remedy: str = "give --run a new folder",
) -> dict[str, Any]:
    """Train a network, or go on where the same call was interrupted, or load what it came to.

    The folder gets ``run.json`` (``about``, and at the end ``images`` and ``images_per_s``, over views),
    ``loss.csv`` and the last checkpoint.

    Args:
        net: moved to the best device and trained in place; on return in eval mode.
        loss: of a batch: positions of its tiles and the step -> scalar. It runs under autocast and does
            its own sums in float32.
        course: see `Course`.
        folder: of the run.
        about: what the outcome depends on; a run that was begun otherwise is refused.
        shown: draw a progress bar.
        what: it is called there.
        remedy: what to do about a folder that holds another run, for the message.

    Returns:
        the content of ``run.json``.

    Raises:
        UserError: the folder holds something else, or the loss is no number.
        click.Abort: Ctrl-C; the state is saved, and the same call goes on.
    """
    total = course.steps_per_epoch * course.epochs
    about = json.loads(json.dumps(about))
    _claim(folder, about, remedy)
    keep_freed_memory()
    device = best_device()
    net.to(device).to(memory_format=torch.channels_last)
    parts: dict[str, Any] = {"net": net, "optimizer": course.optimizer, "schedule": course.schedule}
    parts |= course.parts
    done, seconds = _restore(folder / _CHECKPOINT, parts)
    net.train()
    log = CsvLog(folder / "loss.csv", COLUMNS, done)
    saved = time.monotonic()
    try:
        with _finishing_steps() as stop, bar(total, what, "step", shown=shown, initial=done) as progress:
            for step, positions in enumerate(course.batches(done), done):
                epoch, inside = divmod(step, course.steps_per_epoch)
                if not inside and course.look(epoch):
                    break
                began = time.monotonic()
                rate = course.optimizer.param_groups[0]["lr"]
                with autocast(device):
                    value = loss(positions, step)
                course.optimizer.zero_grad()
                torch.autograd.backward(value)
                course.optimizer.step()
                course.schedule.step()
                number = float(value.detach())
                if not math.isfinite(number):
                    raise UserError(f"{folder}: the loss became {number} at step {step}; lower --lr")
                took = time.monotonic() - began
                seconds += took
                speed = round(course.images / took, 1)
                log.write(dict(zip(COLUMNS, (step, epoch, number, rate, speed), strict=True)))
                progress.set_postfix_str(f"epoch {epoch + 1}, loss {number:.3f}", refresh=False)
                progress.update()
                done = step + 1
                if stop.is_set() or time.monotonic() - saved >= _SAVE_SECONDS:
                    _save(folder / _CHECKPOINT, parts, done, seconds)
                    saved = time.monotonic()
                if stop.is_set() and done < total:
                    click.echo(f"stopped at step {done} of {total}; the same command goes on", err=True)
                    raise click.Abort
            else:
                course.look(course.epochs)
            _save(folder / _CHECKPOINT, parts, done, seconds)
    finally:
        log.close()
    net.eval()
    seen = done * course.images
    rate = round(seen / seconds, 1) if seconds else 0.0
    state = about | {"images": seen, "images_per_s": rate, "finished": True}
    write_json(folder / STATE, state)
    return state


def _claim(folder: Path, about: dict[str, Any], remedy: str) -> None:
    """Take a new folder, or one begun by the same call."""
    path = folder / STATE
    check_replaceable(folder, STATE)
    if not path.exists():
        write_json(path, about | {"finished": False})
        return
    try:
        held = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); {remedy}") from error
    differs = [f"{key} {held.get(key)}" for key, value in about.items() if held.get(key) != value]
    if differs:
        raise UserError(f"{folder}: holds a run with other settings ({', '.join(differs)}); {remedy}")


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
