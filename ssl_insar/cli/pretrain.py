"""``ssl-insar pretrain``: train an encoder on an archive, without labels."""

from __future__ import annotations

from pathlib import Path

import click

from ssl_insar.cli.options import out_option, overrides_option


@click.command(
    "pretrain",
    epilog="\b\nExamples:\n"
    "  ssl-insar pretrain cpu --archive archive --out run\n"
    "  ssl-insar pretrain my.yaml --archive archive --out run --set optim.epochs=50 --set seed=1\n"
    "  ssl-insar pretrain cpu --archive archive --out run --resume --set optim.epochs=100\n"
    "\b\nThe same command again goes on with a run that was interrupted.",
)
@click.argument("recipe", metavar="RECIPE")
@click.option("--archive", required=True, type=click.Path(path_type=Path), help="Archive folder.")
@out_option("Run folder.")
@overrides_option
@click.option(
    "--resume/--no-resume",
    default=None,
    help="Go on with the run in --out, also with more epochs; or start it afresh. By default an "
    "unfinished run of the same recipe goes on.",
)
def command(recipe: str, archive: Path, out: Path, overrides: tuple[str, ...], resume: bool | None) -> None:
    """Train an encoder on an archive, without labels.

    RECIPE is a YAML file or the name of a recipe that comes with the package. The run folder holds
    the resolved recipe, the loss of every step, the monitors, the last checkpoint and the encoder.
    """
    from ssl_insar.pretrain import pretrain
    from ssl_insar.pretrain.processes import join

    encoder = pretrain(recipe, archive, out, overrides=overrides, resume=resume)
    if join().first:  # torchrun shows what every process prints
        click.echo(f"{out}: encoder {encoder.hash}, {encoder.dimension} features a tile")
