"""How every protocol is run from the command line."""

from __future__ import annotations

import sys

import click

from ssl_insar.errors import UserError


def run(command: click.Command) -> None:
    """Run a command; an error that the user can put right is one line and exit code 2."""
    try:
        command()
    except UserError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
