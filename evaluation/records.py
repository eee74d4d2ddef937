"""Results as lines of one CSV: a number a line, with all that it takes to trust or repeat it."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from ssl_insar import __version__
from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError

RESULTS = "results.csv"
MARK = "method"
"""A column that every table of results has."""
KEY = ("protocol", "archive_digest", "test_digest", "target", "part", "method", "metric")
"""What a number is of; a later line of the same key stands for the earlier one."""


def git_commit(folder: Path) -> str:
    """Commit of the checkout that holds ``folder``, ``-dirty`` with changes; empty where there is none."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def append(lines: Sequence[dict[str, Any]], folder: Path) -> None:
    """Add lines to ``results.csv``, whole or not at all; columns that one side lacks stay blank.

    Two protocols may end at once: each waits for the other's turn.

    Args:
        lines: column -> value; date, commit and version are added here.
        folder: where the file lies.

    Raises:
        UserError: the file there is not a table of results.
    """
    path = folder / RESULTS
    stamp = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "git_commit": git_commit(Path(__file__).parent),
        "ssl_insar": __version__,
    }
    table = pd.DataFrame([stamp | line for line in lines])
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".results.lock"):
        if path.exists():
            # Text as it stands, so that no number is rounded again.
            old = _read(path, dtype=str, keep_default_na=False)
            new = table.astype(object).where(table.notna(), "")
            table = pd.concat([old, new], ignore_index=True).fillna("")
        with replacing(path) as scratch:
            table.to_csv(scratch, index=False)


def read(folder: Path) -> pd.DataFrame:
    """The newest line of each `KEY`, in the order of the file; keys that are blank are "".

    Raises:
        UserError: no such file, or not a table of results.
    """
    path = folder / RESULTS
    if not path.exists():
        raise UserError(f"{folder}: no {RESULTS}; run a protocol with --out {folder} first")
    table = _read(path)
    absent = [name for name in KEY if name not in table]
    if absent:
        raise UserError(f"{path}: lacks the column {absent[0]}; give --out a new folder and run again")
    table[list(KEY)] = table[list(KEY)].fillna("").astype(str)
    return table.drop_duplicates(list(KEY), keep="last", ignore_index=True)


def _read(path: Path, **how: Any) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pd.read_csv(path, low_memory=False, **how)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable CSV ({error}); move it away") from error
    if MARK not in table:
        raise UserError(f"{path}: not a table of results; give another --out")
    return table
