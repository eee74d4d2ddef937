"""Logs that a person can open: CSV files that a resumed run continues without a seam."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from ssl_insar.atomic import replacing


class CsvLog:
    """Appends rows to a CSV file, each on disk at once.

    Rows at or after ``keep_before`` are dropped when the file is opened: they belong to steps that
    a killed run had logged but not saved, and that are about to be done again.

    Args:
        path: the file.
        columns: its columns; the first is the step.
        keep_before: first step that is still to be done.
    """

    def __init__(self, path: Path, columns: list[str], keep_before: int) -> None:
        self.path = path
        self.columns = columns
        kept = [row for row in read_rows(path) if _step(row, columns[0]) < keep_before]
        with replacing(path) as scratch, scratch.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)
        self._handle = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._handle, columns)

    def write(self, row: dict[str, Any]) -> None:
        """Append one row."""
        self._writer.writerow({k: f"{v:.8g}" if isinstance(v, float) else v for k, v in row.items()})
        self._handle.flush()

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV log; a last line cut off by a kill is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    return list(csv.DictReader(whole.splitlines()))


def _step(row: dict[str, str], column: str) -> int:
    try:
        return int(row[column])
    except (KeyError, TypeError, ValueError):
        return 1 << 62  # a damaged row is dropped
