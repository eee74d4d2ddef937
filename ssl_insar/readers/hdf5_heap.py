"""A look at the part of an HDF5 file that holds its text, before the library reads it.

Strings of any length lie in global heaps. A free space of length 0 there, which one flipped bit makes,
sends the HDF5 library (1.14, 2.0) round in a circle for ever, and nothing stops it from outside.

Layout: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.E "Global Heap".
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_HEAP = b"GCOL\x01\0\0\0"
_ENTRY = struct.Struct("<HHIQ")
"""Number of an object (0: free space), how often it is used, nothing, and its length."""

LOOKED_THROUGH = 2**26
"""Bytes of the largest file that is looked through: in a larger one a flipped bit hardly ever hits text."""


def text_is_sound(path: Path) -> bool:
    """Whether no heap of the file holds a free space without length; files beyond 64 MiB are trusted."""
    if path.stat().st_size > LOOKED_THROUGH:
        return True
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        at = raw.find(_HEAP)
        while at >= 0:
            if not _sound(raw, at):
                return False
            at = raw.find(_HEAP, at + len(_HEAP))
    return True


def _sound(raw: mmap.mmap, start: int) -> bool:
    """Walk through the objects of one heap; what is wrong otherwise the library notices itself."""
    if start + 16 > len(raw):
        return True
    (size,) = struct.unpack_from("<Q", raw, start + 8)
    at, end = start + 16, min(start + size, len(raw))
    while at + _ENTRY.size <= end:
        number, _, _, length = _ENTRY.unpack_from(raw, at)
        if number == 0:
            if length == 0:
                return False
            at += length
        else:
            at += _ENTRY.size + -(-length // 8) * 8
    return True
