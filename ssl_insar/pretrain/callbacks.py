"""What happens around the training steps: progress, log, checkpoints, monitors, Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from tqdm import tqdm

from ssl_insar.errors import UserError
from ssl_insar.pretrain.logs import CsvLog
from ssl_insar.pretrain.module import Pretraining
from ssl_insar.pretrain.monitor import Monitor
from ssl_insar.progress import bar

LOSS_COLUMNS = ["step", "epoch", "loss", "lr", "images_per_s", "seconds"]


class Progress(pl.Callback):
    """The progress bar and ``loss.csv``: one row a step, images a second over both views."""

    def __init__(self, folder: Path, total: int, start: int, images: int, shown: bool) -> None:
        self.folder = folder
        self.total = total
        self.start = start
        self.images = images
        self.shown = shown
        self._bar: tqdm[Any] | None = None
        self._log: CsvLog | None = None
        self._began = self._last = self._lr = 0.0

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the rate that this step will use; at its end the schedule has moved on."""
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Open bar and log."""
        if trainer.is_global_zero:
            self._log = CsvLog(self.folder / "loss.csv", LOSS_COLUMNS, self.start)
            self._bar = bar(self.total, "pretrain", "step", shown=self.shown, initial=self.start)
        self._began = self._last = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a row; stop with an explanation if the loss is no number."""
        assert isinstance(module, Pretraining)
        loss = float(outputs["loss"])
        step = trainer.global_step - 1
        if not math.isfinite(loss):
            raise UserError(
                f"the loss became {loss} at step {step}; lower optim.lr or set precision=32, "
                "and start afresh with --no-resume"
            )
        if self._log is None or self._bar is None:
            return
        now = time.monotonic()
        rate = self.images / max(now - self._last, 1e-9)
        self._last = now
        epoch = step // module.steps_per_epoch
        lr = self._lr
        row = {
            "step": step,
            "epoch": epoch,
            "loss": loss,
            "lr": lr,
            "images_per_s": round(rate, 1),
            "seconds": round(now - self._began, 2),
        }
        self._log.write(row)
        if trainer.logger:
            trainer.logger.log_metrics({"loss": loss, "lr": lr, "images_per_s": rate}, step)
        self._bar.set_postfix_str(f"epoch {epoch + 1}, loss {loss:.3f}, {rate:.0f} images/s", refresh=False)
        self._bar.update()

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Close bar and log, also after an error."""
        if self._bar is not None:
            self._bar.close()
        if self._log is not None:
            self._log.close()


class Checkpoints(pl.Callback):
    """Saves ``last.ckpt`` every few minutes and at the end; Ctrl-C finishes the step, saves, stops.

    Attributes:
        interrupted: whether Ctrl-C was pressed.
    """

    def __init__(self, path: Path, every_minutes: float, total: int) -> None:
        self.path = path
        self.every = 60.0 * every_minutes
        self.total = total
        self.interrupted = False
        self._saved = 0.0
        self._former: Any = None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Take over Ctrl-C."""
        self._saved = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGINT, self._interrupt)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when it is time to. Always here, so that every checkpoint stands between two steps."""
        due = time.monotonic() - self._saved >= self.every
        if due or self.interrupted or trainer.global_step >= self.total:
            # Lightning writes aside and renames.
            trainer.save_checkpoint(self.path)
            self._saved = time.monotonic()
        if self.interrupted:
            trainer.should_stop = True

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Give Ctrl-C back."""
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)
            self._former = None

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:  # pressed twice: at once
            raise KeyboardInterrupt
        self.interrupted = True
        tqdm.write("stopping after this step (Ctrl-C again: at once, back to the last checkpoint)")


class Watch(pl.Callback):
    """Runs the monitors before training, every few epochs, and after the last step."""

    def __init__(self, monitor: Monitor, every_epochs: int, total: int, start: int) -> None:
        self.monitor = monitor
        self.every = every_epochs
        self.total = total
        self.start = start

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """The state before the first step; a resumed run has it already."""
        if trainer.is_global_zero:
            self.monitor.open(self.start)
            if self.start == 0:
                self._look(trainer, module, 0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at epoch ends that are due, and after the last step."""
        assert isinstance(module, Pretraining)
        step = trainer.global_step
        epoch, rest = divmod(step, module.steps_per_epoch)
        if trainer.is_global_zero and (step >= self.total or (rest == 0 and epoch % self.every == 0)):
            self._look(trainer, module, step)

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Close the log."""
        self.monitor.close()

    def _look(self, trainer: pl.Trainer, module: pl.LightningModule, step: int) -> None:
        assert isinstance(module, Pretraining)
        training = module.training
        module.eval()
        with torch.no_grad():
            row = self.monitor.look(module.encoder, step, step / module.steps_per_epoch)
        module.train(training)
        if trainer.logger:
            trainer.logger.log_metrics({k: v for k, v in row.items() if isinstance(v, float)}, step)
