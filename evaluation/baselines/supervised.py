"""A network trained from random weights on an archive's labels, scored at volcanoes that it has not seen.

    python -m evaluation.baselines.supervised --archive A --out scores.csv [--labels L] [--seed S]

One network a fold, no volcano on both sides; classes weigh the same, as in the linear probe. Epochs, rate
and views are fixed beforehand: nothing is chosen on the tiles that are scored. It has seen labels, so it
gives scores of tiles and no embedding: in each fold the log-odds in units of their spread over the training
tiles (`ssl_insar.classify.linear_probe.spread_units`), as for every probe, so that folds can be ranked
together.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.baselines import options
from evaluation.baselines.classifier import Classifier, train_classifier
from evaluation.baselines.embedding import digest_of
from evaluation.baselines.loop import Settings
from evaluation.running import run
from ssl_insar.archive import Archive
from ssl_insar.archive.groups import PROTOCOLS, Fold, groups_of, is_binary, make_folds
from ssl_insar.archive.labels import attach, known, labels_in
from ssl_insar.atomic import replacing
from ssl_insar.classify import evaluate
from ssl_insar.classify.frozen import one_side
from ssl_insar.classify.linear_probe import spread_units

NAME = "supervised"


def out_of_fold(
    archive: Archive,
    rows: NDArray[np.int64],
    y: NDArray[np.int64],
    folds: list[Fold],
    settings: Settings,
    folder: Path,
    backbone: str,
    size: int,
    *,
    shown: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scores by networks that have seen no tile of the volcano.

    Args:
        archive: the tiles.
        rows: positions of those labelled, (n,).
        y: their class, (n,) 0 ... K - 1.
        folds: numbers of ``rows`` to train on, and to score.
        settings: see `Settings`.
        folder: of the runs, one a fold.
        backbone: name of a timm model.
        size: side of the input, px.
        shown: draw progress bars.

    Returns:
        (n,) score of class 1 of two, else (n, K), in spread units; and the fold of each tile, (n,).
    """
    classes = int(y.max()) + 1
    scores = np.full((len(y), classes) if classes > 2 else len(y), np.nan)
    fold_of = np.full(len(y), -1)
    for number, (train, test) in enumerate(folds):
        codes = np.full(len(archive), -1)
        codes[rows[train]] = y[train]
        counts = np.bincount(y[train], minlength=classes)
        net = Classifier(backbone, size, classes, settings.seed)
        # A hash of the labels, so that a run of others is not gone on with.
        about = {"baseline": NAME, "fold": number, "labels": digest_of("codes", {"codes": codes})}
        weights = (len(train) / (classes * counts)).tolist()
        train_classifier(
            net, archive, codes, settings, folder / f"fold-{number}", about, weights=weights, shown=shown
        )
        seen, unseen = (one_side(net.logits(archive, rows[part])) for part in (train, test))
        scores[test] = spread_units(unseen, seen)
        fold_of[test] = number
    return scores, fold_of


@click.command(epilog="\b\nThe same command again goes on where it was interrupted.")
@click.option("--archive", required=True, type=click.Path(path_type=Path), help="Archive of labelled tiles.")
@click.option("--labels", type=click.Path(path_type=Path), help="Labels; default: those in the archive.")
@click.option("--target", help="Label column; needed when there are several.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV of scores.")
@click.option("--protocol", type=click.Choice(PROTOCOLS), default=PROTOCOLS[0], show_default=True)
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2))
@options.training(batch_size=128, epochs=20)
def command(
    asked: options.Training,
    archive: Path,
    labels: Path | None,
    target: str | None,
    out: Path,
    protocol: str,
    folds: int,
) -> None:
    """Train from scratch on labels, and score each tile by a network that has not seen its volcano."""
    tiles = Archive.open(archive)
    series = (
        attach(tiles.catalogue, labels, target, tile=tiles.tile)
        if labels
        else labels_in(tiles.catalogue, target)
    )
    mask, values = known(series)
    rows = np.flatnonzero(mask)
    groups = groups_of(tiles.catalogue)[rows]
    names, y = np.unique(values, return_inverse=True)
    splits = make_folds(values, groups, protocol, folds, asked.seed)
    settings, work = asked.settings(views=1, weight_decay=1e-4), asked.run_folder(out)
    scores, fold_of = out_of_fold(tiles, rows, y, splits, settings, work, asked.backbone, asked.size)
    table = pd.DataFrame(
        {"id": tiles.catalogue["id"].to_numpy()[rows], "volcano": groups, "label": values, "fold": fold_of}
    )
    if scores.ndim == 1:
        table["score"] = scores
    else:
        table[[f"score_{name}" for name in names]] = scores
    with replacing(out) as scratch:
        table.to_csv(scratch, index=False, float_format="%.6g")
    # Two named classes have a score each, as everywhere.
    ranked = scores if scores.ndim == 2 or is_binary(values) else np.stack([-scores, scores], axis=1)
    report = evaluate(values, ranked, groups, seed=asked.seed)
    click.echo(f"{out}: AP {report.average_precision}, AUROC {report.auroc} at unseen volcanoes")


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
