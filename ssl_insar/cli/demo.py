"""``ssl-insar demo``: the whole flow in one command."""

from __future__ import annotations

from pathlib import Path

import click

from ssl_insar.cli.options import overrides_option, path_option


@click.command(
    "demo",
    epilog="\b\nExamples:\n"
    "  ssl-insar demo\n"
    "  ssl-insar demo --data interferograms/ --minutes 20 --out my-demo\n"
    "\b\nThe same command again goes on where it was interrupted.",
)
@path_option("--data", "Folder of interferograms; else simulated.")
@path_option("--labels", "CSV of labels; else labels.csv in or beside --data.")
@click.option(
    "--minutes",
    default=3.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Time for pretraining.",
)
@click.option(
    "--out", default="demo", show_default=True, type=click.Path(path_type=Path), help="Folder for all."
)
@click.option(
    "--count", default=1200, show_default=True, type=click.IntRange(min=8), help="Scenes to simulate."
)
@click.option("--tile", default=224, show_default=True, type=int, help="Side of a tile, px.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option("--recipe", default="demo", show_default=True, help="Recipe of the pretraining.")
@overrides_option
def command(
    data: Path | None,
    labels: Path | None,
    minutes: float,
    out: Path,
    count: int,
    tile: int,
    seed: int,
    recipe: str,
    overrides: tuple[str, ...],
) -> None:
    """Run the whole flow and write one page that shows it: OUT/report.html.

    Ingest, pretrain, embed, index, search, classify from ten labels a class, map. Without --data on
    an archive that is simulated first.
    """
    from ssl_insar.demo import run_demo

    run_demo(
        out,
        data=data,
        labels=labels,
        minutes=minutes,
        count=count,
        tile=tile,
        seed=seed,
        recipe=recipe,
        overrides=overrides,
    )
