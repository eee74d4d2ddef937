"""Whether the header of a TIFF file sends its reader to places that can hold the values.

GDAL reads whatever lies where the header says. One flipped bit in there moves the whole image by some
pixels or changes the length of its rows, without any error.

Layout: TIFF 6.0 (Adobe 1992), sec. 2; BigTIFF, https://www.awaresystems.be/imaging/tiff/bigtiff.html.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from ssl_insar.readers.errors import UnreadableError

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes of a value, by the number of its type."""

_MOST_TAGS = 4096

_PADDING = 3
"""Bytes that writers put behind a block to begin the next at a whole word."""


def check_places(path: Path, dataset: Any) -> None:
    """Look at the first block of an open TIFF dataset, one in the middle and the last.

    Args:
        path: the file.
        dataset: of rasterio.

    Raises:
        UnreadableError: one of them begins in the header, or is not of the size that its pixels take.
    """
    taken = header_places(path)
    tall, wide = dataset.block_shapes[0]
    height, width = dataset.height, dataset.width
    last = (height - 1) // tall, (width - 1) // wide
    for row, col in {(0, 0), (last[0] // 2, last[1] // 2), last}:
        told = [dataset.get_tag_item(f"BLOCK_{of}_{col}_{row}", "TIFF", bidx=1) for of in ("OFFSET", "SIZE")]
        if None in told or "0" in told[1:]:  # never written, which is no data
            continue
        start, size = map(int, told)
        inside = any(start < end and begin < start + size for begin, end in taken)
        # The last strip may end with the image or be as long as the others.
        rows = {tall, min(tall, height - row * tall)} if wide == width else {tall}
        sizes = [_plain_bytes(dataset, many * wide) for many in rows]
        if inside or not any(least is None or least <= size <= least + _PADDING for least in sizes):
            raise UnreadableError(f"{path}: damaged TIFF file (its header misplaces the values)")


def header_places(path: Path) -> list[tuple[int, int]]:
    """First byte and end of the parts of a header: the start, the first directory, the values of its tags.

    Raises:
        UnreadableError: there is no such header, or one with a hole in it.
    """
    with path.open("rb") as handle:
        start = handle.read(16)
        order = "<" if start[:2] == b"II" else ">"
        big = start[2:4] in (b"\x2b\0", b"\0\x2b")
        number, counter = ("Q", "Q") if big else ("I", "H")
        entry = struct.Struct(f"{order}HH2{number}")
        try:
            (directory,) = struct.unpack_from(order + number, start, 8 if big else 4)
            handle.seek(directory)
            (count,) = struct.unpack(order + counter, handle.read(struct.calcsize(order + counter)))
            entries = list(entry.iter_unpack(handle.read(min(count, _MOST_TAGS) * entry.size)))
        except (struct.error, OSError, ValueError, OverflowError) as error:
            raise UnreadableError(f"{path}: damaged TIFF file (no directory in its header)") from error
    inline = struct.calcsize(order + number)
    places = [(0, 2 * inline), (directory, directory + struct.calcsize(order + counter) + count * entry.size)]
    for _, kind, values, place in entries:
        if kind not in _SIZES:
            # Without the tag that stood here, such as the width of its tiles, the rest means something else.
            raise UnreadableError(f"{path}: damaged TIFF file (a tag of no known type in its header)")
        size = _SIZES[kind] * values
        if size > inline:
            places.append((place, place + size))
    return places


def _plain_bytes(dataset: Any, pixels: int) -> int | None:
    """Bytes of so many pixels; None where they are packed."""
    from rasterio.enums import Interleaving

    if dataset.compression or dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS"):
        return None
    together = dataset.count if dataset.interleaving == Interleaving.pixel else 1
    return int(pixels * together * np.dtype(dataset.dtypes[0]).itemsize)
