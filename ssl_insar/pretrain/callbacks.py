"""What happens around the training steps: progress, log, checkpoints, monitors, Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger
from tqdm import tqdm

from ssl_insar.augment import Views
from ssl_insar.errors import UserError
from ssl_insar.pretrain import pictures
from ssl_insar.pretrain.health import COLLAPSED, collapse, cure
from ssl_insar.pretrain.logs import CsvLog, write_guide
from ssl_insar.pretrain.module import Pretraining
from ssl_insar.pretrain.monitor import Monitor
from ssl_insar.pretrain.processes import ALONE, Processes
from ssl_insar.progress import bar

LOSS_COLUMNS = ["step", "epoch", "loss", "lr", "images_per_s", "seconds"]
"""First columns of ``loss.csv``; what else the module tells of a step follows."""
_GO, _SAVE, _STOP = range(3)
"""What a process wishes after a step; the largest wish of all is done by all."""
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_BOUNCE = 1.0
"""Seconds within which two signals are one: a launcher passes on what the terminal has sent as well."""
PATIENCE = 50
"""Steps for which the objective's projections may have collapsed."""


@dataclass(eq=False)
class Progress(pl.Callback):
    """The progress bar and ``loss.csv``: one row a step, images a second over both views.

    What the module tells besides the loss has columns of its own, which join the file when they are
    first heard of: a head may have nothing to say in a batch without sources. See `CsvLog` for a run
    that is resumed with other columns.

    If several processes share the run, what is told is the mean over them; the first one writes it down.

    Args:
        folder: of the run.
        total: steps of the run.
        start: first step.
        images: views a step, over all processes.
        shown: draw the bar.
        processes: that share the run.
    """

    folder: Path
    total: int
    start: int
    images: int
    shown: bool
    processes: Processes = ALONE

    def __post_init__(self) -> None:
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
        loss, *values = self.processes.mean([float(outputs["loss"]), *map(float, module.told.values())])
        told = dict(zip(module.told, values, strict=True))
        # The same for all, so that what is concluded from it is concluded by all.
        module.told = {**told}
        step = trainer.global_step - 1
        if not math.isfinite(loss):
            parts = [name for name, value in told.items() if not math.isfinite(value)]
            raise UserError(
                f"the loss became {loss} at step {step} (in: {', '.join(parts) or 'the sum'}); "
                "lower optim.lr or set precision=32, and start afresh with --no-resume"
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
        self._log.write(row | told)
        if trainer.logger:
            trainer.logger.log_metrics({"loss": loss, "lr": lr, "images_per_s": rate, **told}, step)
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

    So does SIGTERM, by which SLURM and torchrun end a run. A signal to one of several processes stops all;
    when it is time to save, says the clock of the first.

    Attributes:
        interrupted: whether the run was stopped so.
    """

    def __init__(self, path: Path, every_minutes: float, total: int, processes: Processes = ALONE) -> None:
        self.processes = processes
        self.path = path
        self.every = 60.0 * every_minutes
        self.total = total
        self.interrupted = False
        self._saved = 0.0
        self._signalled = -math.inf

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Take over Ctrl-C, until `signals_given_back`."""
        self._saved = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for number in _STOPPING:
                signal.signal(number, self._interrupt)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when it is time to. Always here, so that every checkpoint stands between two steps."""
        due = self.processes.first and time.monotonic() - self._saved >= self.every
        wish = self.processes.most(_STOP if math.isfinite(self._signalled) else _SAVE if due else _GO)
        self.interrupted = wish == _STOP
        if wish != _GO or trainer.global_step >= self.total:
            # Lightning writes aside and renames.
            trainer.save_checkpoint(self.path)
            self._saved = time.monotonic()
        if self.interrupted:
            trainer.should_stop = True

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        before, self._signalled = self._signalled, time.monotonic()
        if self._signalled - before > _BOUNCE and math.isfinite(before):  # pressed twice: at once
            raise KeyboardInterrupt
        if self.processes.first and not math.isfinite(before):
            tqdm.write("stopping after this step (Ctrl-C again: at once, back to the last checkpoint)")


@contextmanager
def signals_given_back() -> Iterator[None]:
    """Put the handlers of Ctrl-C and SIGTERM back as they were, however training ends.

    A callback cannot: its ``teardown`` is left out when training raises, and comes after Lightning has put
    back its own, so that what the callback found would be Lightning's, which heeds no SIGTERM and keeps the
    whole run in memory.
    """
    if threading.current_thread() is not threading.main_thread():  # Python lets no other set handlers
        yield
        return
    former = {number: signal.getsignal(number) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in former.items():
            if handler is not None:  # set by other than Python, which cannot set it again
                signal.signal(number, handler)


class Watch(pl.Callback):
    """Looks before training, every few epochs and after the last step; stops a run that has collapsed.

    Looks take nothing from the training's random numbers and leave its state alone. If several processes
    share the run, the first one looks and the others wait.
    """

    def __init__(
        self, monitor: Monitor, every_epochs: int, total: int, start: int, processes: Processes = ALONE
    ) -> None:
        self.processes = processes
        self.monitor = monitor
        self.every = every_epochs
        self.total = total
        self.start = start
        self._views: Views | None = None
        self._first_spread: float | None = None
        self._alike = 0

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Open the log, say what the folder holds."""
        if trainer.is_global_zero:
            if self.start == 0:
                pictures.clear(self.monitor.folder)
            self.monitor.open(self.start)
            write_guide(self.monitor.folder)

    def on_train_batch_start(
        self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The state before the first step; a resumed run has it already."""
        if trainer.global_step == self.start == 0:
            self._look(trainer, module, 0, batch)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at epoch ends that are due, and after the last step."""
        assert isinstance(module, Pretraining)
        step = trainer.global_step
        self._check_spread(module, step)
        epoch, rest = divmod(step, module.steps_per_epoch)
        if step >= self.total or (rest == 0 and epoch % self.every == 0):
            self._look(trainer, module, step, batch)

    def teardown(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        """Close the log."""
        self.monitor.close()

    def _check_spread(self, module: Pretraining, step: int) -> None:
        """Stop between two looks when the projections have long been alike, more so than at first.

        Features need not show it: behind a head that gives one answer to everything they get no gradient.

        Raises:
            UserError: they have.
        """
        spread = float(module.told.get("spread", math.inf))
        if self._first_spread is None:
            self._first_spread = spread
        flat = module.recipe.heads.contrast > 0 and spread < min(COLLAPSED, self._first_spread)
        self._alike = self._alike + 1 if flat else 0
        if self._alike >= PATIENCE:
            objective = module.recipe.objective.name
            raise UserError(
                f"the projections collapsed by step {step}: for {PATIENCE} steps they have been alike for "
                f"all tiles (spread {spread:.2g}, healthy about 1, {self._first_spread:.2g} at first), so "
                f"the loss teaches nothing; {cure(objective)}, and start afresh with --no-resume"
            )

    def _look(self, trainer: pl.Trainer, module: pl.LightningModule, step: int, batch: Any) -> None:
        """Measure, draw, and stop the run if there is nothing left to train.

        Raises:
            UserError: the features collapsed.
        """
        assert isinstance(module, Pretraining)
        monitor = self.monitor
        shown = None
        if self._due(monitor.config.pictures_every, step, step / module.steps_per_epoch):
            # The step whose batch this is: the one just done, or, before training, the first.
            shown = pictures.pairs_shown(module, batch, max(step - 1, 0), monitor.archive.catalogue)
        self.processes.by_first(lambda: self._measure(trainer, module, step, shown))

    def _measure(self, trainer: pl.Trainer, module: Pretraining, step: int, shown: Any) -> None:
        """What one process does for all; ``shown``: pairs to draw, None for no pictures."""
        monitor, folder = self.monitor, self.monitor.folder
        epoch = step / module.steps_per_epoch
        training = module.training
        module.eval()
        probe = self._due(monitor.config.probe_every, step, epoch)
        look = monitor.look(module.kept, step, epoch, self._unseen(module), probe=probe)
        if trainer.logger:
            numbers = {name: value for name, value in look.row.items() if isinstance(value, float)}
            trainer.logger.log_metrics(numbers, step)
        if shown is not None:
            number = round(epoch)
            paths = {
                "views": pictures.save_views(shown, folder, number),
                "neighbours": pictures.save_neighbours(
                    monitor.archive, monitor.sample, look.features, monitor.label, folder, number
                ),
            }
            if isinstance(trainer.logger, WandbLogger):
                for name, path in paths.items():
                    trainer.logger.log_image(name, [str(path)], step)
        module.train(training)
        before = monitor.before
        if step and before is not None:
            recipe = module.recipe
            std, rank = look.row["feature_std"], look.row["rank_me"]
            why = collapse(std, rank, before, recipe.objective.name, whole=recipe.heads.contrast > 0)
            if why is not None:
                raise UserError(
                    f"the features collapsed by step {step}: {why}; start afresh with --no-resume"
                )

    def _due(self, every: int, step: int, epoch: float) -> bool:
        """Whether what is done at every n-th look, 0 for never, and at the last one, is due."""
        return every > 0 and (step >= self.total or round(epoch / self.every) % every == 0)

    def _unseen(self, module: Pretraining) -> Views:
        """Views by the recipe that no step of the training sees: those of a process that there is not."""
        if self._views is None:
            own = module.views
            assert own is not None
            self._views = Views(own.config, module.tile, own.size, own.seed, -1, own.bank, compiled=False)
        return self._views.to(module.device)
