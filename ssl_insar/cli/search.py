"""``ssl-insar search``: find the tiles that look like a query."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssl_insar.cli.reading import reading_options

if TYPE_CHECKING:
    import pandas as pd

    from ssl_insar.search import Index

_DAY = click.DateTime(["%Y-%m-%d", "%Y%m%d"])


class Place(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic in click 8.2 only
    """Longitude and latitude, degrees: ``-78.3,-1.5``."""

    name = "place"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Two numbers."""
        try:
            lon, lat = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no place; write longitude,latitude in degrees: -78.3,-1.5", param, ctx)
        return lon, lat


@click.command(
    "search",
    epilog="\b\nExamples:\n"
    "  ssl-insar search index 20180101_20180113_r0_c224\n"
    "  ssl-insar search index new/20240101_20240113.geo.diff_pha.tif -k 20 --out like-new\n"
    "  ssl-insar search index TILE --keep-same-pair --keep-overlapping\n"
    "  ssl-insar search index TILE --where \"pass == 'descending' and coherence > .5\" --since 2018-01-01\n"
    "  ssl-insar search index TILE --near -78.3,-1.5 --within 100 --map gpkg\n"
    "  ssl-insar search index TILE --also TILE2 --also FILE --not TILE3",
)
@click.argument("index", metavar="INDEX", type=click.Path(path_type=Path))
@click.argument("query", metavar="QUERY")
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="Number of neighbours.")
@click.option(
    "--out",
    default="search-results",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for results.csv, results.png and results.html.",
)
@click.option(
    "--member", help="Which interferogram of a QUERY file that holds several (ssl-insar info lists them)."
)
@click.option("--keep-same-pair", is_flag=True, help="Let tiles of the query's own interferogram be answers.")
@click.option("--keep-overlapping", is_flag=True, help="Let tiles on the query's own ground be answers.")
@click.option(
    "--encoder",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Encoder that embeds a file; by default the one that made the index.",
)
@click.option(
    "--archive",
    "archives",
    metavar="A",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Archive that holds pictures, if it has moved since the index was made; repeat for several.",
)
@click.option(
    "--where",
    metavar="CONDITION",
    help="Only tiles whose catalogue columns fulfil this, such as \"pass == 'descending' and "
    'coherent_fraction > .5".',
)
@click.option(
    "--near",
    metavar="LON,LAT",
    type=Place(),
    help="Only tiles near a place, degrees; --within says how near.",
)
@click.option("--within", metavar="KM", type=click.FloatRange(min=0), help="Distance from --near, km.")
@click.option(
    "--since", metavar="DATE", type=_DAY, help="Only interferograms that begin on this day or later."
)
@click.option(
    "--until", metavar="DATE", type=_DAY, help="Only interferograms that end on this day or earlier."
)
@click.option(
    "--also", metavar="QUERY", multiple=True, help="A further example of what to find; repeat for several."
)
@click.option(
    "--not",
    "unwanted",
    metavar="QUERY",
    multiple=True,
    help="An example of what not to find; repeat for several.",
)
@click.option(
    "--map",
    "map_format",
    type=click.Choice(["geojson", "gpkg"]),
    help="Also write the answers' footprints, as results.geojson or results.gpkg.",
)
@reading_options
def command(
    index: Path,
    query: str,
    k: int,
    out: Path,
    member: str | None,
    keep_same_pair: bool,
    keep_overlapping: bool,
    encoder: Path | None,
    archives: tuple[Path, ...],
    where: str | None,
    near: tuple[float, float] | None,
    within: float | None,
    since: datetime | None,
    until: datetime | None,
    also: tuple[str, ...],
    unwanted: tuple[str, ...],
    map_format: str | None,
    layout: str | None,
    toward: bool,
) -> None:
    """Find the tiles of INDEX that look most like QUERY.

    QUERY is the id of a tile in the index, or any interferogram file that can be ingested; a file
    is cut into tiles, and a neighbour's score is its best cosine with any of them.

    Left out, unless asked for: tiles of the query's own interferogram (same frame and dates, or same
    file) and tiles on its own ground. The query itself is always left out.
    """
    from ssl_insar import search
    from ssl_insar.archive import Archive
    from ssl_insar.atomic import replacing
    from ssl_insar.errors import UserError
    from ssl_insar.readers import ReadOptions

    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    opened = search.Index.open(index)
    # A wrong --archive is a mistake to be told at once; one that was moved away is not.
    tiles = search.Pictures(opened, [Archive.open(path) for path in archives])
    allowed = search.Filter(
        where, near, within, since.date() if since else None, until.date() if until else None
    ).mask(opened.catalogue)
    options = ReadOptions(layout, toward)
    asked = search.resolve(opened, query, encoder, member=member, options=options)
    more, less = (
        [search.resolve(opened, name, encoder, options=options) for name in names]
        for names in (also, unwanted)
    )
    if more or less:
        asked = search.rocchio(asked, more, less)
    found = search.find(
        opened, asked, k, keep_same_pair=keep_same_pair, keep_overlapping=keep_overlapping, allowed=allowed
    )
    table = search.as_table(opened, asked, found)
    click.echo(_text(table))
    notes = _notes(opened, len(table), k, keep_same_pair, keep_overlapping)
    if allowed is not None:
        notes.append(f"Of {len(opened)} tiles {int(allowed.sum())} fulfil the filter.")
    if more or less:
        notes.append(f"Nearer to {len(more)} further examples, away from {len(less)} (Rocchio).")
    for note in notes:
        click.echo(note)

    csv, *pictures = (out / f"results.{kind}" for kind in ("csv", "png", "html"))
    maps = {kind: out / f"results.{kind}" for kind in ("geojson", "gpkg")}
    for picture in (*pictures, *maps.values()):
        picture.unlink(missing_ok=True)  # pictures of an earlier search must not stand beside this table
    with replacing(csv) as scratch:
        table.to_csv(scratch, index=False, float_format="%.6g", errors="replace")
    click.echo(f"wrote {csv}")
    if map_format is not None:
        try:
            unknown = search.save_map(opened, table, maps[map_format])
            left = f" ({unknown} of {len(table)} without a footprint)" if unknown else ""
            click.echo(f"wrote {maps[map_format]}{left}")
        except UserError as error:
            click.echo(f"no map: {error}", err=True)
    try:
        gallery = search.make_gallery(opened, asked, table, tiles, notes)
    except UserError as error:
        click.echo(f"no gallery: {error}", err=True)
        return
    gallery.save_png(pictures[0])
    gallery.save_html(pictures[1])
    click.echo(f"wrote {pictures[0]}\nwrote {pictures[1]}")


