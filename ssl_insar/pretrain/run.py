"""One pretraining run: from a recipe and an archive to an encoder in a run folder."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.strategies import DDPStrategy

from ssl_insar import __version__
from ssl_insar.archive import Archive
from ssl_insar.atomic import check_replaceable, replacing, write_json
from ssl_insar.augment.config import ViewsConfig
from ssl_insar.errors import UserError
from ssl_insar.memory import keep_freed_memory
from ssl_insar.models import Encoder
from ssl_insar.models.card import data_summary
from ssl_insar.models.detector import NO_LABELS, Detector, label_use
from ssl_insar.models.precision import best_device, bf16_helps
from ssl_insar.pretrain.batches import Batches
from ssl_insar.pretrain.callbacks import Checkpoints, Progress, Watch, signals_given_back
from ssl_insar.pretrain.data import loader, usable_tiles
from ssl_insar.pretrain.events import Events, meeting_keys
from ssl_insar.pretrain.imaging import completed
from ssl_insar.pretrain.logs import read_rows
from ssl_insar.pretrain.module import Pretraining
from ssl_insar.pretrain.monitor import Monitor
from ssl_insar.pretrain.processes import Processes, join
from ssl_insar.pretrain.recipe import Recipe, load
from ssl_insar.pretrain.stock import Stock, keep_sources, stock_of, with_sources
from ssl_insar.pretrain.wandb_log import wandb_log

STATE = "run.json"


class Interrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C after its state was saved."""


@dataclass(frozen=True)
class _Plan:
    """What is to be done: which steps of how many; whether it has been, and in how many processes so far."""

    start: int
    total: int
    per_epoch: int
    finished: bool
    before: int


class _Parts(NamedTuple):
    """What the run takes from the archive besides tiles; the first process gathers it for all."""

    keys: NDArray[np.int64] | None
    stock: Stock


