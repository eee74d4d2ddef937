"""Picks the reader by looking at the file: its first bytes decide, not its suffix alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ssl_insar.errors import UserError
from ssl_insar.readers.frame import Frame

_HEAD_BYTES = 16
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class UnreadableError(UserError):
    """A file that holds no phase this package can read; the message says why."""


@dataclass(frozen=True)
class Reader:
    """One product family: how its files begin, and how they are read."""

    family: str
    suffixes: tuple[str, ...]
    signatures: tuple[bytes, ...]
    load: Callable[[Path], Frame]


def _png(path: Path) -> Frame:
    from ssl_insar.readers.grey import read_png

    return read_png(path)


def _tiff(path: Path) -> Frame:
    from ssl_insar.readers.geotiff import read_geotiff

    return read_geotiff(path)


def _npy(path: Path) -> Frame:
    from ssl_insar.readers.npy import read_npy

    return read_npy(path)


# Loaders import their libraries when first used: a folder of .npy needs no GDAL.
READERS = (
    Reader("grey PNG", (".png",), (b"\x89PNG\r\n\x1a\n",), _png),
    Reader("GeoTIFF", (".tif", ".tiff"), _TIFF, _tiff),
    Reader("npy", (".npy",), (b"\x93NUMPY",), _npy),
)


def looks_readable(path: Path) -> bool:
    """Whether a folder walk should try this file: its suffix is one that some reader claims."""
    return path.suffix.lower() in {suffix for reader in READERS for suffix in reader.suffixes}


def read(path: str | Path) -> Frame:
    """Read one interferogram.

    Args:
        path: a product file of a known family.

    Returns:
        the frame, with its sign normalised: positive phase = away from the satellite, reference
        date earlier. A file whose name gives the later date first is reversed.

    Raises:
        UnreadableError: the file is missing, truncated, of no known family, or holds no phase.
    """
    path = Path(path)
    try:
        with path.open("rb") as handle:
            head = handle.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise UnreadableError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UnreadableError(f"{path}: is a folder, not a file") from None
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be opened ({error.strerror})") from error
    reader = next((r for r in READERS if any(head.startswith(s) for s in r.signatures)), None)
    if reader is None:
        known = ", ".join(r.family for r in READERS)
        why = "is empty" if not head else f"is none of the known kinds ({known})"
        raise UnreadableError(f"{path}: {why}")
    try:
        frame = reader.load(path)
    except UnreadableError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes a library raise anything; one file is never fatal
        why = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise UnreadableError(f"{path}: damaged {reader.family} file ({why})") from error
    if frame.reference_date and frame.secondary_date and frame.reference_date > frame.secondary_date:
        frame = frame.reversed()
    return frame
