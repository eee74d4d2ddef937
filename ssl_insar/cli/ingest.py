"""``ssl-insar ingest``: cut interferograms into an archive of tiles."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    "ingest",
    epilog="\b\nExamples:\n"
    "  ssl-insar ingest LiCSAR/ --out archive\n"
    "  ssl-insar ingest '2024/*/*.geo.diff_pha.tif' --out archive --tile 224 --stride 112\n"
    "  ssl-insar ingest crops/ --labels labels.csv --out archive\n"
    "\b\nThe same command again adds what is new and finishes what was interrupted.",
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Archive folder.")
@click.option("--tile", default=224, show_default=True, type=int, help="Side of a tile, px.")
@click.option("--stride", type=int, help="Step between tiles, px; by default the side of a tile.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV with a column 'file' or 'id' and label columns; a blank cell is unknown.",
)
@click.option("--ignore-absent", is_flag=True, help="Let the labels name files that are not there.")
@click.option(
    "--min-valid",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Leave out tiles with fewer valid pixels (share).",
)
@click.option("--workers", type=click.IntRange(min=1), help="Reading threads; by default one a core.")
def command(
    sources: tuple[str, ...],
    out: Path,
    tile: int,
    stride: int | None,
    labels: Path | None,
    ignore_absent: bool,
    min_valid: float,
    workers: int | None,
) -> None:
    """Cut interferograms into an archive of tiles.

    SOURCE is a folder (walked), a glob in quotes, or a file: 8-bit grey phase (PNG, TIFF), float
    GeoTIFF (LiCSAR names are recognised) or .npy. Unreadable files are skipped and reported.
    """
    from ssl_insar.archive import ingest

    report = ingest(
        list(sources),
        out,
        tile=tile,
        stride=stride,
        labels=labels,
        ignore_absent=ignore_absent,
        min_valid=min_valid,
        workers=workers,
    )
    click.echo(
        f"{out}: {len(report.archive):,} tiles of {tile} px; {report.new_tiles:,} new from "
        f"{report.found - report.known - len(report.skipped):,} files, {report.known:,} files known before"
    )
    if report.skipped:
        click.echo(f"skipped {len(report.skipped):,} files (all in {out / 'skipped.csv'}):")
        for reason, count in report.reasons().most_common(5):
            click.echo(f"  {count:6,}  {reason}")