def _notes(index: Index, found: int, k: int, keep_same_pair: bool, keep_overlapping: bool) -> list[str]:
    """Sentences on how the neighbours were found."""
    left_out = [
        *([] if keep_same_pair else ["the query's own interferogram (--keep-same-pair keeps it)"]),
        *([] if keep_overlapping else ["its own ground (--keep-overlapping keeps it)"]),
    ]
    notes = [f"Searched {len(index)} tiles by cosine similarity of embeddings."]
    if left_out:
        notes.append(f"Left out: {' and '.join(left_out)}.")
    if found < k:
        left = f"Only {found} of the {k} neighbours asked for are left." if found else "No neighbour is left."
        notes.append(left)
    if not index.exact:
        notes.append(f"Approximate search; measured recall at 10: {index.manifest['recall_at_10']:.3f}.")
    return notes


def _text(table: pd.DataFrame) -> str:
    """The table for a terminal: what matters, in columns."""
    from ssl_insar.archive.catalogue import LABEL_PREFIX
    from ssl_insar.search.gallery import plain

    labels = [name for name in table.columns if name.startswith(LABEL_PREFIX)]
    columns = ["rank", "cosine", "id", "volcano", "reference_date", "secondary_date", "track", *labels]
    shown = table[[name for name in columns if name in table]].copy()
    shown["cosine"] = shown["cosine"].map("{:.4f}".format)
    shown.columns = [name.removeprefix(LABEL_PREFIX) for name in shown.columns]
    cells = [list(shown.columns), *([plain(v) or "-" for v in row] for row in shown.itertuples(index=False))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = {"rank", "cosine"}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, cells[0], strict=True)
        ).rstrip()
        for row in cells
    )
