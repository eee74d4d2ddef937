"""Arrays of a Zarr folder, formats 2 and 3, read block by block.

Needs zarr 2.18 or later; 3 reads both formats.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.pixels import Window
from ssl_insar.readers.values import phase_and_validity

MARKS = (".zgroup", ".zmetadata", "zarr.json")
"""One of these files lies in every Zarr folder that holds arrays."""

_LARGEST_BLOCK = 2**30
"""bytes; a larger chunk is a damaged header, or could not be read window by window anyhow."""

_SMALLEST_BUDGET = 2**26
_LARGEST_BUDGET = 2**29

_PACKING = (("scale_factor", 1.0), ("add_offset", 0.0))
"""Attributes of packed values and what they are when absent (CF conventions, sec. 8.1)."""

_KEY = re.compile(r"(?:c[/.])?(\d+(?:[/.]\d+)*)")
_PLAINLY_FULL, _HEADER = 50, 1024
"""Phase never packs this tightly, codecs' own bytes aside; a chunk that does may be blank."""


class Blocks:
    """The blocks read last, of all arrays of a store: zarr itself keeps none.

    Windows cut one chunk many times over, and decoding it each time would cost more than anything
    else. Safe to use from several threads.
    """

    def __init__(self, budget: int = _SMALLEST_BUDGET) -> None:
        """``budget``: bytes to keep; the block in use is kept whatever its size."""
        self.budget = budget
        self._held: OrderedDict[tuple[Any, ...], NDArray[Any]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, array: ZarrArray, key: tuple[int | slice, ...], name: tuple[Any, ...]) -> NDArray[Any]:
        """The block ``array[key]``, known as ``name``."""
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name]
            block: NDArray[Any] = array.values[key]
            self._held[name] = block
            self._size += block.nbytes
            while self._size > self.budget and len(self._held) > 1:
                self._size -= self._held.popitem(last=False)[1].nbytes
            return block


