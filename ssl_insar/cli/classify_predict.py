"""``ssl-insar classify predict``: score tiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssl_insar.cli.options import out_option, share_option

if TYPE_CHECKING:
    from ssl_insar.classify.saved import SavedClassifier

PREDICT_EXAMPLES = """\b
Examples:
  ssl-insar classify predict CLF EMB --out scores.csv
  ssl-insar classify predict CLF EMB --false-alarms 1/frame-year --out alarms.gpkg
  ssl-insar classify predict CLF archive --tta --out scores.csv       (CLF was fine-tuned)
"""


@click.command(epilog=PREDICT_EXAMPLES)
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


def _of_each(column: str, saved: SavedClassifier) -> list[str]:
    """What an assessment of several labels calls a column."""
    return [f"{column}_{name}" for name in saved.parts] if saved.several else []
