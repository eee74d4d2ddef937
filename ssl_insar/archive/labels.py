"""Labels for tiles: from a CSV, or from the label columns that came with the archive.

A blank cell means *unknown*: such a tile is neither positive nor negative and is not used.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import COLUMNS, LABEL_PREFIX
from ssl_insar.errors import UserError

KEYS = ("id", "file")
METADATA = frozenset({*COLUMNS, "geometry", "published_split"})
"""Columns that say where, when or how, and are never a target."""

FACTS = ("volcano", "region", "frame", "track", "reference_date", "secondary_date")
"""Metadata that a label table may correct."""

PREFERRED = ("deformation", "label")
"""Target columns taken without asking when there are several."""

_BLANK = ["", "NA", "N/A", "NaN", "nan", "<NA>"]
_WORDS = {"true": 1, "yes": 1, "false": 0, "no": 0}


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


def attach(
    catalogue: pd.DataFrame,
    csv: str | Path,
    target: str | None = None,
    *,
    ignore_absent: bool = False,
) -> pd.Series[Any]:
    """Labels of a catalogue's tiles from a CSV.

    Args:
        catalogue: an archive's catalogue, n rows.
        csv: see `read_labels`.
        target: label column; None: the only one, else ``deformation`` or ``label``.
        ignore_absent: let the table name tiles that are not in the catalogue, with a warning.

    Returns:
        n nullable labels in the catalogue's order, ``Int64`` or ``string``, named like the target;
        missing where nothing is known.

    Raises:
        UserError: what `read_labels` raises; no target or an ambiguous one; names that are not in
            the catalogue; a file name that fits several files; a tile labelled two ways; values that
            are measurements; or not one label for this catalogue.
    """
    path = Path(csv)
    table = read_labels(path)
    name = _choose(list(table.columns[1:]), target, str(path))
    rows_of = _match(catalogue, table, path, ignore_absent)
    column = _spread(table, name, rows_of, len(catalogue), path)
    if column.isna().all():
        raise UserError(
            f"{path}: column '{name}' holds no label for any of the {len(catalogue):,} tiles here"
        )
    return _typed(column, name, str(path))


def check_files(csv: str | Path, files: Sequence[Path], *, ignore_absent: bool = False) -> None:
    """Check a label table before long work: that it can be read, and what files it names.

    A table keyed by tile can only be checked when the tiles are there.

    Raises:
        UserError: what `read_labels` raises; names that are not among ``files``; no label column.
    """
    path = Path(csv)
    table = read_labels(path)
    if not [name for name in table.columns[1:] if name not in METADATA]:
        _choose(table.columns[1:], None, str(path))
    if table.columns[0] == "file":
        _match(pd.DataFrame({"source": [str(f) for f in files]}), table, path, ignore_absent)


def join(
    catalogue: pd.DataFrame,
    csv: str | Path,
    *,
    ignore_absent: bool = False,
    without_tiles: Sequence[str] = (),
) -> pd.DataFrame:
    """A catalogue with all that a label table knows about its tiles; blank cells change nothing.

    Columns that describe the tile (`FACTS`) are taken over as such, any other becomes a
    ``label_`` column; measurements are kept as numbers.

    Args:
        catalogue: n rows.
        csv: see `read_labels`.
        ignore_absent: let the table name tiles that are not in the catalogue, with a warning.
        without_tiles: files that were there but gave no tile; the table may name them.

    Raises:
        UserError: what `attach` raises, but for targets.
    """
    path = Path(csv)
    table = read_labels(path)
    if table.columns[0] == "file" and without_tiles:
        named = _rows_by_file(pd.DataFrame({"source": list(without_tiles)}), table["file"], path)
        held = _rows_by_file(catalogue, table["file"], path)
        table = table[[name in held or name not in named for name in table["file"]]]
    rows_of = _match(catalogue, table, path, ignore_absent)
    joined = catalogue.copy()
    for name in map(str, table.columns[1:]):
        column = _spread(table, name, rows_of, len(catalogue), path)
        if name in FACTS:
            if name.endswith("_date"):
                column = pd.to_datetime(column, errors="coerce", format="mixed").dt.date
            joined[name] = column.where(column.notna(), joined[name]).astype(object)
        elif name not in METADATA:
            if LABEL_PREFIX + name in joined:
                former = joined[LABEL_PREFIX + name].astype(object)
                column = column.where(column.notna(), former.where(former.notna(), None))
            joined[LABEL_PREFIX + name] = _typed(column, name, str(path), measurements=True).array
    return joined


def labels_in(catalogue: pd.DataFrame, target: str | None = None) -> pd.Series[Any]:
    """Labels that came with the archive, in its ``label_*`` columns.

    Args:
        catalogue: an archive's catalogue, n rows.
        target: label name, without ``label_``; None as in `attach`.

    Returns:
        as `attach`.

    Raises:
        UserError: no label column, no such target, an ambiguous one, or none filled in.
    """
    names = [str(c)[len(LABEL_PREFIX) :] for c in catalogue if str(c).startswith(LABEL_PREFIX)]
    if not names:
        raise UserError("the archive carries no labels; give a table with --labels CSV")
    name = _choose(names, target, "the archive")
    column = catalogue[LABEL_PREFIX + name].astype(object).reset_index(drop=True)
    if column.isna().all():
        raise UserError(f"the archive's labels '{name}' are all blank; give a table with --labels CSV")
    return _typed(column, name, "the archive")


def known(labels: pd.Series[Any]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Which labels are known, and their values.

    Shape:
        (n,) -> (n,) bool, (m,) int64 or text
    """
    mask = labels.notna().to_numpy(dtype=bool)
    values = labels[mask]
    numeric = pd.api.types.is_numeric_dtype(labels.dtype) or pd.api.types.is_bool_dtype(labels.dtype)
    return mask, values.to_numpy(dtype=np.int64) if numeric else values.to_numpy(dtype=str)


