"""Whole files or none: everything is written aside, flushed to disk, then renamed into place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ssl_insar.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a scratch path beside ``path``; rename it onto ``path`` if the block succeeds.

    A reader sees the old file or the new one, never half of either, and a crash leaves the old
    one. The scratch name keeps the suffix, which libraries use to choose a format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield scratch
        with scratch.open("rb") as handle:
            os.fsync(handle.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path, marker: str) -> Iterator[Path]:
    """Yield an empty scratch folder; swap it in for ``path`` if the block succeeds.

    POSIX cannot rename onto a full folder, so the old one steps aside first. Should the process die
    between the two renames, readers find it there (`present_folder`) and the next writer puts it back.

    Args:
        path: the folder.
        marker: a file that every folder of this kind holds; without it an existing folder is
            somebody else's and is not replaced.

    Raises:
        UserError: ``path`` is a file or a folder of something else.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _recover(path)
    check_replaceable(path, marker)
    scratch = path.with_name(f".{path.name}.new")
    old = _old_name(path)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        if path.exists():
            path.rename(old)
        scratch.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check_replaceable(path: Path, marker: str) -> None:
    """Refuse to replace what is not of the kind that the file ``marker`` tells.

    Long work calls this first, so as not to fail at its end.

    Raises:
        UserError: ``path`` is a file or a folder of something else.
    """
    if path.exists() and not path.is_dir():
        raise UserError(f"{path}: is a file; --out needs a folder")
    # Hidden files are scratch that a killed writer left.
    foreign = path.exists() and any(p.name[0] != "." for p in path.iterdir())
    if foreign and not (path / marker).exists():
        raise UserError(f"{path}: holds something else (no {marker}); give --out a new folder")


def present_folder(path: Path) -> Path:
    """Where a reader finds the folder: the old one, if a swap was cut off between its two renames."""
    old = _old_name(Path(path))
    return old if old.exists() and not Path(path).exists() else Path(path)


def _recover(path: Path) -> None:
    """Bring back the old folder after such a cut; for writers, of whom there is one at a time."""
    old = _old_name(path)
    if old.exists() and not path.exists():
        old.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically."""
    with replacing(path) as scratch:
        scratch.write_text(json.dumps(value, indent=2, default=str) + "\n", encoding="utf-8")


def _old_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")
