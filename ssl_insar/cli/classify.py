"""``ssl-insar classify``: fit a classifier on embeddings, score tiles with it, say what to label next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ssl_insar.classify import Report
    from ssl_insar.classify.frozen import FrozenClassifier
    from ssl_insar.classify.suggest import Strategy
    from ssl_insar.classify.trusted import Fit
    from ssl_insar.models.embeddings import Embeddings

FIT_EXAMPLES = """\b
Examples:
  ssl-insar classify fit EMB --labels labels.csv --out CLF
  ssl-insar classify fit EMB --labels labels.csv --target deformation --per-class 10 --out CLF
  ssl-insar classify fit EMB --labels labels.csv --method knn --out CLF
  ssl-insar classify fit EMB --out CLF        (labels that came with the archive)
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
"""

SUGGEST_EXAMPLES = """\b
Examples:
  ssl-insar classify suggest EMB -n 20 --out to_label.csv
  ssl-insar classify suggest EMB -n 20 --labels labels.csv --target deformation --out to_label.csv
\b
to_label.csv has the column 'id' and a blank one to fill in; a blank stays unknown.
"""

_FEW_SHOT_DRAWS = 20

_METHOD = click.option(
    "--method",
    type=click.Choice(["probe", "prototypes", "knn"]),
    default="probe",
    show_default=True,
    help="Linear probe, nearest class mean, or vote of the nearest labelled tiles.",
)


@click.group("classify")
def command() -> None:
    """Fit a classifier on embeddings, and score tiles with it."""


@command.command(epilog=FIT_EXAMPLES)
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the classifier.")
@click.option(
    "--labels", type=click.Path(path_type=Path), help="CSV of labels; default: those in the archive."
)
@click.option("--target", help="Label column; needed when there are several.")
@click.option(
    "--per-class", type=click.IntRange(1), metavar="N", help="Fit from N random labels a class only."
)
@_METHOD
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Coverage that conformal sets promise.",
)
@click.option("--quiet", metavar="CLASS", help="Label of tiles that do not deform; default: 0 of labels 0/1.")
@click.option(
    "--prevalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of label 1 where the classifier will be used; default: as among the labels.",
)
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Cross-validation folds.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds, draws and bootstrap."
)
@click.option("--ignore-absent", is_flag=True, help="Let the CSV name tiles that are not in the archive.")
def fit(
    embeddings: Path,
    out: Path,
    labels: Path | None,
    target: str | None,
    per_class: int | None,
    method: str,
    level: float,
    quiet: str | None,
    prevalence: float | None,
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
    from ssl_insar.classify.trust_report import trust_lines
    from ssl_insar.classify.trusted import marker_of
    from ssl_insar.models.embeddings import Embeddings

    check_replaceable(out, marker_of(out))
    held = Embeddings.open(embeddings)
    series = _labels(held, labels, target, ignore_absent)
    mask, y = known(series)
    groups = assign_groups(held.catalogue)
    _describe_labels(str(series.name), y, groups.names[mask])
    if groups.fallbacks:
        click.echo(
            f"note: the volcano of {groups.fallbacks:,} tiles is not known; "
            f"they are grouped {groups.describe_fallbacks()}"
        )
    rows = np.flatnonzero(mask)
    asked = {
        "make": _maker(method, bool(per_class), seed),
        "target": str(series.name),
        "quiet_class": _quiet_class(quiet, y),
        "level": level,
        "shares": _shares(prevalence, y),
    }
    if per_class:
        fitted = _fit_few(held, rows, y, groups.names, per_class, folds, seed, **asked)
    else:
        fitted = _fit_all(held, rows, y, folds, seed, **asked)
    click.echo("\n" + "\n".join(trust_lines(fitted)))
    fitted.classifier.save(out)
    model = fitted.classifier.model
    told = {"probe": "C = {0.c_:g}", "knn": "k = {0.k_}", "prototypes": "{0.metric}"}[method]
    click.echo(f"\nsaved {out} (fitted on {model.count_:,} labels, {told.format(model)})")


@command.command(epilog=PREDICT_EXAMPLES)
@click.argument("classifier", metavar="CLF", type=click.Path(path_type=Path))
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Table to write: .csv, .gpkg or .geojson."
)
@click.option(
    "--false-alarms",
    metavar="RATE",
    help="Alarm at so many false alarms a frame and year, as 1/frame-year; default: no alarms are told.",
)
@click.option(
    "--min-coherent",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Say nothing of tiles with a smaller share of coherent pixels.",
)
def predict(
    classifier: Path, embeddings: Path, out: Path, false_alarms: str | None, min_coherent: float
) -> None:
    """Score the tiles of EMB with CLF, the most suspicious first."""
    from ssl_insar.classify.false_alarms import parse_budget
    from ssl_insar.classify.tables import check_table_name, write_table
    from ssl_insar.classify.trusted import TrustedClassifier
    from ssl_insar.models.embeddings import Embeddings

    check_table_name(out)
    rate = None if false_alarms is None else parse_budget(false_alarms)
    trusted = TrustedClassifier.load(classifier)
    held = Embeddings.open(embeddings)
    check_table_name(out, "geometry" in held.catalogue and bool(held.catalogue["geometry"].notna().any()))
    if trusted.calibration is None:
        click.echo("warning: this classifier's probabilities are not calibrated", err=True)
    table = trusted.assess(held, rate, min_coherent)
    write_table(table, out)
    click.echo(f"wrote {len(table):,} scores to {out}")
    told = [name for name in ("abstained", "ood", "alarm", "persistent") if name in table]
    click.echo(", ".join(f"{name}: {int(table[name].sum()):,}" for name in told))
    if rate is not None and trusted.quiet is not None:
        click.echo(f"quiet tiles at unseen volcanoes gave {trusted.quiet.rate(trusted.threshold(rate))}")


@command.command(epilog=SUGGEST_EXAMPLES)
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@click.option("-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many tiles.")
@click.option("--labels", type=click.Path(path_type=Path), help="Labels so far; without, all is unlabelled.")
@click.option("--target", help="Label column; needed when there are several.")
@click.option(
    "--strategy",
    type=click.Choice(["badge", "k-center", "uncertain", "random"]),
    help="Default: badge (diverse and uncertain), or k-center (diverse) without labels of two classes.",
)
@_METHOD
@click.option(
    "--simulate", is_flag=True, help="Needs many labels: play the analyst, compare with random choice."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--ignore-absent", is_flag=True, help="Let the CSV name tiles that are not in the archive.")
@click.option("--out", type=click.Path(path_type=Path), help="CSV to write, with a blank column to fill in.")
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
    """Say which tiles of EMB to label next: those a classifier learns most from."""
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
        mask, y = known(_labels(held, labels, target, ignore_absent))
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
    rows = free[active.suggest(unit[free], count, unit[mask], probability, strategy, seed)]
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


def _labels(held: Embeddings, labels: Path | None, target: str | None, ignore_absent: bool) -> pd.Series[Any]:
    """Labels of the tiles, from a file or the archive, missing where unknown."""
    import warnings

    from ssl_insar.classify import attach, labels_in

    if labels is None:
        return labels_in(held.catalogue, target)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        series = attach(held.catalogue, labels, target, ignore_absent=ignore_absent)
    for warning in caught:
        click.echo(f"warning: {warning.message}", err=True)
    return series


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
