"""``ssl-insar ingest``: cut interferograms into an archive of tiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssl_insar.cli.options import choice_option, out_option, path_option, share_option
from ssl_insar.cli.reading import reading_options

if TYPE_CHECKING:
    from ssl_insar.archive.build import Report


@click.command(
    "ingest",
    epilog="\b\nExamples:\n"
    "  ssl-insar ingest LiCSAR/ --out archive\n"
    "  ssl-insar ingest '2024/*/*.geo.diff_pha.tif' --out archive --tile 224 --stride 112\n"
    "  ssl-insar ingest crops/ --labels labels.csv --out archive\n"
    "  ssl-insar ingest hyp3/ --spacing 100 --places volcanoes.csv --out archive\n"
    "  ssl-insar ingest scenes/*.pha --as diapason:2685x3338 --out archive\n"
    "\b\nThe same command again adds what is new and finishes what was interrupted.",
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@out_option("Archive folder.")
@click.option("--tile", default=224, show_default=True, type=int, help="Side of a tile, px.")
@click.option("--stride", type=int, help="Step between tiles, px; by default the side of a tile.")
@click.option(
    "--spacing", type=float, help="Multilook to this pixel spacing, m; by default pixels stay as delivered."
)
@click.option(
    "--labels",
    multiple=True,
    type=click.Path(path_type=Path),
    help="CSV with a column 'file' or 'id' and label columns (a blank cell is unknown), Hephaestus JSON, or "
    "polygons (GeoPackage, GeoJSON, Shapefile). May be given several times.",
)
@click.option("--ignore-absent", is_flag=True, help="Let the labels name files that are not there.")
@path_option("--places", "Table of volcanoes (CSV or GeoPackage) with coordinates; the nearest names a tile.")
@click.option(
    "--place-radius",
    default=50.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Distance beyond which no place names a tile, km.",
)
@share_option("--min-valid", 0.05, "Leave out tiles with fewer valid pixels (share).")
@choice_option(
    "--prefer",
    ["wrapped", "unwrapped", "all"],
    "Which representation to keep where a folder holds several of one interferogram.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Reading threads; by default one a core.")
@reading_options
def command(
    sources: tuple[str, ...],
    out: Path,
    tile: int,
    stride: int | None,
    spacing: float | None,
    labels: tuple[Path, ...],
    ignore_absent: bool,
    places: Path | None,
    place_radius: float,
    min_valid: float,
    prefer: str,
    workers: int | None,
    layout: str | None,
    toward: bool,
) -> None:
    """Cut interferograms into an archive of tiles.

    SOURCE is a folder (walked), a glob in quotes, or a file of any product family that `ssl-insar
    info` recognises: LiCSAR, HyP3, MintPy, ISCE2, GAMMA, ROI_PAC, LiCSBAS, ARIA, OPERA, NISAR, GMTSAR,
    Hephaestus minicubes, colour quick-looks, grey PNG, GeoTIFF, npy. Coherence, line of sight and
    elevation are taken from the files beside. Unreadable files are skipped and reported.
    """
    from ssl_insar.archive import ingest
    from ssl_insar.readers import ReadOptions

    report = ingest(
        list(sources),
        out,
        tile=tile,
        stride=stride,
        spacing=spacing,
        labels=labels,
        ignore_absent=ignore_absent,
        places=places,
        place_radius=place_radius,
        min_valid=min_valid,
        prefer=prefer,
        options=ReadOptions(layout, toward),
        workers=workers,
    )
    _tell(report, out, tile)


def _tell(report: Report, out: Path, tile: int) -> None:
    click.echo(
        f"{out}: {len(report.archive):,} tiles of {tile} px; {report.new_tiles:,} new from {report.read:,} "
        f"files, {report.known:,} files known before"
    )
    table = report.archive.catalogue
    kept = [
        f"{count:,} {name}"
        for name, count in (
            ("unwrapped", int((~table["wrapped"]).sum())),
            ("with coherence", int(table["has_coherence"].sum())),
            ("with elevation", int(table["has_elevation"].sum())),
            ("georeferenced", int(table["geometry"].notna().sum())),
            ("at a named volcano", int(table["volcano"].notna().sum())),
        )
        if count
    ]
    if kept:
        click.echo(f"of these tiles: {', '.join(kept)}")
    if report.replaced:
        click.echo(f"{report.replaced:,} tiles of files that have changed since were replaced")
    if report.left:
        click.echo(
            f"left out {report.left:,} files that show the same interferogram in another way (--prefer all "
            "takes them too)"
        )
    if report.skipped:
        click.echo(f"skipped {len(report.skipped):,} (all in {out / 'skipped.csv'}):")
        for reason, count in report.reasons().most_common(5):
            click.echo(f"  {count:6,}  {reason}")
