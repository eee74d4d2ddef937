"""``ssl-insar map``: a score for every place of a whole interferogram, as a Cloud-Optimised GeoTIFF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssl_insar.cli.options import out_option, path_option, share_option
from ssl_insar.cli.reading import reading_options

if TYPE_CHECKING:
    from ssl_insar.explain.sliding import Band


@click.command(
    "map",
    epilog="\b\nExamples:\n"
    "  ssl-insar map run 20200101_20200113.geo.diff_pha.tif --out score.tif\n"
    "  ssl-insar map CLF frame.tif --encoder run --stride 56 --threshold 0.5 --areas areas.gpkg --out p.tif",
)
@click.argument("model", metavar="CLF|RUN", type=click.Path(path_type=Path))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@out_option("GeoTIFF to write, .tif.", file=True)
@path_option("--encoder", "Run whose encoder CLF was fitted on.")
@click.option("--class", "wanted", metavar="CLASS", help="Class to map; default: not the quiet one.")
@click.option("--member", help="Which interferogram, of a file that holds several.")
@click.option(
    "--tile", type=click.IntRange(16), help="Side of a tile, px; default: as in training, else 224."
)
@click.option("--stride", type=click.IntRange(1), help="Step between tiles, px; default: half a tile.")
@click.option(
    "--spacing", type=click.FloatRange(0, min_open=True), help="Multilook to this pixel spacing first, m."
)
@share_option("--min-valid", 0.3, "Least share of valid pixels of a tile that is scored.")
@share_option("--threshold", 0.5, "Least score inside the polygons of --areas.")
@click.option(
    "--areas", type=click.Path(path_type=Path, dir_okay=False), help="GeoPackage of areas above it, .gpkg."
)
@reading_options
def command(
    model: Path,
    file: Path,
    out: Path,
    encoder: Path | None,
    wanted: str | None,
    member: str | None,
    tile: int | None,
    stride: int | None,
    spacing: float | None,
    min_valid: float,
    threshold: float,
    areas: Path | None,
    layout: str | None,
    toward: bool,
) -> None:
    """Score overlapping tiles of the interferogram FILE and mosaic them into a map.

    A pixel of the map tells of the tiles around it: it is no outline of what deforms. NaN where there is
    no data. The frame is read, and the map is written, a few rows of tiles at a time.
    """
    from ssl_insar.archive.spacing import at_spacing
    from ssl_insar.errors import UserError
    from ssl_insar.explain import open_judge
    from ssl_insar.explain.geotiff import areas_above, write_areas, write_cog
    from ssl_insar.explain.sliding import corners, sliding_scores
    from ssl_insar.models.precision import best_device
    from ssl_insar.progress import bar
    from ssl_insar.readers import ReadOptions, read

    for path, suffix in ((out, ".tif"), (areas, ".gpkg")):
        if path is not None and path.suffix.casefold() != suffix:
            raise UserError(f"{path}: give it a name that ends in {suffix}")
    judge = open_judge(model, encoder, wanted)
    if judge.score is None:
        raise UserError(
            f"{model}: an encoder alone gives no scores; give a run with a detector, or a classifier"
        )
    frame = read(file, ReadOptions(layout, toward), member)
    if spacing is not None:
        frame = at_spacing(frame, spacing)
    data = judge.encoder.card.about.get("data", {})
    tile = tile or int(data.get("tile_px", 224))
    stride = stride or tile // 2
    if stride > tile:
        raise UserError(f"--stride {stride} leaves gaps between tiles of {tile} px; give {tile} or less")
    trained, here = data.get("tile_spacing_m"), frame.spacing
    if trained and here and not trained[0] / 1.5 <= (here[0] * here[1]) ** 0.5 <= trained[2] * 1.5:
        click.echo(
            f"warning: pixels of {here[0]:.0f} x {here[1]:.0f} m, trained on {trained[0]:g} to "
            f"{trained[2]:g} m; see --spacing",
            err=True,
        )
    judge.network.to(best_device())
    bands = sliding_scores(judge, judge.score, frame, tile, stride, min_valid)
    tags = {
        "model": str(model),
        "encoder": judge.encoder.hash,
        "tile_px": str(tile),
        "stride_px": str(stride),
    }
    with bar(len(corners(frame.shape[0], tile, stride)), "map", "row of tiles") as progress:

        def counted() -> Iterator[Band]:
            for band in bands:
                yield band
                progress.update()

        write_cog(frame, counted(), out, judge.what, tags)
    click.echo(f"wrote {judge.what} of {frame.shape[0]} x {frame.shape[1]} px to {out}")
    if frame.crs is None:
        click.echo("note: the frame is not georeferenced; map and areas are in pixels")
    if areas is not None:
        table = areas_above(frame, out, threshold)
        write_areas(table, areas)
        click.echo(f"wrote {len(table)} areas of {threshold:g} or more to {areas}")
