"""One writer at a time, and none that is dead."""

from __future__ import annotations

import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from ssl_insar.errors import UserError

LOCK, WRITER = ".lock", ".writer.json"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Hold a folder for writing.

    The system releases the lock of a process that dies, however it dies, so no lock is ever stale.

    Raises:
        UserError: another process, or another part of this one, is writing there; or the file system
            has no locks.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        _acquire(lock)
    except Timeout:
        raise UserError(
            f"{folder}: {_holder(folder)} is changing it; try again when that has ended"
        ) from None
    except NotImplementedError as error:
        raise UserError(f"{folder}: this file system has no file locks; keep the index on another") from error
    try:
        note = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        }
        (folder / WRITER).write_text(json.dumps(note), encoding="utf-8")
        yield
        (folder / WRITER).unlink(missing_ok=True)
    finally:
        lock.release()


def _acquire(lock: BaseFileLock) -> None:
    """Take the system's lock, and no substitute.

    Where a file system has no flock, filelock raises NotImplementedError or, in newer versions, warns and
    turns the lock into one that a marker file holds: a killed writer would leave that behind for good.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "flock not supported", UserWarning)
        try:
            lock.acquire()
        except Timeout:
            if not isinstance(lock, SoftFileLock):
                raise
    if isinstance(lock, SoftFileLock):
        lock.release()
        raise NotImplementedError("flock")


def _holder(folder: Path) -> str:
    try:
        note = json.loads((folder / WRITER).read_text(encoding="utf-8"))
        return f"process {note['pid']} on {note['host']} (since {note['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just taken the lock
        return "another process"
