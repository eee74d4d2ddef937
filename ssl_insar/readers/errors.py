"""What a reader raises."""

from __future__ import annotations

from pathlib import Path

from ssl_insar.errors import UserError


class UnreadableError(UserError):
    """A file that holds no phase this package can read; the message says why."""


def damaged(path: Path, family: str, error: Exception) -> UnreadableError:
    """What to raise when a library stumbles over a file's contents, whatever it raised itself."""
    why = (str(error).splitlines() or [""])[0] or type(error).__name__
    return UnreadableError(f"{path}: damaged {family} file ({why})")
