"""``ssl-insar classify suggest``: what to label next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssl_insar.cli.classify_labels import labels_of, maker
from ssl_insar.cli.classify_options import method_option
from ssl_insar.cli.options import path_option

if TYPE_CHECKING:
    from ssl_insar.classify.suggest import Strategy

SUGGEST_EXAMPLES = """\b
Examples:
  ssl-insar classify suggest EMB -n 20 --out to_label.csv
  ssl-insar classify suggest EMB -n 20 --labels labels.csv --target deformation --out to_label.csv
\b
to_label.csv has the column 'id' and a blank one to fill in; a blank stays unknown.
"""


@click.command(epilog=SUGGEST_EXAMPLES)
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
@method_option
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
        mask, y = known(labels_of(held.catalogue, labels, target, ignore_absent))
    names = assign_groups(held.catalogue).names
    make = maker(method, few=True, seed=seed)
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
