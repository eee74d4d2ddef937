"""Labels for tiles: from a label file, or from the label columns that came with the archive.

A label file is a table (CSV), Hephaestus annotations (JSON) or polygons (GeoPackage, GeoJSON,
Shapefile). A blank means *unknown*: such a tile is neither positive nor negative and is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive import label_hephaestus, label_polygons
from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.archive.label_csv import KEYS, read_labels
from ssl_insar.archive.label_rows import match, rows_by_file, spread
from ssl_insar.archive.label_values import FACTS, METADATA, PREFERRED, choose, typed
from ssl_insar.errors import UserError

__all__ = [
    "FACTS",
    "KEYS",
    "METADATA",
    "PREFERRED",
    "attach",
    "check_files",
    "join",
    "known",
    "labels_in",
    "read_labels",
]

TABLES = (".csv", ".tsv", ".txt")
POLYGONS = (".gpkg", ".geojson", ".shp")


def attach(
    catalogue: pd.DataFrame,
    labels: str | Path,
    target: str | None = None,
    *,
    ignore_absent: bool = False,
    tile: int | None = None,
) -> pd.Series[Any]:
    """Labels of a catalogue's tiles from a label file.

    Args:
        catalogue: an archive's catalogue, n rows.
        labels: the file; see `read_labels`, `label_hephaestus.columns` and `label_polygons.columns`.
        target: label column; None: the only one, else ``deformation`` or ``label``.
        ignore_absent: let a table name tiles that are not in the catalogue, with a warning.
        tile: side of a tile, px, which Hephaestus polygons need; None: not known.

    Returns:
        n nullable labels in the catalogue's order, ``Int64`` or ``string``, named like the target;
        missing where nothing is known.

    Raises:
        UserError: the file cannot be read; no target or an ambiguous one; names that are not in
            the catalogue; a file name that fits several files; a tile labelled two ways; values that
            are measurements; or not one label for this catalogue.
    """
    path = Path(labels)
    names, column_of = _told(catalogue, path, ignore_absent, (), tile)
    name = choose(names, target, str(path))
    column = column_of(name)
    if column.isna().all():
        raise UserError(
            f"{path}: column '{name}' holds no label for any of the {len(catalogue):,} tiles here"
        )
    return typed(column, name, str(path))


def check_files(labels: str | Path, files: Sequence[Path], *, ignore_absent: bool = False) -> None:
    """Check a label file before long work: that it can be read, and what files it names.

    A table keyed by tile, annotations and polygons can only be matched when the tiles are there.

    Raises:
        UserError: the file cannot be read; names that are not among ``files``; no label column.
    """
    path = Path(labels)
    kind = _kind(path)
    if kind == "annotations":
        label_hephaestus.read_annotations(path)
    elif kind == "polygons":
        label_polygons.read_polygons(path)
    else:
        table = read_labels(path)
        if not [name for name in table.columns[1:] if name not in METADATA]:
            choose(table.columns[1:], None, str(path))
        if table.columns[0] == "file":
            match(pd.DataFrame({"source": [str(f) for f in files]}), table, path, ignore_absent)


def join(
    catalogue: pd.DataFrame,
    labels: str | Path,
    *,
    ignore_absent: bool = False,
    without_tiles: Sequence[str] = (),
    tile: int | None = None,
) -> pd.DataFrame:
    """A catalogue with all that a label file knows about its tiles; blanks change nothing.

    Columns that describe the tile (`FACTS`) are taken over as such, any other becomes a
    ``label_`` column; measurements are kept as numbers.

    Args:
        catalogue: n rows.
        labels: see `attach`.
        ignore_absent: let a table name tiles that are not in the catalogue, with a warning.
        without_tiles: files that were there but gave no tile; a table may name them.
        tile: side of a tile, px, which Hephaestus polygons need; None: not known.

    Raises:
        UserError: what `attach` raises, but for targets.
    """
    path = Path(labels)
    names, column_of = _told(catalogue, path, ignore_absent, without_tiles, tile)
    joined = catalogue.copy()
    for name in names:
        column = column_of(name)
        if name in FACTS:
            if name.endswith("_date"):
                column = pd.to_datetime(column, errors="coerce", format="mixed").dt.date
            joined[name] = column.where(column.notna(), joined[name]).astype(object)
        elif name not in METADATA:
            if LABEL_PREFIX + name in joined:
                former = joined[LABEL_PREFIX + name].astype(object)
                column = column.where(column.notna(), former.where(former.notna(), None))
            joined[LABEL_PREFIX + name] = typed(column, name, str(path), measurements=True).array
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
    name = choose(names, target, "the archive")
    column = catalogue[LABEL_PREFIX + name].astype(object).reset_index(drop=True)
    if column.isna().all():
        raise UserError(f"the archive's labels '{name}' are all blank; give a table with --labels CSV")
    return typed(column, name, "the archive")


def known(labels: pd.Series[Any]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Which labels are known, and their values.

    Shape:
        (n,) -> (n,) bool, (m,) int64 or text
    """
    mask = labels.notna().to_numpy(dtype=bool)
    values = labels[mask]
    numeric = pd.api.types.is_numeric_dtype(labels.dtype) or pd.api.types.is_bool_dtype(labels.dtype)
    return mask, values.to_numpy(dtype=np.int64) if numeric else values.to_numpy(dtype=str)


def _kind(path: Path) -> str:
    """``table``, ``annotations`` or ``polygons``, by the suffix."""
    suffix = path.suffix.casefold()
    if path.is_dir() or suffix == ".json":
        return "annotations"
    if suffix in POLYGONS:
        return "polygons"
    if suffix in TABLES:
        return "table"
    raise UserError(
        f"{path}: is no kind of label file that is read here; give a table ({', '.join(TABLES)}), Hephaestus "
        f"annotations (.json or a folder of them) or polygons ({', '.join(POLYGONS)})"
    )


def _told(
    catalogue: pd.DataFrame,
    path: Path,
    ignore_absent: bool,
    without_tiles: Sequence[str],
    tile: int | None,
) -> tuple[list[str], Callable[[str], pd.Series[Any]]]:
    """Names of a label file's columns, and each laid over the rows of a catalogue, None where silent."""
    kind = _kind(path)
    if kind != "table":
        columns = (
            label_hephaestus.columns(catalogue, path, tile)
            if kind == "annotations"
            else label_polygons.columns(catalogue, path)
        )
        return list(columns), columns.__getitem__
    table = read_labels(path)
    if table.columns[0] == "file" and without_tiles:
        named = rows_by_file(pd.DataFrame({"source": list(without_tiles)}), table["file"], path)
        held = rows_by_file(catalogue, table["file"], path)
        table = table[[name in held or name not in named for name in table["file"]]]
    rows_of = match(catalogue, table, path, ignore_absent)
    return list(map(str, table.columns[1:])), lambda name: spread(table, name, rows_of, len(catalogue), path)
