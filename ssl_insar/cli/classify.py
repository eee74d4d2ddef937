"""``ssl-insar classify``: fit or fine-tune a classifier, score tiles with it, say what to label next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssl_insar.cli.options import archive_argument, choice_option, out_option, path_option, share_option

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ssl_insar.archive.groups import Groups
    from ssl_insar.classify import Report
    from ssl_insar.classify.fine_tune import FineTuned
    from ssl_insar.classify.frozen import FrozenClassifier
    from ssl_insar.classify.outliers import OutlierMethod
    from ssl_insar.classify.saved import SavedClassifier
    from ssl_insar.classify.suggest import Strategy
    from ssl_insar.classify.targets import Balance
    from ssl_insar.classify.trusted import Fit, TrustedClassifier
    from ssl_insar.models.embeddings import Embeddings

FIT_EXAMPLES = """\b
Examples:
  ssl-insar classify fit EMB --labels labels.csv --out CLF
  ssl-insar classify fit EMB --labels labels.csv --target deformation --per-class 10 --out CLF
  ssl-insar classify fit EMB --labels labels.csv --method knn --out CLF
  ssl-insar classify fit EMB --out CLF        (labels that came with the archive)
  ssl-insar classify fit EMB --labels labels.csv --target dyke --target sill --out CLF   (yes or no each)
\b
labels.csv has a column 'file' (name or path of an interferogram) or 'id' (tile), and a label:
  file,deformation
  20170308_20170413.geo.diff_pha.tif,1
  20170320_20170413.geo.diff_pha.tif,0
A blank label means unknown. Scores are always of volcanoes that the classifier has not seen.
"""

PREDICT_EXAMPLES = """\b
Examples:
  ssl-insar classify predict CLF EMB --out scores.csv
  ssl-insar classify predict CLF EMB --false-alarms 1/frame-year --out alarms.gpkg
  ssl-insar classify predict CLF archive --tta --out scores.csv       (CLF was fine-tuned)
"""

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

SUGGEST_EXAMPLES = """\b
Examples:
  ssl-insar classify suggest EMB -n 20 --out to_label.csv
  ssl-insar classify suggest EMB -n 20 --labels labels.csv --target deformation --out to_label.csv
