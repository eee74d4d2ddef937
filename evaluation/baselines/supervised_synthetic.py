"""What a user without labels would otherwise do: learn the kinds of sources from simulated interferograms.

    python -m evaluation.baselines.supervised_synthetic --archive A --out EMB [--seed S] [--simulated SIM]

Simulates an archive by a preset of the simulator, trains the backbone to tell the kind of its source (none,
Mogi, dyke, ...) with our views, and embeds the archive by the layer before the last. Its own score of
deformation, 1 - p(none), goes to a CSV, keyed by tile. No label of the archive is used.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from evaluation.baselines import options
from evaluation.baselines.classifier import Classifier, train_classifier
from evaluation.baselines.embedding import embed
from evaluation.running import run
from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.synth.archive import simulate_archive
from ssl_insar.synth.truth import NONE

NAME = "supervised-synthetic"


def kinds_of(simulated: Archive) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the kinds of sources, ``none`` first, and the number of each simulated tile's kind.

    Raises:
        UserError: only one kind, or no tile without a source.
    """
    kinds = simulated.catalogue[LABEL_PREFIX + "source"].astype(str)
    held = sorted(set(kinds))
    if NONE not in held or len(held) < 2:
        raise UserError(
            f"{simulated.path}: the only kinds of source are {', '.join(held)}, and it takes '{NONE}' and "
            "another; give a larger --count"
        )
    names = [NONE, *(name for name in held if name != NONE)]
    return names, kinds.map(names.index).to_numpy(np.int64)


def write_scores(archive: Archive, logits: NDArray[np.float64], names: list[str], path: Path) -> None:
    """A row a tile: its ``id``, ``score`` = 1 - p(none), and the probability of each kind.

    Shape:
        logits (N, K), of which none is the first
    """
    chances = softmax(logits, axis=1)
    table = pd.DataFrame({"id": archive.catalogue["id"], "score": chances[:, 1:].sum(axis=1)})
    for name, chance in zip(names, chances.T, strict=True):
        table[f"p_{name}"] = chance
    with replacing(path) as scratch:
        table.to_csv(scratch, index=False, float_format="%.6g")


@click.command(epilog="\b\nThe same command again goes on where it was interrupted.")
@options.archives
@options.training(batch_size=128, epochs=40)
@click.option("--preset", default="volcanoes", show_default=True, help="Of the simulator: name or YAML.")
@click.option("--count", default=4000, show_default=True, type=click.IntRange(2), help="Scenes to simulate.")
@click.option(
    "--simulated",
    type=click.Path(path_type=Path),
    help="Where they lie, for other seeds to use, too; made if absent. Default: beside the training.",
)
@click.option("--scores", type=click.Path(path_type=Path), help="CSV of 1 - p(none); default: beside --out.")
def command(
    asked: options.Training,
    archive: Path,
    out: Path,
    preset: str,
    count: int,
    simulated: Path | None,
    scores: Path | None,
) -> None:
    """Train on simulated sources, and embed and score an archive with that."""
    tiles = Archive.open(archive)
    work = asked.run_folder(out)
    # The same scenes for every seed: seeds are to tell how much the training varies.
    made = simulate_archive(
        preset, simulated or work.with_name(f"{work.name}-scenes"), count=count, size=tiles.tile
    )
    names, codes = kinds_of(made)
    net = Classifier(asked.backbone, asked.size, len(names), asked.seed)
    settings = asked.settings(views=1, weight_decay=1e-4)
    train_classifier(net, made, codes, settings, work, {"baseline": NAME, "kinds": names})
    # As a run of ssl-insar pretrain has it, so that ``--encoder`` takes this folder, too.
    net.encoder.save(work / "encoder")
    how = f"{len(made):,} scenes of {preset}, {asked.epochs} epochs, seed {asked.seed}"
    name = f"{NAME} ({asked.backbone}, {asked.size} px, {how})"
    found = embed(tiles, lambda index: net.encoder.embed_tiles(tiles, index), name, net.encoder.hash, out)
    table = scores or out.with_name(f"{out.name}.scores.csv")
    write_scores(tiles, net.logits(tiles, np.arange(len(tiles))), names, table)
    click.echo(f"{out}: {len(found):,} tiles, {found.matrix.shape[1]} features each; scores in {table}")


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
