"""``ssl-insar search``: find the tiles that look like a query."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ssl_insar.cli.reading import reading_options
from ssl_insar.cli.search_text import found_notes, left_out_notes, table_text

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
    "  ssl-insar search index TILE --also TILE2 --also FILE --not TILE3\n"
    "  ssl-insar search index TILE --expand --unlike-place\n"
    "  ssl-insar search index TILE --history\n"
    '  ssl-insar search index --like "mogi depth=4000 peak=0.05 heading=-12"',
)
@click.argument("index", metavar="INDEX", type=click.Path(path_type=Path))
@click.argument("query", metavar="[QUERY]", required=False)
@click.option(
    "-k",
    "wanted",
    type=click.IntRange(min=1),
    help="Number of neighbours.  [default: 10; with --history all]",
)
@click.option(
    "--like",
    "template",
    metavar="SOURCE",
    help='In place of QUERY, a simulated source: "mogi depth=4000 peak=0.05 heading=-12" (m, degrees; a '
    "wrong word lists what there is).",
)
@click.option(
    "--expand",
    "expanded",
    is_flag=True,
    help="Ask for the query's mirror images and swapped dates, too.",
)
@click.option(
    "--history", is_flag=True, help="The query's own ground through time, by date, in place of others."
)
@click.option("--unlike-place", is_flag=True, help="Leave out the query's whole frame and volcano.")
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
    query: str | None,
    wanted: int | None,
    template: str | None,
    expanded: bool,
    history: bool,
    unlike_place: bool,
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

    results.csv says of each answer how it differs from the query (days_apart, km_apart, differs) and which
    share of random pairs of tiles is as alike (share_of_random_pairs).
    """
    from ssl_insar import search
    from ssl_insar.archive import Archive
    from ssl_insar.atomic import replacing
    from ssl_insar.errors import UserError
    from ssl_insar.readers import ReadOptions

    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    if (query is None) == (template is None):
        raise UserError("give QUERY, the id of a tile or a file, or else --like with a simulated source")
    if history and (template is not None or also or unwanted or expanded or unlike_place):
        raise UserError("--history shows the ground of QUERY; it takes no other way of asking")
    k = wanted or (None if history else 10)
    opened = search.Index.open(index)
    # A wrong --archive is a mistake to be told at once; one that was moved away is not.
    tiles = search.Pictures(opened, [Archive.open(path) for path in archives])
    allowed = search.Filter(
        where, near, within, since.date() if since else None, until.date() if until else None
    ).mask(opened.catalogue)
    options = ReadOptions(layout, toward)
    if template is not None:
        asked = search.like(opened, template, encoder)
    else:
        asked = search.resolve(opened, str(query), encoder, member=member, options=options)
    if expanded:
        asked = search.expand(opened, asked, encoder, tiles)
    more, less = (
        [search.resolve(opened, name, encoder, options=options) for name in names]
        for names in (also, unwanted)
    )
    if more or less:
        asked = search.rocchio(asked, more, less)
    notes = [f"Searched {len(opened)} tiles by cosine similarity of embeddings."]
    if history:
        found = search.history(opened, asked, k, allowed=allowed)
        notes.append("Tiles that overlap with the query, by date.")
    else:
        found = search.find(
            opened,
            asked,
            k or 10,
            keep_same_pair=keep_same_pair,
            keep_overlapping=keep_overlapping,
            unlike_place=unlike_place,
            allowed=allowed,
        )
        notes += left_out_notes(keep_same_pair, keep_overlapping, unlike_place)
    table = search.with_differences(opened, asked, search.as_table(opened, asked, found))
    table["share_of_random_pairs"] = search.RandomPairs(opened).share(table["cosine"])
    click.echo(table_text(table))
    notes += found_notes(opened, table, k)
    if template is not None:
        notes.append("The query is the mean of simulated scenes with noise of their own; the first is drawn.")
    if expanded:
        notes.append("Asked as it is, mirrored, and with swapped dates; the best counts (query_view).")
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
