"""Finds the files that an ingest is asked for."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from ssl_insar.errors import UserError
from ssl_insar.readers import looks_readable

_CHUNK = 1 << 20


def find(sources: Sequence[str | Path]) -> list[Path]:
    """Files behind folders, globs and names, each once, in a stable order.

    A folder is walked for files whose suffix some reader claims; hidden ones are left out. A file
    given by name is taken whatever its suffix.

    Raises:
        UserError: a source does not exist, or nothing is found in any of them.
    """
    found: dict[Path, None] = {}
    for source in sources:
        for path in _expand(str(source)):
            found.setdefault(path.resolve(), None)
    if not found:
        named = ", ".join(str(s) for s in sources)
        raise UserError(f"{named}: no .png, .tif or .npy file in there; give a folder of interferograms")
    return list(found)


def fingerprint(path: Path) -> str:
    """Hash of a file's bytes."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _expand(source: str) -> Iterable[Path]:
    path = Path(source)
    if path.is_dir():
        return _walk(path)
    if path.exists():
        return [path]
    if glob.has_magic(source):
        matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - Path.glob: no absolute patterns
        if not matches:
            raise UserError(f"{source}: the pattern matches no file")
        return [
            file
            for match in matches
            for file in (_walk(Path(match)) if Path(match).is_dir() else [Path(match)])
        ]
    raise UserError(f"{source}: no such file or folder")


def _walk(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if looks_readable(path)
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
