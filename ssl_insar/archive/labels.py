"""Label tables: a CSV keyed by tile or by file, joined to a catalogue.

A blank cell is *unknown*, never negative. Columns that the catalogue itself has (volcano, region,
frame, track and the two dates) are facts about the tile and are taken over; every other column is
a label.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.errors import UserError

FACTS = ("volcano", "region", "frame", "track", "reference_date", "secondary_date")
KEYS = ("id", "file")


@dataclass(frozen=True)
class LabelTable:
    """A label CSV in memory.

    Attributes:
        path: the CSV.
        key: ``id`` (one tile) or ``file`` (all tiles of a file, by name or path).
        rows: indexed by the key, as written; each key once.
    """

    path: Path
    key: str
    rows: pd.DataFrame

    @classmethod
    def read(cls, path: str | Path) -> LabelTable:
        """Read and check a label CSV.

        Raises:
            UserError: missing or empty file, no key column, no label, or a key labelled two ways.
        """
        path = Path(path)
        try:
            rows = pd.read_csv(path, dtype=str, skipinitialspace=True)
        except FileNotFoundError:
            raise UserError(f"{path}: no such label file") from None
        except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
            raise UserError(f"{path}: not a readable CSV ({error})") from error
        key = next((k for k in KEYS if k in rows), None)
        if key is None:
            raise UserError(
                f"{path}: needs a column 'id' (tile) or 'file' (file name); has {', '.join(map(str, rows))}"
            )
        rows = rows.dropna(subset=[key])
        if rows.empty:
            raise UserError(f"{path}: holds no row")
        rows = rows.drop(columns=[k for k in KEYS if k != key and k in rows]).drop_duplicates()
        twice = rows[key][rows[key].duplicated()]
        if len(twice):
            raise UserError(f"{path}: '{twice.iloc[0]}' stands there twice with different values; keep one")
        table = cls(path, key, rows.set_index(key))
        if not table.names:
            raise UserError(f"{path}: holds no label column beside {', '.join(rows.columns)}")
        return table

    @property
    def names(self) -> list[str]:
        """Label columns."""
        return [str(name) for name in self.rows if name not in FACTS]

    def check_files(self, files: Iterable[Path]) -> None:
        """Refuse a table that names files which are not among ``files``.

        Raises:
            UserError: with the first absent names and how many there are.
        """
        if self.key != "file":
            return
        present = {str(f) for path in files for f in (path, path.name)}
        self._refuse([name for name in self.rows.index if name not in present], "files that are not there")

    def keys_of(self, catalogue: pd.DataFrame) -> pd.Series[Any]:
        """The key under which each tile may stand in this table.

        A file is matched by its path first, then by its name.
        """
        if self.key == "id":
            return catalogue["id"]
        source = catalogue["source"]
        return source.where(source.isin(self.rows.index), catalogue["file"])

    def join(self, catalogue: pd.DataFrame, *, ignore_absent: bool = False) -> Any:
        """The catalogue with facts and ``label_`` columns filled in; blank cells change nothing.

        Raises:
            UserError: the table names tiles that are not in the catalogue.
        """
        if not ignore_absent and self.key == "id":
            held = set(catalogue["id"])
            self._refuse(
                [name for name in self.rows.index if name not in held], "tiles that are not in the archive"
            )
        joined = catalogue.copy()
        keys = self.keys_of(catalogue)
        for name in self.rows:
            values = keys.map(self.rows[name])
            if name in FACTS:
                if str(name).endswith("_date"):
                    values = pd.to_datetime(values, errors="coerce", format="mixed").dt.date
                known = values.notna()
                joined[name] = values.where(known, joined[name])
            else:
                column = f"{LABEL_PREFIX}{name}"
                if column in joined:
                    values = values.where(values.notna(), joined[column].astype(object))
                joined[column] = typed(values)
        return joined

    def _refuse(self, absent: list[Any], what: str) -> None:
        if absent:
            first = ", ".join(str(name) for name in absent[:3])
            raise UserError(
                f"{self.path}: names {len(absent)} {what} ({first}{', ...' if len(absent) > 3 else ''}); "
                "mend the table or pass --ignore-absent"
            )


def typed(values: pd.Series[Any]) -> pd.Series[Any]:
    """Whole numbers as nullable integers, other numbers as floats, the rest as text."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().sum() != values.notna().sum():
        return values.astype("string")
    whole = (numbers.dropna() % 1 == 0).all()
    return numbers.astype("Int64") if whole else numbers.astype("Float64")