def pretrain(
    recipe: Recipe | str | Path | dict[str, Any],
    archive: Archive | str | Path,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    resume: bool | None = None,
    progress: bool = True,
) -> Encoder:
    """Pretrain an encoder on an archive, without labels.

    Started in several processes, by ``torchrun`` or ``srun``, it is one run that they share, of the same
    recipe: ``data.batch_size`` is that of all together. They need to see the same archive and run folder.

    Args:
        recipe: a `Recipe`, a YAML file, the name of a recipe of the package, or a mapping.
        archive: the tiles.
        out: run folder: ``recipe.yaml``, ``loss.csv``, ``monitor.csv``, ``pictures/``, ``checkpoints/``,
            ``encoder/``, and ``detector/`` where sources were injected; its README.txt says what is what.
        overrides: ``section.key=value``, applied to the recipe.
        resume: None: go on with an unfinished run of the same recipe and archive, else start.
            True: go on, also with another number of epochs. False: start afresh.
        progress: draw a progress bar and print the monitors.

    Returns:
        the trained encoder, in eval mode.

    Raises:
        UserError: the recipe or archive is wrong, ``out`` holds another run, or the processes do not fit.
        Interrupted: Ctrl-C or SIGTERM; the state is saved and the same call goes on.
    """
    if not isinstance(recipe, Recipe):
        recipe = load(recipe, overrides)
    elif overrides:
        recipe = load(recipe.model_dump(mode="json"), overrides)
    processes = join()
    if recipe.data.batch_size % processes.world:
        raise UserError(
            f"data.batch_size={recipe.data.batch_size} is that of all {processes.world} processes together; "
            f"--set it to a multiple of {processes.world}"
        )
    progress = progress and processes.first
    archive = archive if isinstance(archive, Archive) else Archive.open(archive)
    folder = Path(out)
    tiles = usable_tiles(archive, recipe.data)
    per_epoch = len(tiles) // recipe.data.batch_size
    total = per_epoch * recipe.optim.epochs
    checkpoint = folder / "checkpoints" / "last.ckpt"
    plan = processes.by_first(lambda: _planned(folder, checkpoint, recipe, archive, resume, per_epoch))
    start = plan.start
    if plan.finished and start >= total and resume is not False:
        if progress:
            print(f"{folder}: already finished; --resume --set optim.epochs=N trains longer", flush=True)
        return Encoder.load(folder)
    if start and progress:
        other = f", in {processes.world} processes instead of {plan.before}"
        told = other if processes.world != plan.before else ""
        print(f"{folder}: going on at step {start} of {total}{told}", flush=True)
    views, whence = completed(recipe.views, archive)
    whole = recipe.model_copy(update={"views": views})
    if progress:
        print(whence, flush=True)
    keep_freed_memory()
    _quiet()
    pl.seed_everything(recipe.seed, verbose=False)
    # What can fail comes before the folder is claimed, so that a mistake can be put right.
    monitor = Monitor(archive, recipe.monitor, folder, recipe.seed, shown=progress)
    keys, stock = processes.by_first(lambda: _parts(whole, archive, folder, progress))
    module = Pretraining(whole, archive.tile, per_epoch, stock, processes)

    def claim() -> None:
        _write_head(folder, recipe, views, archive, len(tiles), plan, processes.world)
        keep_sources(stock, whole, archive.tile, folder)

    def finish(trained: Pretraining | None = None) -> Encoder:
        processes.by_first(lambda: _finish(folder, checkpoint, recipe, views, archive, plan, trained))
        return Encoder.load(folder)

    processes.by_first(claim)
    if start >= total:
        return finish()
    checkpoints = Checkpoints(checkpoint, recipe.checkpoint.every_minutes, total, processes)
    callbacks = [
        Progress(folder, total, start, 2 * recipe.data.batch_size, progress, processes),
        Watch(monitor, recipe.monitor.every_epochs, total, start, processes),
        checkpoints,
    ]
    batches = Batches(
        tiles,
        recipe.data.batch_size,
        total,
        recipe.seed,
        start,
        rank=processes.rank,
        world=processes.world,
        keys=keys,
        events=Events(archive) if recipe.positives.events else None,
        partners=recipe.positives.events,
        dealt=None if stock.fit is None else stock.fit.numpy(),
    )
    with wandb_log(whole, folder) as logger, signals_given_back():
        trainer = pl.Trainer(
            max_steps=total,
            max_epochs=-1,
            precision="bf16-mixed" if _use_bf16(recipe) else "32-true",
            gradient_clip_val=recipe.optim.clip or None,
            callbacks=callbacks,
            logger=logger,
            **_placed(processes),
            use_distributed_sampler=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(
            module,
            loader(archive, batches, recipe.data, views),
            ckpt_path=str(checkpoint) if start else None,
            weights_only=True,
        )
    if checkpoints.interrupted and trainer.global_step < total:
        raise Interrupted(
            f"stopped at step {trainer.global_step} of {total}; the same command goes on from there"
        )
    return finish(module)


def _planned(
    folder: Path, checkpoint: Path, recipe: Recipe, archive: Archive, resume: bool | None, per_epoch: int
) -> _Plan:
    total = per_epoch * recipe.optim.epochs
    start = _start(folder, checkpoint, recipe, archive, resume, total)
    state = _state(folder) or {}
    return _Plan(start, total, per_epoch, bool(state.get("finished")), int(state.get("processes", 1)))


def _parts(recipe: Recipe, archive: Archive, folder: Path, shown: bool) -> _Parts:
    keys = meeting_keys(archive, recipe.data.audit) if recipe.data.apart else None
    stock = with_sources(stock_of(recipe, archive), recipe, archive.tile, folder, shown=shown)
    return _Parts(keys, stock)


def _placed(processes: Processes) -> dict[str, Any]:
    """Arguments of Lightning's Trainer: the processes, and which device each has."""
    plugins = [processes.environment] if processes.environment else None
    if processes.world == 1:
        return {"devices": 1, "plugins": plugins}
    return {
        "accelerator": "cuda" if torch.cuda.is_available() else "cpu",
        "devices": processes.local,
        "num_nodes": processes.nodes,
        "strategy": DDPStrategy(find_unused_parameters=False, gradient_as_bucket_view=True),
        "plugins": plugins,
    }


def _start(
    folder: Path, checkpoint: Path, recipe: Recipe, archive: Archive, resume: bool | None, total: int
) -> int:
    """First step to do, after checking that the run in the folder is this one.

    Raises:
        UserError: the folder holds another run, or something else.
    """
    state = _state(folder)
    if state is None:
        check_replaceable(folder, STATE)
        if resume:
            raise UserError(f"{folder}: no run to resume; leave --resume out to start one")
        return 0
    if resume is False:
        checkpoint.unlink(missing_ok=True)
        shutil.rmtree(folder / "encoder", ignore_errors=True)
        shutil.rmtree(folder / "detector", ignore_errors=True)
        return 0
    if state["archive_digest"] != archive.digest:
        raise UserError(
            f"{folder}: this run is of another archive ({state['archive']}); give --out a new folder"
        )
    same = state["recipe_hash"] == recipe.hash
    longer = state["recipe_hash_without_length"] == recipe.hash_without_length
    if not same and not (resume and longer):
        how = "add --resume to go on with another number of epochs" if longer else "give --out a new folder"
        raise UserError(f"{folder}: this run has another recipe (see its recipe.yaml); {how}, or --no-resume")
    return min(checkpoint_step(checkpoint), total)


def checkpoint_step(checkpoint: Path) -> int:
    """Optimiser steps done in a checkpoint; 0 if there is none.

    Raises:
        UserError: the file is damaged.
    """
    if not checkpoint.exists():
        return 0
    try:
        return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"])
    except Exception as error:  # torch raises many kinds on a damaged file
        raise UserError(
            f"{checkpoint}: damaged checkpoint ({error}); start afresh with --no-resume"
        ) from error


def _write_head(
    folder: Path,
    recipe: Recipe,
    views: ViewsConfig,
    archive: Archive,
    usable: int,
    plan: _Plan,
    processes: int,
) -> None:
    """The files that say what this run is."""
    state = {
        "recipe": recipe.name,
        "recipe_hash": recipe.hash,
        "recipe_hash_without_length": recipe.hash_without_length,
        "archive": str(archive.path.resolve()),
        "archive_digest": archive.digest,
        "tiles": len(archive),
        "usable_tiles": usable,
        "views": _imaging(views),
        "steps": plan.total,
        "steps_per_epoch": plan.per_epoch,
        "processes": processes,
        "ssl_insar": __version__,
        "finished": False,
    }
    write_json(folder / STATE, state)  # first: it makes the folder a run, whatever follows
    (folder / "checkpoints").mkdir(exist_ok=True)
    with replacing(folder / "recipe.yaml") as scratch:
        scratch.write_text(recipe.to_yaml(), encoding="utf-8")


def _finish(
    folder: Path,
    checkpoint: Path,
    recipe: Recipe,
    views: ViewsConfig,
    archive: Archive,
    plan: _Plan,
    module: Pretraining | None = None,
) -> None:
    """Save the encoder and mark the run as finished."""
    if module is None:  # killed between the last checkpoint and this place
        whole = recipe.model_copy(update={"views": views})
        stock = with_sources(stock_of(whole, archive), whole, archive.tile, folder)
        module = Pretraining(whole, archive.tile, plan.per_epoch, stock).prepare()
        module.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"])
    looks = read_rows(folder / "monitor.csv")
    about = module.encoder.card.about | {
        "recipe": recipe.name,
        "recipe_hash": recipe.hash,
        "archive_digest": archive.digest,
        "tiles": len(archive),
        "views": _imaging(views),
        "steps": plan.total,
        "epochs": recipe.optim.epochs,
        "monitor": looks[-1] if looks else {},
        "data": data_summary(archive, recipe.model.size),
        "ssl_insar": __version__,
    }
    if (labels := label_use(recipe)) != NO_LABELS:
        about["labels"] = labels  # by which evaluations refuse it where tiles with labels are scored
    encoder = Encoder(recipe.model.backbone, module.encoder.spec, about, recipe.model.pool)
    encoder.backbone.load_state_dict(module.kept.backbone.state_dict())
    encoder.save(folder / "encoder")
    heads = module.kept_heads
    if heads.presence is not None and recipe.positives.injected:
        Detector.trained_by(recipe, encoder, heads.presence, heads.where).save(folder / "detector")
    state = _state(folder) or {}
    write_json(folder / STATE, state | {"finished": True, "encoder_hash": encoder.hash})


def _imaging(views: ViewsConfig) -> dict[str, float]:
    """What the views took the archive's pixels to be, whoever said it."""
    return {"spacing_m": views.pixel_spacing, "wavelength_m": views.radar_wavelength}


def _state(folder: Path) -> dict[str, Any] | None:
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if not {"recipe_hash", "recipe_hash_without_length", "archive_digest"} <= set(state):
            raise ValueError("keys are missing")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); give --out a new folder") from error
    return dict(state)


def _use_bf16(recipe: Recipe) -> bool:
    return recipe.precision == "bf16" or (recipe.precision == "auto" and bf16_helps(best_device()))


def _quiet() -> None:
    """Silence Lightning's hints about what is done here on purpose."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    for text in (
        ".*does not have many workers.*",
        ".*no `val_dataloader`.*",
        ".*LeafSpec.*",
        ".*exceeds max.*",
        ".*in eval mode at the start.*",  # a teacher
    ):
        warnings.filterwarnings("ignore", text)
