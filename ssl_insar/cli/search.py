"""``ssl-insar search``: find the tiles that look like a query."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ssl_insar.cli.reading import reading_options

if TYPE_CHECKING:
    import pandas as pd

    from ssl_insar.search import Index


@click.command(
    "search",
    epilog="\b\nExamples:\n"
    "  ssl-insar search index 20180101_20180113_r0_c224\n"
    "  ssl-insar search index new/20240101_20240113.geo.diff_pha.tif -k 20 --out like-new\n"
    "  ssl-insar search index TILE --keep-same-pair --keep-overlapping",
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
    metavar="A",
    type=click.Path(path_type=Path),
    help="Archive that holds the pictures, if it has moved since the index was made.",
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
    archive: Path | None,
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
    from ssl_insar.atomic import replacing
    from ssl_insar.errors import UserError
    from ssl_insar.readers import ReadOptions

    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    opened = search.Index.open(index)
    # A wrong --archive is a mistake to be told at once; one that was moved away is not.
    tiles = search.open_archive(opened, archive) if archive else None
    asked = search.resolve(opened, query, encoder, member=member, options=ReadOptions(layout, toward))
    found = search.find(opened, asked, k, keep_same_pair=keep_same_pair, keep_overlapping=keep_overlapping)
    table = search.as_table(opened, asked, found)
    click.echo(_text(table))
    notes = _notes(opened, len(table), k, keep_same_pair, keep_overlapping)
    for note in notes:
        click.echo(note)

    csv, *pictures = (out / f"results.{kind}" for kind in ("csv", "png", "html"))
    for picture in pictures:
        picture.unlink(missing_ok=True)  # pictures of an earlier search must not stand beside this table
    with replacing(csv) as scratch:
        table.to_csv(scratch, index=False, float_format="%.6g", errors="replace")
    click.echo(f"wrote {csv}")
    try:
        tiles = tiles if tiles is not None else search.open_archive(opened)
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