def _plain_column(name: str) -> str:
    """Trim a heading, and write key and metadata columns as the catalogue does."""
    name = name.strip()
    low = name.casefold()
    return low if low in METADATA else name


def _choose(columns: Iterable[str], target: str | None, where: str) -> str:
    choices = [name for name in columns if name not in METADATA]
    offered = f"choose one of: {', '.join(choices)}" if choices else "it holds no label column"
    if target is not None:
        if target in choices:
            return target
        why = (
            "describes where or how a tile was taken, and is no label"
            if target in METADATA
            else "is not there"
        )
        raise UserError(f"{where}: target '{target}' {why}; {offered}")
    if len(choices) == 1:
        return choices[0]
    for name in PREFERRED:
        if name in choices:
            return name
    if not choices:
        raise UserError(
            f"{where}: holds no label column; add one beside the key, such as 'deformation' with 0 and 1"
        )
    raise UserError(f"{where}: holds several label columns; pass --target with one of: {', '.join(choices)}")


def _rows_by_id(catalogue: pd.DataFrame) -> dict[str, list[int]]:
    return {str(tile): [row] for row, tile in enumerate(catalogue["id"])}


def _rows_by_file(catalogue: pd.DataFrame, keys: pd.Series[Any], path: Path) -> dict[str, list[int]]:
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


def _match(
    catalogue: pd.DataFrame, table: pd.DataFrame, path: Path, ignore_absent: bool
) -> dict[str, list[int]]:
    """Rows of the catalogue that each key of a table stands for; unknown keys are refused."""
    keys = table.iloc[:, 0]
    by_id = table.columns[0] == "id"
    rows_of = _rows_by_id(catalogue) if by_id else _rows_by_file(catalogue, keys, path)
    absent = list(dict.fromkeys(k for k in keys if k not in rows_of))
    if absent:
        _report_absent(path, absent, ignore_absent)
    return rows_of


def _spread(
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
    column = pd.Series([None] * count, dtype=object)
    column[list(found)] = list(found.values())
    return column


def _report_absent(path: Path, absent: list[str], ignore: bool) -> None:
    listed = ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else "")
    what = f"{path}: {len(absent):,} of its names are not in the archive ({listed})"
    if not ignore:
        raise UserError(f"{what}; mend the table, or pass --ignore-absent to leave them out")
    warnings.warn(f"{what}; left out", stacklevel=3)


def _typed(column: pd.Series[Any], name: str, where: str, *, measurements: bool = False) -> pd.Series[Any]:
    """Whole numbers, booleans and yes/no as ``Int64``, anything else as ``string``.

    Other numbers are no classes: refused, or kept as ``Float64`` where measurements are welcome.
    """
    words = column.map(lambda v: _WORDS.get(str(v).strip().casefold(), v), na_action="ignore")
    numbers = pd.to_numeric(words, errors="coerce").astype("Float64")
    given = column.notna()
    if not (numbers.notna() == given).all():
        return pd.Series(
            [str(v) if ok else None for v, ok in zip(column, given, strict=True)], name=name, dtype="string"
        )
    if not (numbers.dropna() % 1 == 0).all():
        if measurements:
            return numbers.rename(name)
        raise UserError(
            f"{where}: column '{name}' holds measurements, not classes; give whole numbers or names"
        )
    return numbers.astype("Int64").rename(name)
