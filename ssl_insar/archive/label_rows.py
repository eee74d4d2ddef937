"""Which rows of a catalogue a label table speaks of, by tile or by file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ssl_insar.errors import UserError


def _rows_by_id(catalogue: pd.DataFrame) -> dict[str, list[int]]:
    return {str(tile): [row] for row, tile in enumerate(catalogue["id"])}


def rows_by_file(catalogue: pd.DataFrame, keys: pd.Series[Any], path: Path) -> dict[str, list[int]]:
    """Rows of the tiles of each file that the table names, by its name or by the end of its path.

    LiCSAR calls the same dates of every frame the same, so a bare name may fit several files; to
    guess would label the wrong one.
    """
    rows: dict[str, list[int]] = {}
    sources: dict[str, list[str]] = {}
    for row, source in enumerate(catalogue["source"].astype(str)):
        plain = source.replace("\\", "/")
        if plain not in rows:
            sources.setdefault(plain.rsplit("/", 1)[-1], []).append(plain)
        rows.setdefault(plain, []).append(row)
    named: dict[str, list[int]] = {}
    for key in keys.unique():
        plain = str(key).replace("\\", "/")
        while plain.startswith(("./", "../")):  # relative to a folder we do not know
            plain = plain.partition("/")[2]
        fits = [s for s in sources.get(plain.rsplit("/", 1)[-1], ()) if s == plain or s.endswith("/" + plain)]
        exact = [s for s in fits if s == plain]
        if len(exact or fits) > 1:
            raise UserError(
                f"{path}: '{key}' fits {len(fits)} files of the archive ({fits[0]}, {fits[1]}); "
                "write as much of the path as tells them apart, or label by tile with a column 'id'"
            )
        if fits:
            named[str(key)] = rows[(exact or fits)[0]]
    return named


def match(
    catalogue: pd.DataFrame, table: pd.DataFrame, path: Path, ignore_absent: bool
) -> dict[str, list[int]]:
    """Rows of the catalogue that each key of a table stands for; unknown keys are refused."""
    keys = table.iloc[:, 0]
    by_id = table.columns[0] == "id"
    rows_of = _rows_by_id(catalogue) if by_id else rows_by_file(catalogue, keys, path)
    absent = list(dict.fromkeys(k for k in keys if k not in rows_of))
    if absent:
        _report_absent(path, absent, ignore_absent)
    return rows_of


def spread(
    table: pd.DataFrame, name: str, rows_of: dict[str, list[int]], count: int, path: Path
) -> pd.Series[Any]:
    """One column of a table laid over the rows of a catalogue; None where the table is silent."""
    found: dict[int, str] = {}
    pairs = table[[table.columns[0], name]].drop_duplicates().dropna()
    for key, value in pairs.itertuples(index=False):
        for row in rows_of.get(key, ()):
            before = found.setdefault(row, value)
            if before != value:
                raise UserError(
                    f"{path}: '{key}' is labelled both '{before}' and '{value}' in column '{name}'; keep one"
                )
    return laid(found, count)


def laid(values: Mapping[int, Any], count: int) -> pd.Series[Any]:
    """Values laid over the rows of a catalogue by their number; None where there is none."""
    column = pd.Series([None] * count, dtype=object)
    column[list(values)] = list(values.values())
    return column


def _report_absent(path: Path, absent: list[str], ignore: bool) -> None:
    listed = ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else "")
    what = f"{path}: {len(absent):,} of its names are not in the archive ({listed})"
    if not ignore:
        raise UserError(f"{what}; mend the table, or pass --ignore-absent to leave them out")
    warnings.warn(f"{what}; left out", stacklevel=3)