class ZarrArray:
    """One array of a store.

    Attributes:
        name: of the array.
        values: the zarr array.
        dims: names of its axes; empty where none are given.
        shape: length of its axes.
        fill: value that means no data, or None.
        attrs: its attributes.
    """

    def __init__(self, store: Path, name: str) -> None:
        """Open ``name`` of the folder ``store``.

        Raises:
            UnreadableError: its chunks are too large to be true.
        """
        import zarr

        self.name = name
        self._folder = store / name
        self.values: Any = zarr.open_array(str(self._folder), mode="r")
        self.attrs: dict[str, Any] = dict(self.values.attrs)
        metadata = getattr(self.values, "metadata", None)
        named = getattr(metadata, "dimension_names", None)
        self.dims: tuple[str, ...] = tuple(self.attrs.get("_ARRAY_DIMENSIONS") or named or ())
        self.shape: tuple[int, ...] = tuple(self.values.shape)
        self._chunks: tuple[int, ...] = tuple(self.values.chunks)
        # xarray means no data by the fill value of format 2, but not by that of format 3.
        default = self.values.fill_value if getattr(metadata, "zarr_format", 2) == 2 else None
        fill = self.attrs.get("_FillValue", default)
        self.fill = float(fill) if isinstance(fill, (int, float, np.number)) else None
        size = int(np.prod([min(c, s) for c, s in zip(self._chunks, self.shape, strict=True)], dtype=object))
        if size * self.values.dtype.itemsize > _LARGEST_BLOCK:
            raise UnreadableError(
                f"{store}: chunks of '{name}' hold {size:,} values, more than can be read at once; if it is "
                "not damaged, write it with smaller chunks"
            )

    def plane(self, blocks: Blocks, lead: tuple[int, ...], window: Window) -> NDArray[Any]:
        """Raw values of a window of the last two axes at one place of the others.

        Shape:
            window (h, w) -> (h, w), the caller's to change
        """
        tall, wide = self._chunks[-2:]
        out = np.empty((window.height, window.width), self.values.dtype)
        rows, cols = window.slices
        for r, c in product(
            range(rows.start // tall, -(-rows.stop // tall)), range(cols.start // wide, -(-cols.stop // wide))
        ):
            top, left = r * tall, c * wide
            bottom, right = min(top + tall, self.shape[-2]), min(left + wide, self.shape[-1])
            key: tuple[int | slice, ...] = (*lead, slice(top, bottom), slice(left, right))
            block = blocks.get(self, key, (self.name, lead, r, c))
            at = max(top, rows.start), max(left, cols.start)
            to = min(bottom, rows.stop), min(right, cols.stop)
            out[at[0] - rows.start : to[0] - rows.start, at[1] - cols.start : to[1] - cols.start] = block[
                at[0] - top : to[0] - top, at[1] - left : to[1] - left
            ]
        return out

    def whole_plane(self, lead: tuple[int, ...]) -> NDArray[Any]:
        """All raw values of the last two axes at one place of the others; nothing is kept."""
        plane: NDArray[Any] = self.values[lead]
        return plane

    def decoded(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Float values of raw ones: packed values unpacked, NaN for the fill value."""
        values = raw if raw.dtype.kind == "f" else raw.astype(np.float32)
        if self.fill is not None and np.isfinite(self.fill):
            values = np.where(raw == raw.dtype.type(self.fill), np.float32(np.nan), values)
        scale, offset = (float(self.attrs.get(name, default)) for name, default in _PACKING)
        return values if (scale, offset) == (1.0, 0.0) else (values * scale + offset).astype(np.float32)

    def band_bytes(self) -> int:
        """What the blocks under one row of tiles take."""
        tall, wide = (min(c, s) for c, s in zip(self._chunks[-2:], self.shape[-2:], strict=True))
        across = -(-self.shape[-1] // wide) * wide
        return int((2 if self.shape[-2] > tall else 1) * tall * across * self.values.dtype.itemsize)

    def planes_with_data(self) -> list[tuple[int, ...]]:
        """Places of the leading axes at which there is phase: what was written, less what is blank.

        Of a cube over two axes of dates most places are empty. Some writers leave their chunks out,
        others write chunks full of nothing; those pack to far less than phase does, and equal files
        are looked into once.
        """
        grid = tuple(getattr(self.values, "shards", None) or self._chunks)
        raw_bytes = int(np.prod(grid, dtype=object)) * self.values.dtype.itemsize
        packed = bool(getattr(self.values, "compressors", None) or getattr(self.values, "compressor", None))
        written: dict[tuple[int, ...], list[tuple[int, tuple[int, ...], Path]]] = {}
        for key, file in self._files():
            written.setdefault(key[:-2], []).append((file.stat().st_size, key, file))
        found: set[tuple[int, ...]] = set()
        blank: set[bytes] = set()
        for lead, parts in written.items():
            parts.sort(reverse=True)
            if packed and set(grid[:-2]) == {1} and parts[0][0] > _HEADER + raw_bytes / _PLAINLY_FULL:
                found.add(lead)
                continue
            found |= self._looked_into(parts, grid, blank)
        return sorted(found)

    def _looked_into(
        self, parts: Sequence[tuple[int, tuple[int, ...], Path]], grid: tuple[int, ...], blank: set[bytes]
    ) -> set[tuple[int, ...]]:
        """Places with data among those that share their chunk files; the largest files come first."""
        found: set[tuple[int, ...]] = set()
        for _, key, file in parts:
            digest = hashlib.blake2b(file.read_bytes(), digest_size=16).digest()
            if digest in blank:
                continue
            starts = [k * g for k, g in zip(key, grid, strict=True)]
            where = tuple(slice(a, min(a + g, n)) for a, g, n in zip(starts, grid, self.shape, strict=True))
            _, valid = phase_and_validity(self.values[where], self.fill)
            full = np.argwhere(valid.any(axis=(-2, -1)))
            if not len(full):
                blank.add(digest)
            found |= {tuple(int(a + i) for a, i in zip(starts, place, strict=False)) for place in full}
            if len(found) == valid[..., 0, 0].size:
                break
        return found

    def _files(self) -> list[tuple[tuple[int, ...], Path]]:
        """The chunk (or shard) files that exist, by their place in the grid."""
        found = []
        for parent, _, files in os.walk(self._folder):
            for name in files:
                file = Path(parent) / name
                match = _KEY.fullmatch(file.relative_to(self._folder).as_posix())
                key = tuple(map(int, re.split("[/.]", match[1]))) if match else ()
                if len(key) == len(self.shape):
                    found.append((key, file))
        return found


def budget_for(arrays: Sequence[ZarrArray]) -> int:
    """What `Blocks` must keep so that cutting tiles row by row decodes each chunk once a row."""
    return min(max(sum(array.band_bytes() for array in arrays), _SMALLEST_BUDGET), _LARGEST_BUDGET)