\b
to_label.csv has the column 'id' and a blank one to fill in; a blank stays unknown.
"""

_FEW_SHOT_DRAWS = 20

_METHOD = choice_option(
    "--method",
    ["probe", "prototypes", "knn"],
    "Linear probe, nearest class mean, or vote of the nearest labelled tiles.",
)


_TARGETS = click.option(
    "--target",
    "targets",
    multiple=True,
    help="Label column; needed when there are several. Given more than once: labels of 0 and 1, any of which "
    "a tile may have.",
)
_LEVEL = click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Coverage that conformal sets promise.",
)
_QUIET = click.option(
    "--quiet", metavar="CLASS", help="Label of tiles that do not deform; default: 0 of labels 0/1."
)
_PREVALENCE = click.option(
    "--prevalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of label 1 where the classifier will be used; default: as among the labels.",
)
_OUTLIERS = choice_option(
    "--outliers",
    ["knn", "mahalanobis"],
    "How far out a tile lies: distance to the 5th nearest labelled tile, or from the mean of them all "
    "by their covariance.",
)
_SEED = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds, draws and bootstrap."
)
_IGNORE_ABSENT = click.option(
    "--ignore-absent", is_flag=True, help="Let the CSV name tiles that are not in the archive."
)


@click.group("classify")
def command() -> None:
    """Fit a classifier on embeddings, and score tiles with it."""


@command.command(epilog=FIT_EXAMPLES)
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@out_option("Folder for the classifier.")
@path_option("--labels", "CSV of labels; default: those in the archive.")
@_TARGETS
@click.option(
    "--per-class", type=click.IntRange(1), metavar="N", help="Fit from N random labels a class only."
)
@_METHOD
@_LEVEL
@_QUIET
@_PREVALENCE
@_OUTLIERS
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Cross-validation folds.")
@_SEED
@_IGNORE_ABSENT
def fit(
    embeddings: Path,
    out: Path,
    labels: Path | None,
    targets: tuple[str, ...],
    per_class: int | None,
    method: str,
    level: float,
    quiet: str | None,
    prevalence: float | None,
    outliers: OutlierMethod,
    folds: int,
    seed: int,
    ignore_absent: bool,
) -> None:
    """Fit a classifier on EMB and say how well it does at unseen volcanoes.

    The folder holds the classifier and what it can promise: calibrated probabilities, conformal sets,
    how far is foreign, and how high quiet tiles score.
    """
    import numpy as np

    from ssl_insar.archive.labels import known
    from ssl_insar.atomic import check_replaceable
    from ssl_insar.classify import assign_groups
    from ssl_insar.classify.saved import SavedClassifier, marker
    from ssl_insar.classify.trust_report import trust_lines
    from ssl_insar.models.embeddings import Embeddings

    check_replaceable(out, marker(out))
    held = Embeddings.open(embeddings)
    columns = _all_labels(held.catalogue, labels, targets, ignore_absent)
    groups = assign_groups(held.catalogue)
    _describe_groups(groups)
    parts: dict[str, TrustedClassifier] = {}
    ends = []
    for name, series in columns.items():
        mask, y = known(series)
        _describe_labels(name, y, groups.names[mask])
        asked = {
            "make": _maker(method, bool(per_class), seed),
            "target": name,
            "quiet_class": _quiet_class(quiet, y),
            "level": level,
            "shares": _shares(prevalence, y),
            "outlier_method": outliers,
        }
        rows = np.flatnonzero(mask)
        if per_class:
            fitted = _fit_few(held, rows, y, groups.names, per_class, folds, seed, **asked)
        else:
            fitted = _fit_all(held, rows, y, folds, seed, **asked)
        click.echo("\n" + "\n".join(trust_lines(fitted)))
        model = fitted.classifier.model
        told = {"probe": "C = {0.c_:g}", "knn": "k = {0.k_}", "prototypes": "{0.metric}"}[method]
        ends.append(f"fitted on {model.count_:,} labels, {told.format(model)}")
        parts[name] = fitted.classifier
    SavedClassifier(parts, several=len(parts) > 1).save(out)
    if len(parts) > 1:
        ends = [f"{name}: {end}" for name, end in zip(parts, ends, strict=True)]
    click.echo(f"\nsaved {out} ({'; '.join(ends)})")


@command.command(epilog=FINETUNE_EXAMPLES)
@click.argument("encoder", metavar="ENCODER", type=click.Path(path_type=Path))
@archive_argument
@out_option("Folder for the classifier.")
@path_option("--labels", "CSV of labels; default: those in the archive.")
@_TARGETS
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
    help="Stop when the score at volcanoes set aside has not risen for so many epochs.",
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
@_LEVEL
@_QUIET
@_PREVALENCE
@_OUTLIERS
@_SEED
@_IGNORE_ABSENT
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
    import shutil

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
    columns = _all_labels(tiles.catalogue, labels, targets, ignore_absent, tiles.tile)
    groups = assign_groups(tiles.catalogue)
    _describe_groups(groups)
    values = {name: known(series) for name, series in columns.items()}
    for name, (mask, y) in values.items():
        _describe_labels(name, y, groups.names[mask])
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

    def make(part: str) -> FineTuned:
        if folds:
            click.echo(f"fine-tuning: {part}", err=True)
        return FineTuned(begun, settings, work=work / part.replace(" ", "-"))

    given: pd.DataFrame | pd.Series[Any]
    if len(columns) > 1:
        given, asked = pd.DataFrame(columns), Asked(level=level, outlier_method=outliers)
    else:
        ((name, given),) = columns.items()
        y = values[name][1]
        asked = Asked(name, _quiet_class(quiet, y), level, _shares(prevalence, y), outliers)
    found = fine_tune_trusted(make, tiles, given, asked, folds, seed)
    if found.fit is not None and found.fit.held is not None:
        held = found.fit.held
        click.echo(f"\n{len(held.learned_from)} folds, no volcano on both sides")
        binary = found.fit.classifier.model.binary
        _print_report(evaluate(y, held.scores if binary else held.logits, held.groups, seed=seed))
        click.echo("\n" + "\n".join(trust_lines(found.fit)))
    else:
        click.echo("not calibrated, no conformal sets, no false alarms: --folds 5 learns these")
    click.echo(f"\n{_told_training(found.model)}")
    found.saved.save(out)
    shutil.rmtree(work, ignore_errors=True)
    click.echo(f"saved {out} (fine-tuned on {found.model.count_:,} labels)")


@command.command(epilog=PREDICT_EXAMPLES)
@click.argument("classifier", metavar="CLF", type=click.Path(path_type=Path))
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@out_option("Table to write: .csv, .gpkg or .geojson.")
@click.option(
    "--false-alarms",
    metavar="RATE",
    help="Alarm at so many false alarms a frame and year, as 1/frame-year; default: no alarms are told.",
)
@share_option("--min-coherent", 0.3, "Say nothing of tiles with a smaller share of coherent pixels.")
@click.option(
    "--tta",
    is_flag=True,
    help="Average over reference offsets and mirror images of each tile; 8 times the work.",
)
@click.option(
    "--tta-swap",
    is_flag=True,
    help="With swapped dates, too: only where no class depends on the sign of the phase.",
)
def predict(
    classifier: Path,
    embeddings: Path,
    out: Path,
    false_alarms: str | None,
    min_coherent: float,
    tta: bool,
    tta_swap: bool,
) -> None:
    """Score tiles with CLF, the most suspicious first.

    EMB are embeddings; where CLF was fine-tuned, it is an archive.
    """
    from ssl_insar.classify.false_alarms import parse_budget
    from ssl_insar.classify.saved import SavedClassifier
    from ssl_insar.classify.scored import embeddings_for
    from ssl_insar.classify.tables import check_table_name, write_table

    check_table_name(out)
    rate = None if false_alarms is None else parse_budget(false_alarms)
    saved = SavedClassifier.load(classifier)
    held = embeddings_for(saved, embeddings, tta=tta or tta_swap, swap=tta_swap)
    check_table_name(out, "geometry" in held.catalogue and bool(held.catalogue["geometry"].notna().any()))
    if any(part.calibration is None for part in saved.parts.values()):
        click.echo("warning: this classifier's probabilities are not calibrated", err=True)
    table = saved.assess(held, rate, min_coherent)
    write_table(table, out)
    click.echo(f"wrote {len(table):,} scores to {out}")
    kinds = ("abstained", "ood", "alarm", "persistent")
    told = [column for column in table if any(column in (k, *_of_each(k, saved)) for k in kinds)]
    click.echo(", ".join(f"{name}: {int(table[name].sum()):,}" for name in told))
    for name, part in saved.parts.items():
        if rate is not None and part.quiet is not None:
            of = f" of '{name}'" if saved.several else ""
            click.echo(f"quiet tiles{of} at unseen volcanoes gave {part.quiet.rate(part.threshold(rate))}")


@command.command(epilog=SUGGEST_EXAMPLES)
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@click.option("-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many tiles.")
@path_option("--labels", "Labels so far; without, all is unlabelled.")
@click.option("--target", help="Label column; needed when there are several.")
@click.option(
    "--strategy",
    type=click.Choice(["auto", "badge", "spread", "k-center", "uncertain", "random"]),
    help="Default: badge (diverse and uncertain), or k-center (diverse) without labels of two classes. "
    "spread is diverse, too; auto is spread while a class has few labels, then badge. On the real crops "
    "measured, none of them beat random choice (docs/classify.md).",
)
@_METHOD
@click.option(
    "--simulate", is_flag=True, help="Needs many labels: play the analyst, compare with random choice."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--ignore-absent", is_flag=True, help="Let the CSV name tiles that are not in the archive.")
@path_option("--out", "CSV to write, with a blank column to fill in.")
def suggest(
    embeddings: Path,
    count: int,
    labels: Path | None,
    target: str | None,
    strategy: Strategy | None,
    method: str,
    simulate: bool,
    seed: int,
    ignore_absent: bool,
    out: Path | None,
) -> None:
    """Say which tiles of EMB to label next.

    No strategy is known to beat random choice on real tiles: they find more deforming ones, but of the same
    few volcanoes. --simulate measures all of them on your own labels.
    """
    import numpy as np

    from ssl_insar.archive.labels import known
    from ssl_insar.classify import assign_groups
    from ssl_insar.classify import suggest as active
    from ssl_insar.classify.tables import write_table
    from ssl_insar.errors import UserError
    from ssl_insar.models.embeddings import Embeddings

    if out is not None and (out.is_dir() or out.suffix.casefold() != ".csv"):
        raise UserError(f"{out}: give --out the name of a .csv file")
    held = Embeddings.open(embeddings)
    unit = held.normalised()
    mask, y = np.zeros(len(held), bool), np.array([])
    if labels is not None or simulate:
        mask, y = known(_labels(held.catalogue, labels, target, ignore_absent))
    names = assign_groups(held.catalogue).names
    make = _maker(method, few=True, seed=seed)
    if simulate:
        table = active.simulate(unit[mask], y, names[mask], make, step=count, seed=seed)
        click.echo(active.gain_over_random(table).to_string(index=False, float_format="{:.3f}".format))
        return
    free = np.flatnonzero(~mask)
    if not len(free):
        raise UserError("every tile has a label; there is nothing to suggest (see --simulate)")
    probability = None
    if len(np.unique(y)) > 1:
        probability = make().fit(unit[mask], y, names[mask], unit).predict_proba(unit[free])
    strategy = strategy or ("k-center" if probability is None else "badge")
    if probability is None and strategy in ("badge", "uncertain"):
        raise UserError(f"--strategy {strategy} needs labels of two classes so far; use k-center")
    rows = free[active.suggest(unit[free], count, unit[mask], probability, strategy, seed, y)]
    catalogue = held.catalogue.iloc[rows]
    table = catalogue[["id", "volcano", "reference_date", "secondary_date", "source"]].copy()
    table.insert(1, target or "label", "")
    if out is None:
        click.echo(table["id"].to_string(index=False))
        return
    write_table(table, out)
    click.echo(f"wrote {len(table)} tiles to label to {out} ({strategy})")


def _describe_labels(target: str, y: NDArray[Any], groups: NDArray[np.str_]) -> None:
    import numpy as np

    values, counts = np.unique(y, return_counts=True)
    shares = ", ".join(f"{value}: {count:,}" for value, count in zip(values, counts, strict=True))
    click.echo(f"labels '{target}': {len(y):,} tiles at {len(np.unique(groups)):,} volcanoes ({shares})")


def _describe_groups(groups: Groups) -> None:
    if groups.fallbacks:
        click.echo(
            f"note: the volcano of {groups.fallbacks:,} tiles is not known; "
            f"they are grouped {groups.describe_fallbacks()}"
        )


def _labels(
    catalogue: pd.DataFrame,
    labels: Path | None,
    target: str | None,
    ignore_absent: bool,
    tile: int | None = None,
) -> pd.Series[Any]:
    """Labels of the tiles, from a file or the archive, missing where unknown."""
    import warnings

    from ssl_insar.classify import attach, labels_in

    if labels is None:
        return labels_in(catalogue, target)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        series = attach(catalogue, labels, target, ignore_absent=ignore_absent, tile=tile)
    for warning in caught:
        click.echo(f"warning: {warning.message}", err=True)
    return series


def _all_labels(
    catalogue: pd.DataFrame,
    labels: Path | None,
    targets: tuple[str, ...],
    ignore_absent: bool,
    tile: int | None = None,
) -> dict[str, pd.Series[Any]]:
    """Labels of each target; of several, each must be 0 and 1."""
    from ssl_insar.archive.groups import is_binary
    from ssl_insar.archive.labels import known
    from ssl_insar.errors import UserError

    if len(set(targets)) < len(targets):
        raise UserError("--target names a label twice; give each once")
    found = [_labels(catalogue, labels, name, ignore_absent, tile) for name in targets or (None,)]
    for series in found if len(found) > 1 else ():
        if not is_binary(known(series)[1]):
            raise UserError(
                f"label '{series.name}' is not 0 and 1, with both there, as each of several must be; mend it "
                "or give it alone"
            )
    return {str(series.name): series for series in found}


def _of_each(column: str, saved: SavedClassifier) -> list[str]:
    """What an assessment of several labels calls a column."""
    return [f"{column}_{name}" for name in saved.parts] if saved.several else []


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


def _maker(method: str, few: bool, seed: int = 0) -> Callable[[], FrozenClassifier]:
    """What makes a classifier of a method; a handful of labels cannot choose a regularisation."""
    from functools import partial

    from ssl_insar.classify.linear_probe import FALLBACK_C, LinearProbe
    from ssl_insar.classify.trusted import METHODS

    if method == "probe":
        return partial(LinearProbe, FALLBACK_C if few else None, seed)
    return METHODS[method]


def _shares(prevalence: float | None, y: NDArray[Any]) -> list[float] | None:
    from ssl_insar.archive.groups import is_binary
    from ssl_insar.errors import UserError

    if prevalence is None:
        return None
    if not is_binary(y):
        raise UserError("--prevalence is the share of label 1, and the labels are not 0 and 1; leave it out")
    return [1 - prevalence, prevalence]


def _quiet_class(quiet: str | None, y: NDArray[Any]) -> int | str | None:
    """The label that --quiet names, in the labels' own type."""
    import numpy as np

    names = {str(value): value for value in np.unique(y).tolist()}
    return None if quiet is None else names.get(quiet, quiet)


