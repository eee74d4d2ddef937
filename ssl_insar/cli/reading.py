"""Options of every command that reads product files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--as`` and ``--roipac-toward``, passed on as ``layout`` and ``toward``."""
    command = click.option(
        "--roipac-toward",
        "toward",
        is_flag=True,
        help="ROI_PAC files count positive phase toward the satellite: turn their sign.",
    )(command)
    return click.option(
        "--as",
        "layout",
        metavar="LAYOUT",
        help="Layout of files that do not tell their own: raw:float32:ROWSxCOLUMNS (also >f4, complex64, "
        "uint8) or diapason:ROWSxCOLUMNS.",
    )(command)
