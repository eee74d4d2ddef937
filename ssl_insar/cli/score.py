"""``ssl-insar score``: how much every tile of an archive looks as if it deforms, without any label."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssl_insar.cli.options import archive_argument, batch_size_option, choice_option, out_option, path_option

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ssl_insar.archive import Archive
    from ssl_insar.models.detector import Scored

FORMATS = (".csv", ".parquet", ".gpkg")
_CARRIED = ["id", "volcano", "reference_date", "secondary_date", "track", "source"]


@click.command(
    "score",
    epilog="\b\nExamples:\n"
    "  ssl-insar score archive --detector run --out scores.csv --top 20\n"
    "  ssl-insar score archive --detector run --out scores.gpkg --where --chips suspects\n"
    "\b\nThe detector comes of: ssl-insar pretrain ... --set positives.injected=1 --set heads.presence=1",
)
@archive_argument
@click.option(
    "--detector", required=True, metavar="RUN", type=click.Path(path_type=Path), help="Run that trained it."
)
@out_option("Table to write: .csv, .parquet or .gpkg (with footprints, for a GIS).", file=True)
@click.option(
    "--top",
    default=10,
    show_default=True,
    type=click.IntRange(0),
    help="Print, and draw, so many tiles of the highest score.",
)
@path_option("--chips", "Draw these as PNG files here.", metavar="DIR")
@choice_option(
    "--averaging",
    ["none", "exact", "offsets"],
    "Mean over pictures of a tile: itself; also mirrored and with swapped dates; also at 4 references.",
)
@click.option(
    "--where",
    is_flag=True,
    help="Add where in a tile the detector's coarse map is largest: row, column, and longitude and latitude.",
)
@batch_size_option
def command(
    archive: Path,
    detector: Path,
    out: Path,
    top: int,
    chips: Path | None,
    averaging: str,
    where: bool,
    batch_size: int,
) -> None:
    """Score every tile of ARCHIVE for deformation; no label is read.

    RUN is a finished pretraining run that had a head for the presence of simulated sources. The table
    has the tiles in the order of their score, the highest first: rank; score (a logit: it ranks, it is
    no probability); quiet_below, the share of the archive's presumably quiet tiles (flat phase) that
    score lower: 1 minus that is the rate of false alarms among such tiles. Among tiles of rough
    atmosphere it is higher. With --where also where_row and where_col (px from the upper left corner),
    where_lon and where_lat (degrees, blank without a footprint) and where_peak (a logit): the place of a
    map whose cells are some 32 px of the network's input, which points, and outlines nothing.
    """
    from typing import cast

    from ssl_insar.archive import Archive
    from ssl_insar.errors import UserError
    from ssl_insar.models.detector import Averaging, Detector, share_below
    from ssl_insar.pretrain.quiet import quiet_tiles

    if out.suffix.casefold() not in FORMATS:
        raise UserError(f"{out}: give --out a name that ends in {', '.join(FORMATS)}")
    if chips is not None and chips.exists() and not chips.is_dir():
        raise UserError(f"{chips}: is a file; --chips needs a folder")
    held = Detector.load(detector)
    if where and held.where is None:
        raise UserError(
            f"{detector}: its detector has no coarse map; leave --where out, or pretrain with "
            "--set heads.where=1"
        )
    tiles = Archive.open(archive)
    if out.suffix.casefold() == ".gpkg" and not tiles.catalogue["geometry"].notna().any():
        raise UserError(f"{tiles.path}: no tile has a footprint; give --out a .csv or .parquet")
    found = held.survey(tiles, averaging=cast(Averaging, averaging), batch_size=batch_size)
    scores, quiet = found.logits, quiet_tiles(tiles, "presumed")
    places = _places(tiles, found) if where else {}
    table = _table(tiles, scores, share_below(scores, scores[quiet]), places)
    if top:
        click.echo(_text(table.head(top)))
    click.echo(_calibration(scores, quiet))
    _say_labels(tiles, scores)
    _write(table, out)
    click.echo(f"wrote {len(table):,} scores to {out}")
    if chips is not None:
        _draw(tiles, table.head(top), chips)
        click.echo(f"wrote {min(top, len(table))} pictures to {chips}")


def _table(
    tiles: Archive,
    scores: NDArray[np.float32],
    below: NDArray[np.float64],
    places: dict[str, NDArray[np.float64]],
) -> pd.DataFrame:
    """One row a tile, the highest score first; ties in the order of their ids."""
    table = tiles.catalogue[[*_CARRIED, "geometry"]].assign(score=scores, quiet_below=below, **places)
    table = table.sort_values(["score", "id"], ascending=[False, True], ignore_index=True)
    table.insert(0, "rank", range(1, len(table) + 1))
    return table[["rank", "id", "score", "quiet_below", *places, *_CARRIED[1:], "geometry"]]


def _places(tiles: Archive, found: Scored) -> dict[str, NDArray[np.float64]]:
    """Where the coarse map of each tile is largest; NaN in tiles without data."""
    import numpy as np
    from shapely import Point

    from ssl_insar.explain.outline import on_the_map

    assert found.place is not None
    assert found.peak is not None
    known = np.isfinite(found.peak)[:, None]
    place = np.where(known, found.place, np.nan)
    degrees = np.full(place.shape, np.nan)
    for number, footprint in enumerate(tiles.catalogue["geometry"]):
        row, col = place[number] + 0.5
        at = on_the_map(Point(col, row), footprint, tiles.tile) if known[number, 0] else None
        if at is not None:
            degrees[number] = at.x, at.y
    columns = np.hstack([place, degrees, np.where(known, found.peak[:, None], np.nan)])
    names = ("where_row", "where_col", "where_lon", "where_lat", "where_peak")
    return dict(zip(names, columns.T, strict=True))


def _write(table: pd.DataFrame, out: Path) -> None:
    """The table in the format that the name asks for, atomically."""
    from ssl_insar.archive.catalogue import write_catalogue
    from ssl_insar.atomic import replacing

    kind = out.suffix.casefold()
    if kind == ".parquet":
        write_catalogue(table, out)
        return
    with replacing(out) as scratch:
        if kind == ".csv":
            table.drop(columns="geometry").to_csv(scratch, index=False, float_format="%.6g", errors="replace")
        else:
            import geopandas as gpd

            dates = {name: table[name].map(_iso) for name in ("reference_date", "secondary_date")}
            placed = gpd.GeoDataFrame(table.assign(**dates), geometry="geometry", crs="EPSG:4326")
            placed.to_file(scratch, driver="GPKG", layer="scores")


def _iso(day: object) -> str | None:
    return None if day is None else str(day)


def _text(table: pd.DataFrame) -> str:
    """The table for a terminal."""
    shown = table[["rank", "score", "quiet_below", "id", "volcano", "reference_date", "secondary_date"]]
    told = shown.columns[3:]
    shown = shown.assign(**{name: shown[name].map(lambda value: value or "-") for name in told})
    formats = {"score": "{:.3f}".format, "quiet_below": "{:.4f}".format}
    text: str = shown.to_string(index=False, formatters=formats)
    return text


def _calibration(scores: NDArray[np.float32], quiet: NDArray[np.intp]) -> str:
    """What the quiet tiles say of false alarms, in a sentence."""
    import numpy as np

    if not len(quiet):
        return "no tile is presumably quiet (coherent, phase as flat as a plane): quiet_below is unknown"
    threshold = np.quantile(scores[quiet], 0.99)
    over = int((scores >= threshold).sum())
    return (
        f"{len(quiet):,} of {len(scores):,} tiles are presumably quiet (flat phase); at 1 % of false alarms "
        f"among these (score {threshold:.3f}), {over:,} tiles are above"
    )


def _say_labels(tiles: Archive, scores: NDArray[np.float32]) -> None:
    """How well the scores agree with labels that the archive happens to hold."""
    from ssl_insar.archive.catalogue import label_names
    from ssl_insar.archive.groups import assign_groups, is_binary
    from ssl_insar.archive.labels import known, labels_in
    from ssl_insar.classify.metrics import auroc, average_precision, cluster_bootstrap
    from ssl_insar.errors import UserError

    groups = assign_groups(tiles.catalogue).names
    for name in label_names(tiles.catalogue):
        try:
            mask, y = known(labels_in(tiles.catalogue, name))
        except UserError:  # a label that is blank throughout
            continue
        if not is_binary(y):
            continue
        precision, area = (
            cluster_bootstrap(y, scores[mask], groups[mask], metric) for metric in (average_precision, auroc)
        )
        click.echo(
            f"label '{name}' ({len(y):,} tiles, {int(y.sum()):,} positive; not used for the score): "
            f"average precision {precision}, chance {y.mean():.3f}; AUROC {area}; 95 % intervals, by "
            "resampling volcanoes"
        )


def _draw(tiles: Archive, table: pd.DataFrame, folder: Path) -> None:
    """A PNG of each tile of a table, named by its rank and id."""
    from ssl_insar.atomic import replacing
    from ssl_insar.maps.phase_image import phase_png

    folder.mkdir(parents=True, exist_ok=True)
    for rank, name in zip(table["rank"], table["id"], strict=True):
        plain = re.sub(r"[^\w.-]+", "_", name)[-180:]  # file systems take 255 bytes at most
        with replacing(folder / f"{rank:04d}_{plain}.png") as scratch:
            scratch.write_bytes(phase_png(tiles.phasors([tiles.position(name)])[0]))