def _fit_all(
    held: Embeddings, rows: NDArray[np.intp], y: NDArray[Any], folds: int, seed: int, **asked: Any
) -> Fit:
    """Cross-validate by volcano, and fit on every label."""
    from ssl_insar.classify import evaluate
    from ssl_insar.classify.trusted import fit_trusted

    fit = fit_trusted(held=held, rows=rows, y=y, folds=folds, seed=seed, **asked)
    if fit.held is None:
        click.echo(f"warning: not evaluated: {fit.why_not}", err=True)
        return fit
    count = len(fit.held.learned_from)
    click.echo(f"\n{count}-fold cross-validation, no volcano on both sides")
    scores = fit.held.scores if fit.classifier.model.binary else fit.held.logits
    _print_report(evaluate(y, scores, fit.held.groups, seed=seed))
    return fit


def _fit_few(
    held: Embeddings,
    rows: NDArray[np.intp],
    y: NDArray[Any],
    groups: NDArray[np.str_],
    count: int,
    folds: int,
    seed: int,
    **asked: Any,
) -> Fit:
    """Fit from a few labels at half of the volcanoes, and score the other half."""
    import numpy as np

    from ssl_insar.classify import evaluate
    from ssl_insar.classify.few_shot import draws_of, few_shot
    from ssl_insar.classify.trusted import fit_trusted
    from ssl_insar.errors import UserError

    places = groups[rows]
    draw = draws_of(y, places, count, draws=1, seed=seed)[0]
    picked = draw.shots(count)
    if picked is None:
        least = min(len(order) for order in draw.order.values())
        raise UserError(
            f"--per-class {count}: the volcanoes to fit on hold only {least} labels of the rarest class, the "
            f"others are needed for scoring; use --per-class {least} or less"
        )
    unseen = np.unique(places[draw.query])
    fit = fit_trusted(
        held=held, rows=rows[picked], y=y[picked], folds=folds, seed=seed, outside=unseen, **asked
    )
    click.echo(
        f"\nfitted from {count} labels a class at {len(fit.classifier.volcanoes)} volcanoes, "
        f"scored at {len(unseen)} others"
    )
    unit = held.normalised()
    scores = fit.classifier.model.scores(unit[rows[draw.query]])
    _print_report(evaluate(y[draw.query], scores, places[draw.query], seed=seed))
    again = few_shot(unit[rows], y, places, [count], _FEW_SHOT_DRAWS, seed, asked["make"])[count]
    click.echo(f"AUROC over {_FEW_SHOT_DRAWS - again.skipped} such choices of labels: mean {again}")
    return fit


