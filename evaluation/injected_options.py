"""What the protocols that inject sources are asked on the command line, and how they publish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd

from evaluation.backgrounds import Backgrounds, backgrounds
from evaluation.records import git_commit
from evaluation.running import gathered
from ssl_insar.archive import Archive
from ssl_insar.atomic import replacing


@dataclass(frozen=True)
class Asked:
    """What both protocols are asked on the command line; see `common_options`."""

    place: Path
    trained: Path | None
    quiet: str
    preset: str
    sources: int
    tiles: int
    draws: int
    seed: int
    out: Path

    def backgrounds(self, least_volcanoes: int) -> Backgrounds:
        """The quiet tiles; see `backgrounds`."""
        archive = Archive.open(self.place)
        return backgrounds(archive, self.quiet, self.trained, self.tiles, self.seed, least_volcanoes)

    def facts(self, tiles: Backgrounds) -> list[str]:
        """What a page has to say of them."""
        return [
            f"{len(tiles.rows):,} quiet tiles ({tiles.how}) of {len(np.unique(tiles.groups)):,} volcanoes; "
            + (
                f"{tiles.excluded:,} at volcanoes of the archive of {self.trained} left out"
                if self.trained
                else "the encoder may have been trained on these volcanoes"
            ),
            f"archive {tiles.archive.digest[:12]}, seed {self.seed}, "
            f"commit {git_commit(Path(__file__).parent) or 'unknown'}",
        ]

    def publish(self, name: str, table: pd.DataFrame, page: str, pictures: dict[str, bytes]) -> None:
        """Write ``name.csv``, ``name.md`` and PNG files, and print the page."""
        with replacing(self.out / f"{name}.csv") as scratch:
            table.to_csv(scratch, index=False, float_format="%.6g")
        for picture, content in pictures.items():
            with replacing(self.out / f"{picture}.png") as scratch:
                scratch.write_bytes(content)
        with replacing(self.out / f"{name}.md") as scratch:
            scratch.write_text(page, encoding="utf-8")
        click.echo(page)


def snr_option(default: float, more: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add ``--snr``, passed on by that name.

    Args:
        default: GLS ratio.
        more: to say in the help.
    """
    return click.option(
        "--snr",
        default=default,
        show_default=True,
        type=click.FloatRange(0, min_open=True),
        help=f"GLS ratio of the sources in 1 rad of atmosphere{more}.",
    )


def common_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of both protocols, which reach the command as one `Asked`."""
    options = [
        click.option("--archive", "place", required=True, type=click.Path(path_type=Path)),
        click.option(
            "--exclude-trained", "trained", metavar="RUN", type=click.Path(path_type=Path),
            help="Take no tile of a volcano of this run's archive.",
        ),
        click.option(
            "--quiet", type=click.Choice(["auto", "labelled", "presumed"]), default="auto", show_default=True,
            help="Tiles with label 0, or of flat phase; auto: labelled where there are labels.",
        ),
        click.option("--preset", default="volcanoes", show_default=True, help="Whose sources are injected."),
        click.option("--sources", default=256, show_default=True, type=click.IntRange(1), help="Patterns."),
        click.option("--tiles", default=500, show_default=True, type=click.IntRange(2), help="Most tiles."),
        click.option(
            "--draws", default=500, show_default=True, type=click.IntRange(1), help="Of the bootstrap."
        ),
        click.option("--seed", default=0, show_default=True, type=click.IntRange(0)),
        click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results."),
    ]  # fmt: skip
    wrapped = gathered(Asked, command)
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped
