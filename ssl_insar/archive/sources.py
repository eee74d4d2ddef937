"""Finds the files that an ingest is asked for, and tells whether they changed."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from ssl_insar.errors import UserError
from ssl_insar.readers import ReadOptions, looks_readable
from ssl_insar.readers.products import choose

_HASHED_WHOLE = 1 << 23
_SAMPLES = 64
_SAMPLE = 1 << 15
"""Files up to 8 MiB are hashed whole; of larger ones 64 stretches of 32 KiB, or hashing would cost as
much as reading."""


def find(
    sources: Sequence[str | Path], *, prefer: str = "wrapped", options: ReadOptions | None = None
) -> tuple[list[Path], list[Path]]:
    """Files behind folders, globs and names, each once, in a stable order.

    A folder is walked for files that some reader claims by name; hidden ones are left out. A file
    given by name is taken whatever its suffix.

    Args:
        sources: folders, files or globs.
        prefer: which representation to keep of an interferogram that a walk finds in several; see
            `ssl_insar.readers.products.choose`.
        options: with a raw layout, a walk also takes files whose suffix is that of raw files.

    Returns:
        the files, and those left out for another representation of the same interferogram.

    Raises:
        UserError: a source does not exist, or nothing is found in any of them.
    """
    named: dict[Path, Path] = {}
    walked: dict[Path, Path] = {}
    folders: dict[Path, Path] = {}
    for source in sources:
        paths, by_name = _expand(str(source), options or ReadOptions())
        for path in paths:
            # Known by what they are, named by what they are called: a link of git-annex leads to a hash.
            (named if by_name else walked).setdefault(_target(path, folders), path.absolute())
    if not named and not walked:
        listed = ", ".join(str(s) for s in sources)
        raise UserError(f"{listed}: no interferogram in there; give a folder of product files")
    kept, left = choose([path for target, path in walked.items() if target not in named], prefer)
    return [*named.values(), *kept], left


def _target(path: Path, folders: dict[Path, Path]) -> Path:
    """A path without links; ``folders`` keeps those that were followed, for many files share one."""
    if path.name in ("", "..") or path.is_symlink():
        return path.resolve()
    if path.parent not in folders:
        folders[path.parent] = path.parent.resolve()
    return folders[path.parent] / path.name


def fingerprint(path: Path) -> str:
    """Hash of a file's bytes, sampled where it is large; of a product folder, of its whole listing."""
    digest = hashlib.sha256()  # processors have instructions for this one
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        for entry in _entries(path):
            digest.update(repr(entry).encode())
        return digest.hexdigest()[:32]
    size = status.st_size
    with path.open("rb") as handle:
        if size <= _HASHED_WHOLE:
            digest.update(handle.read())
        else:
            digest.update(str(size).encode())
            for i in range(_SAMPLES):
                handle.seek((size - _SAMPLE) * i // (_SAMPLES - 1))
                digest.update(handle.read(_SAMPLE))
    return digest.hexdigest()[:32]


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of change, ns: what tells that a source is another than before."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        entries = _entries(path)
        return sum(size for _, size, _ in entries), max((changed for *_, changed in entries), default=0)
    return status.st_size, status.st_mtime_ns


def _entries(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of all files of a product that is a folder."""
    entries = []
    for parent, _, files in os.walk(folder):
        for name in files:
            status = (Path(parent) / name).stat()
            entries.append(
                (str((Path(parent) / name).relative_to(folder)), status.st_size, status.st_mtime_ns)
            )
    return sorted(entries)


def _expand(source: str, options: ReadOptions) -> tuple[Iterable[Path], bool]:
    """The paths behind one source, and whether they were given by name."""
    path = Path(source)
    if path.is_dir() and not looks_readable(path):
        return _walk(path, options), False
    if path.exists():
        return [path], True
    if glob.has_magic(source):
        # Path.glob takes no absolute pattern, and its stars match hidden files, too.
        matches = [Path(m) for m in sorted(glob.glob(source, recursive=True))]  # noqa: PTH207 - see above
        if not matches:
            raise UserError(f"{source}: the pattern matches no file")
        folders = [match for match in matches if match.is_dir() and not looks_readable(match)]
        if not folders:
            return matches, True
        return [
            file for match in matches for file in (_walk(match, options) if match in folders else [match])
        ], False
    raise UserError(f"{source}: no such file or folder")


def _walk(folder: Path, options: ReadOptions) -> list[Path]:
    found = []
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        products = [name for name in folders if name[0] != "." and looks_readable(here / name)]
        # A product that is a folder is not looked into.
        folders[:] = sorted(name for name in folders if name[0] != "." and name not in products)
        found += [here / name for name in products]
        found += [here / name for name in files if name[0] != "." and looks_readable(here / name, options)]
    return sorted(found)
