"""``ssl-insar index``: make embeddings searchable, and keep the index up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssl_insar.cli import index_reports

if TYPE_CHECKING:
    from collections.abc import Callable

    from ssl_insar.models.embeddings import Embeddings
    from ssl_insar.search.store import Store

_PATH = click.Path(path_type=Path)
_index = click.argument("index", metavar="INDEX", type=_PATH)
_embeddings = click.argument("embeddings", metavar="EMB", type=_PATH)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


class Size(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic in click 8.2 only
    """Bytes as people write them: 4GB, 500MB, 2e9."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        if isinstance(value, int):
            return value
        text = str(value).strip().casefold().removesuffix("b")
        unit = text[-1:] if text[-1:] in _UNITS else ""
        try:
            size = int(float(text.removesuffix(unit)) * _UNITS[unit])
        except (ValueError, OverflowError):
            size = 0
        if size < 1:
            self.fail(f"{value!r} is no size; write 4GB, 500MB or bytes", param, ctx)
        return size


class IndexCommands(click.Group):
    """``index EMB --out INDEX`` is ``index build EMB --out INDEX``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what is no command's name for the arguments of ``build``."""
        if args and args[0] not in self.commands and args[0] not in (*ctx.help_option_names, "--help"):
            args = ["build", *args]
        return super().parse_args(ctx, args)


def settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that decide which index is built; what is not given is None."""
    options = (
        click.option(
            "--recall",
            type=click.FloatRange(0, 1, min_open=True),
            help="Share of the true 10 nearest that a search is to find; measured on your own vectors, and "
            "the search is tuned until it does.  [default: 0.98]",
        ),
        click.option(
            "--memory",
            type=Size(),
            help="Memory that the index may take, such as 4GB; beyond it, its lists stay on disk.  "
            "[default: half of the machine's]",
        ),
        click.option(
            "--changing/--fixed",
            default=None,
            help="Whether tiles will be added and removed; a graph, the fastest search, is built only "
            "for what is fixed.  [default: changing]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(
    "index",
    cls=IndexCommands,
    epilog="\b\nExamples:\n"
    "  ssl-insar index embeddings --out index\n"
    "  ssl-insar index embeddings --out index --recall .99 --memory 4GB --fixed\n"
    "  ssl-insar index add index new-embeddings\n"
    "  ssl-insar index remove index 20180101_20180113_r0_c224\n"
    "  ssl-insar index compact index\n"
    "  ssl-insar index novelty index\n"
    "  ssl-insar index duplicates index\n"
    "  ssl-insar search index TILE_OR_FILE",
)
def command() -> None:
    """Make embeddings searchable, and keep the index up to date.

    `ssl-insar index EMB --out INDEX` is short for `ssl-insar index build EMB --out INDEX`.

    The index compares with every tile up to 200,000 tiles; beyond, it chooses the index that suits
    their number, and says why. Every change is made whole or not at all: whoever searches meanwhile
    finds the old index, and so does whoever comes after a crash. It needs one of the extras
    ssl_insar[cpu] or ssl_insar[gpu].
    """


command.add_command(index_reports.novelty)
command.add_command(index_reports.duplicates)


@command.command(
    "build",
    epilog="\b\nExamples:\n"
    "  ssl-insar index build embeddings --out index\n"
    "  ssl-insar index build embeddings --out index --recall .99 --memory 4GB",
)
@_embeddings
@click.option("--out", required=True, type=_PATH, help="Folder to write; an index there is replaced.")
@settings
def build(embeddings: Path, out: Path, **given: Any) -> None:
    """Index the embeddings in EMB (an embeddings folder, or another index)."""
    from ssl_insar.search import Store

    store = Store.create(_open(embeddings), out, progress=True, **_given(given))
    _say(store)


@command.command("add", epilog="\b\nExample:\n  ssl-insar index add index new-embeddings")
@_index
@_embeddings
def add(index: Path, embeddings: Path) -> None:
    """Add the tiles of EMB to INDEX; none of them may be there yet.

    They must come from the encoder that made the index, and from tiles of the same size.
    """
    from ssl_insar.search import Store

    store, new = Store.open(index), _open(embeddings)
    store.add(new, progress=True)
    click.echo(f"added {len(new)} tiles")
    _say(store)


@command.command("update", epilog="\b\nExample:\n  ssl-insar index update index new-embeddings")
@_index
@_embeddings
def update(index: Path, embeddings: Path) -> None:
    """Replace the tiles of INDEX that are in EMB, and add those that are new."""
    from ssl_insar.search import Store

    store, new = Store.open(index), _open(embeddings)
    replaced = store.update(new, progress=True)
    click.echo(f"replaced {replaced} tiles, added {len(new) - replaced}")
    _say(store)


@command.command(
    "remove",
    epilog="\b\nExamples:\n"
    "  ssl-insar index remove index 20180101_20180113_r0_c224\n"
    "  ssl-insar index remove index --ids bad-tiles.txt",
)
@_index
@click.argument("tiles", metavar="[TILE]...", nargs=-1)
@click.option("--ids", type=click.File(encoding="utf-8"), help="File of tile ids, one a line; - reads them.")
def remove(index: Path, tiles: tuple[str, ...], ids: Any) -> None:
    """Remove tiles from INDEX by id; all of them, or none if one is not there."""
    from ssl_insar.errors import UserError
    from ssl_insar.search import Store

    named = [*tiles, *(line.strip() for line in ids or () if line.strip())]
    if not named:
        raise UserError("name the tiles to remove, or give a file of them with --ids")
    store = Store.open(index)
    click.echo(f"removed {store.remove(named)} tiles")
    _say(store)


@command.command(
    "compact",
    epilog="\b\nExamples:\n"
    "  ssl-insar index compact index\n"
    "  ssl-insar index compact index --again --recall .99",
)
@_index
@click.option("--again", is_flag=True, help="Rebuild from the embeddings even if nothing has changed.")
@settings
def compact(index: Path, again: bool, **given: Any) -> None:
    """Write INDEX anew in one piece: searches get faster, and removed tiles free their space."""
    from ssl_insar.search import Store

    store = Store.open(index)
    if not store.compact(progress=True, **_given(given)):
        if not again:
            click.echo(f"{index}: is in one piece already; --again rebuilds it")
            return
        store.rebuild(progress=True)
    _say(store)


@command.command(
    "info", epilog="\b\nExamples:\n  ssl-insar index info index\n  ssl-insar index info index --check"
)
@_index
@click.option("--check", is_flag=True, help="Read every file and compare it with its checksum.")
def info(index: Path, check: bool) -> None:
    """Say what INDEX holds, how it is searched, and with what recall."""
    from ssl_insar.search import Store
    from ssl_insar.search.archives import of_tiles
    from ssl_insar.search.choice import text_of

    store = Store.open(index)
    if check:
        unknown = len(store.snapshot.segments) - store.check()
        click.echo("every file with a checksum is as it was written")
        if unknown:
            click.echo(f"{unknown} pieces have none: ssl-insar index compact {index} --again")
    _say(store)
    told = store.manifest
    click.echo(f"encoder: {told.provenance.encoder} (hash {told.provenance.encoder_hash})")
    for archive, tiles in of_tiles(store.catalogue(), told.provenance).value_counts().items():
        click.echo(f"archive: {archive} ({tiles} tiles)")
    click.echo(f"change {told.generation}; {told.removed_count} removed tiles not yet compacted")
    for about in told.segments:
        tuned = about.tuned
        size = text_of(sum(about.sizes.values()))
        click.echo(f"{about.name}: {about.count} tiles, {about.factory}, {size} on disk")
        if tuned.effort is not None:
            what = "lists" if about.kind == "ivf" else "candidates"
            click.echo(
                f"  searches {tuned.effort} {what}, rescores {tuned.rescore} times as many as asked for; "
                f"recall at 10 of {tuned.recall:.3f} (goal {tuned.goal}), {tuned.milliseconds} ms a query"
            )


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _open(path: Path) -> Embeddings:
    """Embeddings from their folder, or from an index."""
    from ssl_insar.models.embeddings import Embeddings, read_manifest
    from ssl_insar.search import Index

    manifest = read_manifest(path, "embeddings", "ssl-insar embed RUN ARCHIVE --out")
    return Index.open(path).embeddings if manifest.get("kind") == "index" else Embeddings.open(path)


def _say(store: Store) -> None:
    """What the index is now, and why."""
    told = store.manifest
    recall = told.recall
    kind = "exact" if recall is None else f"recall at 10 of {recall:.3f}"
    click.echo(
        f"{store.folder}: {len(store)} tiles, dimension {store.dimension}, {told.main.factory} ({kind})"
    )
    if told.main.reason:
        click.echo(f"  {told.main.reason}")
    if not all(about.tuned.reached for about in told.segments):
        click.echo(f"  short of the recall of {told.goal} asked for: give it more --memory, or ask for less")
    if len(told.segments) > 1 or told.removed_count:
        click.echo(
            f"  in {len(told.segments)} pieces, {told.removed_count} removed tiles in them: "
            f"ssl-insar index compact {store.folder} makes it one"
        )
