"""Picks the family by looking at the file: its contents and neighbours decide, not its suffix alone."""

from __future__ import annotations

import os
from pathlib import Path

from ssl_insar.readers import geotiff, grey, npy
from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.family import HEAD_BYTES, Family, ReadOptions
from ssl_insar.readers.frame import Frame

FAMILIES: tuple[Family, ...] = (
    grey.FAMILY,
    geotiff.FAMILY,
    npy.FAMILY,
)
"""In the order of asking: the particular before the general."""


def looks_readable(path: Path) -> bool:
    """Whether a folder walk should try this file, by its name."""
    return any(family.walks(path) for family in FAMILIES)


def family_of(path: str | Path, options: ReadOptions | None = None) -> Family:
    """The family that reads a file.

    Raises:
        UnreadableError: the file is missing, empty, or of no known family.
    """
    path = Path(path)
    head = b"" if path.is_dir() else _head(path)
    for family in FAMILIES:
        if family.claims(path, head):
            return family
    if path.is_dir():
        raise UnreadableError(f"{path}: is a folder, not a file")
    known = ", ".join(family.name for family in FAMILIES)
    raise UnreadableError(f"{path}: {'is none of the known kinds (' + known + ')' if head else 'is empty'}")


def frames(path: str | Path, options: ReadOptions | None = None) -> list[Frame]:
    """All interferograms of a file; their pixels are read when asked for.

    Args:
        path: a product file of a known family.
        options: what the file cannot say about itself.

    Returns:
        the frames, sign normalised: positive phase = away from the satellite, reference date
        earlier. Where the later date stands first, the frame is reversed.

    Raises:
        UnreadableError: the file is missing, truncated, of no known family, or holds no phase.
    """
    path = Path(path)
    options = options or ReadOptions()
    family = family_of(path, options)
    try:
        found = family.frames(path, options)
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes a library raise anything; one file is never fatal
        raise damaged(path, family.name, error) from error
    return [
        frame.reversed()
        if frame.reference_date and frame.secondary_date and frame.reference_date > frame.secondary_date
        else frame
        for frame in found
    ]


def read(path: str | Path, options: ReadOptions | None = None, member: str | None = None) -> Frame:
    """Read one interferogram.

    Args:
        path: a product file of a known family.
        options: what the file cannot say about itself.
        member: which one, of a file that holds several.

    Returns:
        the frame; see `frames`.

    Raises:
        UnreadableError: what `frames` raises; several interferograms and no ``member``; or no such
            member.
    """
    found = frames(path, options)
    if member is not None:
        found = [frame for frame in found if frame.member == member] or found
        if found[0].member != member:
            raise UnreadableError(f"{path}: holds no interferogram '{member}'; it has {_listed(found)}")
    if len(found) > 1:
        raise UnreadableError(
            f"{path}: holds {len(found)} interferograms ({_listed(found)}); name one, or ingest them all"
        )
    return found[0]


def _listed(found: list[Frame]) -> str:
    names = [str(frame.member) for frame in found]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(HEAD_BYTES)
    except FileNotFoundError:
        raise UnreadableError(f"{path}: no such file") from None
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be opened ({os.strerror(error.errno or 0)})") from error
