"""Picks the family by looking at the file: its contents and neighbours decide, not its suffix alone."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Sequence
from pathlib import Path

from ssl_insar.readers import (
    gamma,
    geotiff,
    gmtsar,
    grey,
    hdf5,
    hyp3,
    isce2,
    licsar,
    licsbas,
    minicubes,
    npy,
    raw,
    roipac,
)
from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.family import HEAD_BYTES, Family, ReadOptions
from ssl_insar.readers.frame import Frame

_BY_SIGNATURE: tuple[Family, ...] = (
    grey.FAMILY,
    licsar.FAMILY,
    hyp3.FAMILY,
    geotiff.FAMILY,
    npy.FAMILY,
    minicubes.FAMILY,
    hdf5.FAMILY,
    gmtsar.FAMILY,
)

FAMILIES: tuple[Family, ...] = (
    *_BY_SIGNATURE,
    isce2.FAMILY,
    roipac.FAMILY,
    licsbas.FAMILY,
    gamma.FAMILY,
    raw.FAMILY,
)
"""In the order of asking: the particular before the general."""


def looks_readable(path: Path, options: ReadOptions | None = None) -> bool:
    """Whether a folder walk should try this file, by its name; with a layout, raw files too."""
    if options and options.layout and path.suffix.lower() in raw.SUFFIXES:
        return True
    return any(family.walks(path) for family in FAMILIES)


def family_of(path: str | Path, options: ReadOptions | None = None) -> Family:
    """The family that reads a file.

    With a layout, a file that does not begin with a format's signature is a raw one, whatever headers lie
    nearby.

    Raises:
        UnreadableError: the file is missing, empty, or of no known family.
    """
    path = Path(path)
    kind = _kind(path)
    if kind and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise UnreadableError(f"{path}: is a pipe or a device, not a file")  # opening one may wait for ever
    head = b"" if stat.S_ISDIR(kind) else _head(path)
    layout = options is not None and options.layout is not None and bool(head)
    for family in _BY_SIGNATURE if layout else FAMILIES:
        if family.claims(path, head):
            return family
    if layout:
        return raw.FAMILY
    if stat.S_ISDIR(kind):
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
        earlier. Where the later date stands first, the frame is reversed; where the southernmost row
        does, it is turned north up. Of several, those between one date and itself are left out with a
        warning.

    Raises:
        UnreadableError: the file is missing, truncated, of no known family, holds no phase, or says that
            its two dates are one.
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
        for frame in (one.north_up() for one in _between_dates(path, found))
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


def _between_dates(path: Path, found: Sequence[Frame]) -> list[Frame]:
    """Those that are not said to lie between one date and itself.

    Nothing moves in no time, so one of the dates is wrong, and which is not told. A file name that
    repeats a date never gets here: it says no pair (`ssl_insar.readers.names`).
    """
    kept = [frame for frame in found if not _same_day(frame)]
    if len(kept) < len(found):
        day = next(frame.reference_date for frame in found if _same_day(frame))
        told = f"{path}: reference and secondary date are the same ({day})"
        if not kept:
            raise UnreadableError(f"{told}, so that one of them is wrong; correct it in the product")
        warnings.warn(f"{told} in {len(found) - len(kept)} interferograms; left out", stacklevel=3)
    return kept


def _same_day(frame: Frame) -> bool:
    return frame.reference_date is not None and frame.reference_date == frame.secondary_date


def _listed(found: list[Frame]) -> str:
    names = [str(frame.member) for frame in found]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _kind(path: Path) -> int:
    """Mode of a file; 0 where it cannot be told, which opening it tells better."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(HEAD_BYTES)
    except FileNotFoundError:
        raise UnreadableError(f"{path}: no such file") from None
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be opened ({os.strerror(error.errno or 0)})") from error
