"""Checksums of files, against bytes that a disk or a copy has changed (not against a forger)."""

from __future__ import annotations

import zlib
from pathlib import Path

_BLOCK = 1 << 22


def checksum(path: Path) -> int:
    """CRC-32 (ISO 3309) of a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    value = 0
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value
