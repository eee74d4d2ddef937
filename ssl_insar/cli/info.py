"""``ssl-insar info``: what was recognised in a file, and a look at its phase."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssl_insar.cli.reading import reading_options
from ssl_insar.errors import UserError

if TYPE_CHECKING:
    from ssl_insar.readers import Frame

_SIDE = 320
"""Longest side of a drawn interferogram, px."""


@click.command(
    "info",
    epilog="\b\nExamples:\n"
    "  ssl-insar info 20200101_20200113.geo.diff_pha.tif\n"
    "  ssl-insar info ifgramStack.h5 --out stack.png\n"
    "  ssl-insar info scene.dat --as raw:float32:2685x3338",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Draw the phase into this PNG.")
@click.option(
    "--most",
    default=12,
    show_default=True,
    type=click.IntRange(min=1),
    help="Interferograms shown of a file that holds many.",
)
@click.option(
    "--draw/--no-draw", default=None, help="Draw in the terminal; by default if it is one that shows colour."
)
@reading_options
def command(
    files: tuple[Path, ...], out: Path | None, most: int, draw: bool | None, layout: str | None, toward: bool
) -> None:
    """Print what is recognised in each FILE and draw its phase.

    Positive phase is motion away from the satellite, the reference date is the earlier one, whatever
    the product's own convention. A file that cannot be read is told with its reason; the exit code is
    then 2.
    """
    from ssl_insar.maps.preview import in_terminal, preview
    from ssl_insar.readers import ReadOptions, frames
    from ssl_insar.readers.describe import describe, describe_values

    if out and out.suffix.lower() != ".png":
        raise UserError(f"{out}: the phase is drawn as a PNG; give --out a name that ends in .png")
    draw = sys.stdout.isatty() if draw is None else draw
    shown, failed = [], 0
    for path in files:
        try:
            found = frames(path, ReadOptions(layout, toward))
            for frame in found[:most]:
                facts = describe(frame)
                z, values = preview(frame, _SIDE), describe_values(frame)
                click.echo(f"{path}")
                for name, value in (facts | values).items():
                    click.echo(f"  {name:14} {value}")
                if draw:
                    click.echo(in_terminal(z))
                shown.append((frame, z))
            if len(found) > most:
                click.echo(f"{path}: {len(found) - most} more interferograms; --most shows them")
        except UserError as error:
            failed += 1
            click.echo(f"ssl-insar: {error}", err=True)
    if out and shown:
        from ssl_insar.maps.contact_sheet import save_sheet

        save_sheet([z for _, z in shown], [_title(frame) for frame, _ in shown], out)
        click.echo(f"phase drawn in {out}")
    if failed:
        raise SystemExit(2)


def _title(frame: Frame) -> str:
    dates = frame.member or (
        f"{frame.reference_date:%Y%m%d}_{frame.secondary_date:%Y%m%d}"
        if frame.reference_date and frame.secondary_date
        else ""
    )
    return f"{frame.source.name}\n{dates}" if dates and dates not in frame.source.name else frame.source.name