def _print_report(report: Report) -> None:
    click.echo(
        f"average precision  {report.average_precision}   chance: {report.prevalence:.3f} (prevalence)"
    )
    click.echo(f"AUROC              {report.auroc}   chance: 0.5")
    click.echo("95 % intervals, by resampling volcanoes")
    skipped = report.average_precision.skipped
    if skipped:
        click.echo(f"note: {skipped} of the resamplings lacked a class: very few volcanoes hold the rare one")
    click.echo(f"\n{_volcano_table(report.table)}")


def _volcano_table(table: pd.DataFrame) -> str:
    """The volcanoes with positives as text, and all the others in one line."""
    import pandas as pd

    shown = table[table["positives"] > 0]
    quiet = table[table["positives"] == 0]
    if len(quiet):
        mean = float((quiet["mean_score"] * quiet["tiles"]).sum() / quiet["tiles"].sum())
        others = {"volcano": f"{len(quiet)} without", "tiles": int(quiet["tiles"].sum()), "positives": 0}
        shown = pd.concat([shown, pd.DataFrame([others | {"mean_score": mean}])], ignore_index=True)
    text = shown.rename(columns={"average_precision": "AP within", "mean_score": "mean score"})
    # Left-aligned names: pandas aligns right.
    width = int(text["volcano"].str.len().max())
    text["volcano"] = text["volcano"].str.ljust(width)
    rendered: str = text.rename(columns={"volcano": "volcano".ljust(width)}).to_string(
        index=False, na_rep="-", float_format=lambda value: f"{value:.3f}"
    )
    return rendered
