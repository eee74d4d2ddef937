"""How well a classifier does, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

    from ssl_insar.classify import Report


def print_report(report: Report) -> None:
    """Print scores at unseen volcanoes, with intervals and a row a volcano."""
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
