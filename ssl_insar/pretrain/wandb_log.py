"""The Weights & Biases record of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ssl_insar.pretrain.recipe import Recipe

if TYPE_CHECKING:
    from pytorch_lightning.loggers import WandbLogger


@contextmanager
def wandb_log(recipe: Recipe, folder: Path) -> Iterator[WandbLogger | Literal[False]]:
    """Lightning's logger for ``log.wandb``, or False where that is off; offline needs no account.

    wandb keeps one current run a process, and Lightning's logger takes whichever it finds. So the run is
    finished here, failed if training raised: else the next `pretrain` of the process would write into it.
    A run that the caller has begun is used and left open: it is theirs.

    Args:
        recipe: what is trained; all of it becomes the record's configuration.
        folder: the run folder; the record lies in ``wandb/`` there and has the folder's name.
    """
    if recipe.log.wandb == "off":
        yield False
        return
    import wandb  # slow to import, and most runs have it off
    from pytorch_lightning.loggers import WandbLogger

    callers = wandb.run
    failed = True
    try:
        yield WandbLogger(
            name=folder.name,
            project=recipe.log.project,
            save_dir=str(folder),
            offline=recipe.log.wandb == "offline",
            config=recipe.model_dump(mode="json"),
        )
        failed = False
    finally:
        if callers is None and wandb.run is not None:
            wandb.finish(exit_code=int(failed))
