"""Options that the commands of the baselines share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from evaluation.baselines.loop import Settings
from evaluation.running import gathered
from ssl_insar.archive import Archive

Command = Callable[..., Any]
_FOLDER = click.Path(path_type=Path)


@dataclass(frozen=True)
class Training:
    """What the command line says of the training of a network; see `training`.

    Attributes:
        folder: for the run; None: beside what is written.
        epochs: passes over the tiles.
        batch_size: tiles a step.
        backbone: name of a timm model.
        size: side of the input, px.
        seed: of weights, batches and views.
    """

    folder: Path | None
    epochs: int
    batch_size: int
    backbone: str
    size: int
    seed: int

    def settings(self, views: int, weight_decay: float = 0.0) -> Settings:
        """What the training loop takes."""
        return Settings(self.epochs, self.batch_size, views, weight_decay=weight_decay, seed=self.seed)

    def run_folder(self, out: Path) -> Path:
        """Where the training of something lies that is written to ``out``."""
        return self.folder or out.with_name(f"{out.name}.training")


def seed(command: Command) -> Command:
    """``--seed``."""
    return click.option("--seed", type=click.IntRange(0), default=0, show_default=True)(command)


def archives(command: Command) -> Command:
    """``--archive`` and ``--out``, a folder of embeddings."""
    for option in (
        click.option("--out", required=True, type=_FOLDER, help="Folder for the embeddings."),
        click.option("--archive", required=True, type=_FOLDER, help="Archive to embed."),
    ):
        command = option(command)
    return command


def trained_on(command: Command) -> Command:
    """``--trained-on``, for transfer from one archive to another."""
    return click.option(
        "--trained-on", type=_FOLDER, help="Archive to learn from, without labels; default: --archive."
    )(command)


def source(trained_on: Path | None, tiles: Archive) -> tuple[Archive, str]:
    """The archive to learn from, and words for the provenance where that is another than the one embedded."""
    if trained_on is None:
        return tiles, ""
    return Archive.open(trained_on), f", trained on {trained_on.name}"


def training(batch_size: int, epochs: int) -> Callable[[Command], Command]:
    """Options that reach the command as one `Training`, with such defaults."""

    def add(command: Command) -> Command:
        command = seed(gathered(Training, command))
        positive = click.IntRange(1)
        for option in (
            click.option("--size", default=96, show_default=True, type=click.IntRange(32), help="Input, px."),
            click.option("--backbone", default="resnet18", show_default=True, help="Name of a timm model."),
            click.option("--batch-size", default=batch_size, show_default=True, type=click.IntRange(2)),
            click.option("--epochs", default=epochs, show_default=True, type=positive),
            click.option(
                "--run",
                "folder",
                type=_FOLDER,
                help="Folder for the training, which another call of the same settings goes on with or uses; "
                "default: beside --out.",
            ),
        ):
            command = option(command)
        return command

    return add
