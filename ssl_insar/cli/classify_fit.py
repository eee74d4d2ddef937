"""``ssl-insar classify fit``: a classifier on embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssl_insar.cli.classify_labels import (
    all_labels,
    class_shares,
    describe_groups,
    describe_labels,
    maker,
    quiet_class_of,
)
from ssl_insar.cli.classify_options import (
    ignore_absent_option,
    level_option,
    method_option,
    outliers_option,
    prevalence_option,
    quiet_option,
    seed_option,
    targets_option,
)
from ssl_insar.cli.classify_report import print_report
from ssl_insar.cli.options import out_option, path_option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ssl_insar.classify.outliers import OutlierMethod
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


_FEW_SHOT_DRAWS = 20


@click.command(epilog=FIT_EXAMPLES)
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@out_option("Folder for the classifier.")
@path_option("--labels", "CSV of labels; default: those in the archive.")
@targets_option
@click.option(
    "--per-class", type=click.IntRange(1), metavar="N", help="Fit from N random labels a class only."
)
@method_option
@level_option
@quiet_option
@prevalence_option
@outliers_option
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Cross-validation folds.")
@seed_option
@ignore_absent_option
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
    columns = all_labels(held.catalogue, labels, targets, ignore_absent)
    groups = assign_groups(held.catalogue)
    describe_groups(groups)
    parts: dict[str, TrustedClassifier] = {}
    ends = []
    for name, series in columns.items():
        mask, y = known(series)
        describe_labels(name, y, groups.names[mask])
        asked = {
            "make": maker(method, bool(per_class), seed),
            "target": name,
            "quiet_class": quiet_class_of(quiet, y),
            "level": level,
            "shares": class_shares(prevalence, y),
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
    print_report(evaluate(y, scores, fit.held.groups, seed=seed))
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
    print_report(evaluate(y[draw.query], scores, places[draw.query], seed=seed))
    again = few_shot(unit[rows], y, places, [count], _FEW_SHOT_DRAWS, seed, asked["make"])[count]
    click.echo(f"AUROC over {_FEW_SHOT_DRAWS - again.skipped} such choices of labels: mean {again}")
    return fit
