"""``ssl-insar classify``: fit a linear probe on embeddings, and score tiles with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ssl_insar.classify import LinearProbe, Report
    from ssl_insar.models.embeddings import Embeddings

FIT_EXAMPLES = """\b
Examples:
  ssl-insar classify fit EMB --labels labels.csv --out CLF
  ssl-insar classify fit EMB --labels labels.csv --target deformation --per-class 10 --out CLF
  ssl-insar classify fit EMB --out CLF        (labels that came with the archive)
\b
labels.csv has a column 'file' (name or path of an interferogram) or 'id' (tile), and a label:
  file,deformation
  20170308_20170413.geo.diff_pha.tif,1
  20170320_20170413.geo.diff_pha.tif,0
A blank label means unknown. Scores are always of volcanoes that the classifier has not seen.
"""

PREDICT_EXAMPLES = """\b
Example:
  ssl-insar classify predict CLF EMB --out scores.csv
"""

_FEW_SHOT_DRAWS = 20


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
    folds: int,
    seed: int,
    ignore_absent: bool,
) -> None:
    """Fit a linear probe on EMB and say how well it does at unseen volcanoes."""
    import warnings

    import numpy as np

    from ssl_insar.archive.labels import known
    from ssl_insar.atomic import check_replaceable
    from ssl_insar.classify import assign_groups, attach, labels_in
    from ssl_insar.models.embeddings import Embeddings

    check_replaceable(out, "probe.json")
    held = Embeddings.open(embeddings)
    if labels:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            series = attach(held.catalogue, labels, target, ignore_absent=ignore_absent)
        for warning in caught:
            click.echo(f"warning: {warning.message}", err=True)
    else:
        series = labels_in(held.catalogue, target)
    mask, y = known(series)
    groups = assign_groups(held.catalogue)
    _describe_labels(str(series.name), y, groups.names[mask])
    if groups.fallbacks:
        click.echo(
            f"note: the volcano of {groups.fallbacks:,} tiles is not known; "
            f"they are grouped {groups.describe_fallbacks()}"
        )
    rows = np.flatnonzero(mask)
    if per_class:
        probe = _fit_few(held, rows, y, groups.names, per_class, seed)
    else:
        probe = _fit_all(held, rows, y, groups.names, folds, seed)
    probe.save(out)
    click.echo(f"\nsaved {out} (fitted on {probe.count_:,} labels, C = {probe.c_:g})")


@command.command(epilog=PREDICT_EXAMPLES)
@click.argument("classifier", metavar="CLF", type=click.Path(path_type=Path))
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV to write.")
def predict(classifier: Path, embeddings: Path, out: Path) -> None:
    """Score the tiles of EMB with CLF, the most suspicious first."""
    from ssl_insar.atomic import replacing
    from ssl_insar.classify import LinearProbe
    from ssl_insar.errors import UserError
    from ssl_insar.models.embeddings import Embeddings

    if out.is_dir():
        raise UserError(f"{out}: is a folder; --out needs the name of a CSV file")
    probe = LinearProbe.load(classifier)
    held = Embeddings.open(embeddings)
    table = _score_table(probe, held)
    with replacing(out) as scratch:
        table.to_csv(scratch, index=False, float_format="%.6g")
    click.echo(f"wrote {len(table):,} scores to {out}")


def _describe_labels(target: str, y: NDArray[Any], groups: NDArray[np.str_]) -> None:
    import numpy as np

    values, counts = np.unique(y, return_counts=True)
    shares = ", ".join(f"{value}: {count:,}" for value, count in zip(values, counts, strict=True))
    click.echo(f"labels '{target}': {len(y):,} tiles at {len(np.unique(groups)):,} volcanoes ({shares})")


def _fit_all(
    held: Embeddings, rows: NDArray[np.intp], y: NDArray[Any], groups: NDArray[np.str_], folds: int, seed: int
) -> LinearProbe:
    """Cross-validate by volcano, then fit on every label."""
    import dataclasses

    from ssl_insar.archive.groups import NotEvaluableError, grouped_folds
    from ssl_insar.classify import LinearProbe, evaluate
    from ssl_insar.classify.cross_validation import Population, scores_over

    unit, places = held.normalised(), groups[rows]
    matrix = unit[rows]
    labelled = dataclasses.replace(held, matrix=held.matrix[rows], catalogue=held.catalogue.iloc[rows])
    probe = LinearProbe(seed=seed).fit(labelled, y, places, held)
    try:
        splits = grouped_folds(y, places, folds, seed)
    except NotEvaluableError as error:
        click.echo(f"warning: not evaluated: {error}", err=True)
        return probe
    scores = scores_over(matrix, y, places, splits, seed, Population(unit, groups))
    click.echo(f"\n{len(splits)}-fold cross-validation, no volcano on both sides")
    _print_report(evaluate(y, scores, places, seed=seed))
    return probe


def _fit_few(
    held: Embeddings, rows: NDArray[np.intp], y: NDArray[Any], groups: NDArray[np.str_], count: int, seed: int
) -> LinearProbe:
    """Fit from a few labels at half of the volcanoes, and score the other half."""
    import dataclasses

    import numpy as np

    from ssl_insar.classify import LinearProbe, evaluate
    from ssl_insar.classify.few_shot import draws_of, few_shot
    from ssl_insar.classify.linear_probe import FALLBACK_C
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
    few = dataclasses.replace(
        held, matrix=held.matrix[rows[picked]], catalogue=held.catalogue.iloc[rows[picked]]
    )
    unit = held.normalised()
    unseen = np.unique(places[draw.query])
    probe = LinearProbe(c=FALLBACK_C, seed=seed).fit(
        few, y[picked], population=unit[~np.isin(groups, unseen)]
    )
    click.echo(
        f"\nfitted from {count} labels a class at {len(np.unique(places[picked]))} volcanoes, "
        f"scored at {len(unseen)} others"
    )
    scores = probe.scores(unit[rows[draw.query]])
    _print_report(evaluate(y[draw.query], scores, places[draw.query], seed=seed))
    again = few_shot(unit[rows], y, places, [count], _FEW_SHOT_DRAWS, seed)[count]
    click.echo(f"AUROC over {_FEW_SHOT_DRAWS - again.skipped} such choices of labels: mean {again}")
    return probe


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


def _score_table(probe: LinearProbe, held: Embeddings) -> pd.DataFrame:
    """Scores of all tiles, highest first; ties in the order of their ids."""
    catalogue = held.catalogue
    table = catalogue[["id", "source", "volcano", "reference_date", "secondary_date"]].reset_index(drop=True)
    probability = probe.predict_proba(held)
    if probe.binary:
        table["probability"] = probability[:, 1]
        leading = probability[:, 1]
    else:
        for name, column in zip(probe.classes_, probability.T, strict=True):
            table[f"probability_{name}"] = column
        table["predicted"] = probe.classes_[probability.argmax(axis=1)]
        leading = probability.max(axis=1)
    order = table.assign(leading=-leading).sort_values(["leading", "id"]).index
    return table.loc[order]
