"""Reads label tables: CSV with comma, semicolon or tab."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ssl_insar.archive.label_values import METADATA
from ssl_insar.errors import UserError

KEYS = ("id", "file")

_BLANK = ["", "NA", "N/A", "NaN", "nan", "<NA>"]


def read_labels(csv: str | Path) -> pd.DataFrame:
    """Read a label CSV (comma, semicolon or tab).

    Args:
        csv: a table with a key column ``id`` (tile id) or ``file`` (file name, or the end of its
            path; a file labels all its tiles) and one or more label columns.

    Returns:
        the table, all text, missing where a cell is blank; the first column is the key. With both
        keys present ``id`` is it. ``none`` is an honest class name and is kept.

    Raises:
        UserError: the file is missing, unreadable or empty, or has no key column.
    """
    path = Path(csv)
    try:
        with path.open(encoding="utf-8-sig") as handle:
            header = handle.readline()
        table = pd.read_csv(
            path,
            sep=next((mark for mark in ",;\t" if mark in header), ","),
            dtype=str,
            keep_default_na=False,
            na_values=_BLANK,
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except FileNotFoundError:
        raise UserError(f"{path}: no such label file") from None
    except pd.errors.EmptyDataError:
        raise UserError(
            f"{path}: is empty; a label table needs a column 'id' or 'file' and a label column"
        ) from None
    except (OSError, ValueError) as error:  # parser and decoding errors are ValueErrors
        raise UserError(f"{path}: cannot be read as a CSV ({str(error).splitlines()[0]})") from error
    table.columns = [_plain_column(str(name)) for name in table.columns]
    # pandas renames a repeated heading to "name.1" before anyone can see it.
    headings = [_plain_column(name) for name in re.split("[,;\t]", header.strip().replace('"', ""))]
    repeated = next((name for name in headings if name and headings.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"{path}: the column '{repeated}' stands there twice; keep one")
    key = next((name for name in KEYS if name in table), None)
    if key is None:
        raise UserError(
            f"{path}: has no column 'id' (tile id) or 'file' (file name) to say which tile a label is of; "
            f"it has: {', '.join(table.columns)}"
        )
    table = table.apply(lambda column: column.str.strip()).dropna(subset=[key]).reset_index(drop=True)
    if table.empty:
        raise UserError(f"{path}: holds no label; fill in a row a tile or file")
    ordered: pd.DataFrame = table[[key, *(name for name in table.columns if name not in KEYS)]]
    return ordered


def _plain_column(name: str) -> str:
    """Trim a heading, and write key and metadata columns as the catalogue does."""
    name = name.strip()
    low = name.casefold()
    return low if low in METADATA else name
