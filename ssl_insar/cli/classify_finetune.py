"""``ssl-insar classify finetune``: go on training an encoder on labels."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssl_insar.cli.classify_labels import (
    all_labels,
    class_shares,
    describe_groups,
    describe_labels,
    quiet_class_of,
)
from ssl_insar.cli.classify_options import (
    ignore_absent_option,
    level_option,
    outliers_option,
    prevalence_option,
    quiet_option,
    seed_option,
    targets_option,
)
from ssl_insar.cli.classify_report import print_report
from ssl_insar.cli.options import archive_argument, choice_option, out_option, path_option

if TYPE_CHECKING:
    from ssl_insar.classify.fine_tune import FineTuned
    from ssl_insar.classify.outliers import OutlierMethod
    from ssl_insar.classify.targets import Balance

FINETUNE_EXAMPLES = """\b
Examples:
  ssl-insar classify finetune run archive --labels labels.csv --target deformation --out CLF
  ssl-insar classify finetune run archive --labels labels.csv --folds 5 --out CLF
  ssl-insar classify finetune run archive --labels labels.csv --unfreeze 2 --lr 3e-4 --out CLF
  ssl-insar classify finetune run archive --labels kinds.csv --target source --signed --out CLF
  ssl-insar classify finetune run archive --labels labels.csv --target dyke --target sill --out CLF
  ssl-insar classify predict CLF archive --out scores.csv
\b
After Ctrl-C the same command goes on; until it ends, its work lies in CLF.training.
"""


@click.command(epilog=FINETUNE_EXAMPLES)
@click.argument("encoder", metavar="ENCODER", type=click.Path(path_type=Path))
@archive_argument
@out_option("Folder for the classifier.")
@path_option("--labels", "CSV of labels; default: those in the archive.")
@targets_option
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, help="At most.")
@click.option("--batch-size", type=click.IntRange(2), default=32, show_default=True, help="Tiles a step.")
@click.option(
    "--lr",
    type=click.FloatRange(0, min_open=True),
    default=1e-3,
    show_default=True,
    help="Learning rate of the last layer; each before it learns more slowly.",
)
@click.option(
    "--layer-decay",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.75,
    show_default=True,
    help="Rate of a layer by that of the next.",
)
@click.option(
    "--unfreeze",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Epochs after which each further stage begins to learn, the last first; 0: all learn at once.",
)
@choice_option(
    "--balance", ["sampling", "weights", "none"], "Draw each class alike, or weigh it alike in the loss."
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Stop when the score at volcanoes set aside has not risen for so many epochs, counted from where "
    "the first stage learns.",
)
@click.option("--signed", is_flag=True, help="The classes differ by the sign of the phase: swap no dates.")
@click.option(
    "--folds",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Fine-tune so many times more, each without some of the volcanoes, to score those: for calibration, "
    "conformal sets and false alarms. 0: none of these.",
)
@level_option
@quiet_option
@prevalence_option
@outliers_option
@seed_option
@ignore_absent_option
def finetune(
    encoder: Path,
    archive: Path,
    out: Path,
    labels: Path | None,
    targets: tuple[str, ...],
    epochs: int,
    batch_size: int,
    lr: float,
    layer_decay: float,
    unfreeze: int,
    balance: Balance,
    patience: int,
    signed: bool,
    folds: int,
    level: float,
    quiet: str | None,
    prevalence: float | None,
    outliers: OutlierMethod,
    seed: int,
    ignore_absent: bool,
) -> None:
    """Go on training ENCODER on the labelled tiles of ARCHIVE.

    ENCODER is a finished run or its encoder folder. It begins as a linear probe; the best weights at
    volcanoes set aside are kept. Needs more labels than a probe to be worth it (docs/classify.md).
    """
    import pandas as pd

    from ssl_insar.archive import Archive
    from ssl_insar.archive.labels import known
    from ssl_insar.atomic import check_replaceable
    from ssl_insar.classify import assign_groups, evaluate
    from ssl_insar.classify.fine_tune import FineTuned, FineTuneSettings
    from ssl_insar.classify.fine_tune_trusted import fine_tune_trusted
    from ssl_insar.classify.saved import marker
    from ssl_insar.classify.trust_report import trust_lines
    from ssl_insar.classify.trusted import Asked
    from ssl_insar.errors import UserError
    from ssl_insar.models import Encoder

    if folds == 1 or (folds and len(targets) > 1):
        raise UserError("--folds is 0, or 2 or more with a single --target")
    if not folds and (prevalence is not None):
        raise UserError("--prevalence corrects calibrated probabilities; give --folds 5 with it")
    check_replaceable(out, marker(out))
    work = out.with_name(f"{out.name}.training")
    tiles, begun = Archive.open(archive), Encoder.load(encoder)
    columns = all_labels(tiles.catalogue, labels, targets, ignore_absent, tiles.tile)
    groups = assign_groups(tiles.catalogue)
    describe_groups(groups)
    values = {name: known(series) for name, series in columns.items()}
    for name, (mask, y) in values.items():
        describe_labels(name, y, groups.names[mask])
    settings = FineTuneSettings(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        decay=layer_decay,
        patience=patience,
        unfreeze=unfreeze,
        balance=balance,
        signed=signed,
        seed=seed,
    )

    claimed: list[Path] = []

    def make(part: str) -> FineTuned:
        if folds:
            click.echo(f"fine-tuning: {part}", err=True)
        claimed.append(work / part.replace(" ", "-"))
        return FineTuned(begun, settings, work=claimed[-1])

    given: pd.DataFrame | pd.Series[Any]
    if len(columns) > 1:
        given, asked = pd.DataFrame(columns), Asked(level=level, outlier_method=outliers)
    else:
        ((name, given),) = columns.items()
        y = values[name][1]
        asked = Asked(name, quiet_class_of(quiet, y), level, class_shares(prevalence, y), outliers)
    found = fine_tune_trusted(make, tiles, given, asked, folds, seed)
    if found.fit is not None and found.fit.held is not None:
        held = found.fit.held
        click.echo(f"\n{len(held.learned_from)} folds, no volcano on both sides")
        binary = found.fit.classifier.model.binary
        print_report(evaluate(y, held.scores if binary else held.logits, held.groups, seed=seed))
        click.echo("\n" + "\n".join(trust_lines(found.fit)))
    else:
        click.echo("not calibrated, no conformal sets, no false alarms: --folds 5 learns these")
    click.echo(f"\n{_told_training(found.model)}")
    found.saved.save(out)
    _clear(work, claimed)
    click.echo(f"saved {out} (fine-tuned on {found.model.count_:,} labels)")


def _clear(work: Path, claimed: list[Path]) -> None:
    """Remove the work of this command, and its folder if that holds nothing else."""
    for part in claimed:
        shutil.rmtree(part, ignore_errors=True)
    with suppress(OSError):
        work.rmdir()
    if work.exists():
        click.echo(f"note: {work} is left, for what else it holds", err=True)


def _told_training(model: FineTuned) -> str:
    """How the training went, in a sentence."""
    if not model.history_:
        return (
            "no volcano could be set aside to stop by (a class at one volcano only): the last weights are "
            "taken, and may be worse than a probe's"
        )
    return (
        f"average precision at the volcanoes set aside: {model.history_[0]:.3f} as a probe, "
        f"{max(model.history_):.3f} after {model.best_epoch_} of {len(model.history_) - 1} epochs, whose "
        "weights were taken (chosen by that score, so it flatters)"
    )
