"""Arguments and options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PATH = click.Path(path_type=Path)

archive_argument = click.argument("archive", metavar="ARCHIVE", type=PATH)
batch_size_option = click.option("--batch-size", default=256, show_default=True, type=click.IntRange(min=1))
overrides_option = click.option(
    "--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="Change a key of the recipe."
)


def out_option(what: str, *, metavar: str | None = None, file: bool = False) -> Decorator:
    """Add ``--out``, which has to be given.

    Args:
        what: is written there.
        metavar: what the help calls it.
        file: whether an existing folder is a mistake.
    """
    path = click.Path(path_type=Path, dir_okay=not file)
    return click.option("--out", required=True, metavar=metavar, type=path, help=what)


def path_option(name: str, what: str, *, metavar: str | None = None) -> Decorator:
    """Add an option that is a file or a folder, None if it is not given."""
    return click.option(name, metavar=metavar, type=PATH, help=what)


def choice_option(name: str, choices: Sequence[str], what: str) -> Decorator:
    """Add an option with some values, the first of which is the default."""
    return click.option(name, type=click.Choice(choices), default=choices[0], show_default=True, help=what)


def share_option(name: str, default: float, what: str) -> Decorator:
    """Add an option between 0 and 1."""
    return click.option(name, type=click.FloatRange(0, 1), default=default, show_default=True, help=what)
