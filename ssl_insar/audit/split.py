"""A given division of the tiles into training and held-out parts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.archive.label_rows import match, spread
from ssl_insar.archive.labels import read_labels
from ssl_insar.errors import UserError

_TRAIN = frozenset({"train", "training", "tr"})


@dataclass(frozen=True)
class Split:
    """Who is on which side.

    Attributes:
        name: where it came from.
        train: (N,) tiles to fit on.
        held: name of each other part (``test``, ``validation``) -> (N,) its tiles.
        csv: the table it came from, if it was one.
        notes: what there is to say about it, such as names that are not in the archive.
    """

    name: str
    train: NDArray[np.bool_]
    held: dict[str, NDArray[np.bool_]]
    csv: Path | None = None
    notes: list[str] = field(default_factory=list)


def read_split(catalogue: pd.DataFrame, where: str) -> Split:
    """The split in a column of a CSV (``labels.csv:published_split``) or of the catalogue.

    One value must be ``train``; every other one names a held-out part. Tiles with a blank are in none.

    Raises:
        UserError: no such table or column, or no training and held-out part in it.
    """
    csv, column = _place(where)
    if csv is None:
        name = next((n for n in (column, LABEL_PREFIX + column) if n in catalogue), None)
        if name is None:
            raise UserError(
                f"--split {where}: the archive has no such column; give CSV:COLUMN, such as labels.csv:split"
            )
        notes: list[str] = []
        values = catalogue[name].reset_index(drop=True).astype(object)
    else:
        values, notes = _from_table(catalogue, csv, column)
    sides = [None if pd.isna(v) else str(v).strip() for v in values]
    names = sorted({side for side in sides if side})
    train = [name for name in names if name.casefold() in _TRAIN]
    held = [name for name in names if name not in train]
    if not train or not held:
        raise UserError(
            f"--split {where}: needs 'train' and another value; it holds: {', '.join(names) or 'nothing'}"
        )
    sides_ = np.array([side or "" for side in sides])
    return Split(where, np.isin(sides_, train), {name: sides_ == name for name in held}, csv, notes)


def _place(where: str) -> tuple[Path | None, str]:
    """CSV and column; the last colon divides, for paths may hold others."""
    path, colon, column = where.rpartition(":")
    if colon and path and column:
        return Path(path), column
    if Path(where).is_file():
        raise UserError(f"--split {where}: say which column holds the split, as {where}:COLUMN")
    return None, where


def _from_table(catalogue: pd.DataFrame, csv: Path, column: str) -> tuple[pd.Series[Any], list[str]]:
    """The column laid over the tiles, and what there is to say about it."""
    table = read_labels(csv)
    if column not in table.columns[1:]:
        offered = ", ".join(map(str, table.columns[1:]))
        raise UserError(f"{csv}: has no column '{column}' for --split; it has: {offered}")
    with warnings.catch_warnings(record=True) as caught:
        # Published tables name files that one does not have, or that cannot be read.
        warnings.simplefilter("always")
        rows_of = match(catalogue, table, csv, True)
    return spread(table, column, rows_of, len(catalogue), csv), [str(w.message) for w in caught]
