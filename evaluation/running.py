"""How every protocol is run from the command line."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable
from typing import Any

import click

from ssl_insar.errors import UserError


def run(command: click.Command) -> None:
    """Run a command; an error that the user can put right is one line and exit code 2."""
    try:
        command()
    except UserError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


def gathered(kind: type[Any], command: Callable[..., None]) -> Callable[..., None]:
    """A command that gets the options named as the fields of a dataclass as one instance of it, first.

    Args:
        kind: the dataclass; the command needs an option for each of its fields.
        command: called with the instance, and with the other options by name.
    """

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        fields = {each.name: given.pop(each.name) for each in dataclasses.fields(kind)}
        command(kind(**fields), **given)

    return wrapped
