"""``ssl-insar index novelty`` and ``duplicates``: what an index knows of its own tiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

_PATH = click.Path(path_type=Path)
_index = click.argument("index", metavar="INDEX", type=_PATH)
_SHOWN = 10


@click.command("novelty", epilog="\b\nExample:\n  ssl-insar index novelty index -k 5 --out novelty.csv")
@_index
@click.option("-k", default=5, show_default=True, type=click.IntRange(1), help="Which neighbour counts.")
@click.option("--out", default="novelty.csv", show_default=True, type=_PATH, help="Table to write.")
def novelty(index: Path, k: int, out: Path) -> None:
    """Say which tiles of INDEX are unlike all other places, and which are unlike their own past.

    novelty: distance (1 - cosine) to the k-th nearest tile of another volcano. anomaly: how far the distance
    to the k-th nearest earlier tile of the same ground is from what it used to be, in robust standard
    deviations; blank where there are too few earlier tiles.
    """
    from ssl_insar.search import Index
    from ssl_insar.search.novelty import novelty_table

    table = novelty_table(Index.open(index), k)
    _write(table, out)
    click.echo(f"wrote {out}: {len(table):,} tiles, the most novel first")
    _show("most novel", table, "novelty")
    told = table.dropna(subset=["anomaly"]).sort_values("anomaly", ascending=False)
    if len(told):
        _show("most unlike their own past", told, "anomaly")
    else:
        click.echo("no ground has earlier tiles enough to tell an anomaly in time")


@click.command(
    "duplicates",
    epilog="\b\nExample:\n  ssl-insar index duplicates index --cosine .9995 --out copies.csv",
)
@_index
@click.option(
    "--cosine",
    default=0.999,
    show_default=True,
    type=click.FloatRange(-1, 1, min_open=True),
    help="Least similarity of two tiles that are taken for duplicates.",
)
@click.option("--out", default="duplicates.csv", show_default=True, type=_PATH, help="Table to write.")
def duplicates(index: Path, cosine: float, out: Path) -> None:
    """Group the tiles of INDEX that the encoder hardly tells apart."""
    from ssl_insar.search import Index
    from ssl_insar.search.duplicates import duplicate_groups

    table = duplicate_groups(Index.open(index), cosine)
    _write(table, out)
    groups = int(table["group"].max()) if len(table) else 0
    click.echo(f"wrote {out}: {len(table):,} tiles in {groups:,} groups of cosine {cosine:g} or more")


def _write(table: pd.DataFrame, out: Path) -> None:
    from ssl_insar.atomic import replacing

    with replacing(out) as scratch:
        table.to_csv(scratch, index=False, float_format="%.6g", errors="replace")


def _show(what: str, table: pd.DataFrame, column: str) -> None:
    from ssl_insar.search.gallery import plain

    click.echo(f"{what}:")
    for name, value in table[["id", column]].head(_SHOWN).itertuples(index=False):
        click.echo(f"  {value:8.3f}  {plain(name)}")
