"""``ssl-insar views``: the picture book of a recipe's effects."""

from __future__ import annotations

from pathlib import Path

import click

from ssl_insar.cli.options import archive_argument, out_option, overrides_option

_COLUMNS = 4


@click.command(
    "views",
    epilog="\b\nExamples:\n"
    "  ssl-insar views archive --out views.png\n"
    "  ssl-insar views archive --recipe simclr-cpu --set views.elastic.pixels=8 --out views.png\n"
    "  ssl-insar views archive --tile 20200101_20200113_r0_c0 --out views.png",
)
@archive_argument
@click.option("--recipe", default="simclr-cpu", show_default=True, help="Name or YAML file of a recipe.")
@overrides_option
@out_option("PNG to write.")
@click.option("--tile", "tiles", multiple=True, metavar="ID", help=f"Tiles to show, up to {_COLUMNS}.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of tiles and views.")
def command(
    archive: Path, recipe: str, overrides: tuple[str, ...], out: Path, tiles: tuple[str, ...], seed: int
) -> None:
    """Draw every effect of a recipe's views alone, and all together, on tiles of ARCHIVE.

    The first row shows the tiles as they are. Effects that are off in the recipe are drawn, too, and marked.
    """
    import numpy as np

    from ssl_insar.archive import Archive
    from ssl_insar.errors import UserError
    from ssl_insar.maps.picture_book import save_picture_book
    from ssl_insar.pretrain.bank import NoDonor, donor_bank
    from ssl_insar.pretrain.imaging import completed
    from ssl_insar.pretrain.recipe import load

    if len(tiles) > _COLUMNS:
        raise UserError(f"--tile: {len(tiles)} tiles; give up to {_COLUMNS}")
    if out.suffix.lower() != ".png":
        raise UserError(f"{out}: the pictures are drawn as a PNG; give --out a name that ends in .png")
    settings = load(recipe, overrides)
    opened = Archive.open(archive)
    if tiles:
        rows = [opened.position(name) for name in tiles]
    else:
        # Tiles in which there is something to see.
        good = np.flatnonzero((opened.catalogue["coherent_fraction"] >= 0.6).to_numpy(bool))
        pool = good if len(good) >= _COLUMNS else np.arange(len(opened))
        chosen = np.random.default_rng(seed).choice(pool, min(_COLUMNS, len(pool)), replace=False)
        rows = np.sort(chosen).tolist()
    size = settings.model.size
    views, whence = completed(settings.views, opened)
    click.echo(whence)
    try:
        bank = donor_bank(opened, size, views.donor, seed)
    except NoDonor:
        click.echo(
            f"note: {archive}: no tile is quiet and coherent enough to be a donor of atmosphere "
            "(views.donor): the row of the effect donor is left out"
        )
        bank = None
    off = save_picture_book(opened, rows, views, size, out, bank=bank, seed=seed)
    click.echo(f"wrote {out}" + (f"; off in the recipe: {', '.join(off)}" if off else ""))
