"""Plain numpy arrays: complex interferogram, float phase in rad, or 8-bit grey phase."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.grey import frame_from_grey
from ssl_insar.readers.names import facts_of
from ssl_insar.readers.pixels import Patch, Window, settle
from ssl_insar.readers.values import is_wrapped, phase_and_validity, refuse_coherence

_HEADERS = threading.Lock()
"""numpy parses headers with `ast`, which CPython 3.11 counts the depth of for all threads together:
two at once now and then end in "AST constructor recursion depth mismatch"."""


@dataclass(frozen=True)
class Mapped:
    """A memory-mapped (H, W) array of float (rad) or complex values."""

    values: NDArray[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.values.shape[0], self.values.shape[1]

    def read(self, window: Window) -> Patch:
        """The window's phase and validity."""
        return Patch(*phase_and_validity(np.array(self.values[window.slices])))


def read_npy(path: Path) -> Frame:
    """Read a 2-D ``.npy``: complex (argument is the phase), float (rad) or uint8 (grey levels).

    0 and NaN are no data, as in the GeoTIFF products.

    Raises:
        UnreadableError: another shape or data type, pickled objects, or values that look like coherence.
    """
    # Mapped first: that compares the header with the file's length, where a plain load of a damaged
    # header would ask for all the memory it claims.
    try:
        with _HEADERS:
            values = np.load(path, allow_pickle=False, mmap_mode="r")
    except ValueError as error:
        if "object" in str(error).lower():
            raise UnreadableError(f"{path}: holds pickled Python objects, which are refused") from error
        raise
    except MemoryError as error:  # mapping takes none: the header itself claims gigabytes
        raise damaged(path, "npy", error) from error
    # A larger file than its header says was written with another one: the rows are of another length.
    if isinstance(values, np.memmap) and values.offset + values.nbytes != path.stat().st_size:
        raise UnreadableError(f"{path}: holds more bytes than the {values.shape} values of its header take")
    if values.ndim != 2:
        raise UnreadableError(f"{path}: an (H, W) array expected, found shape {values.shape}")
    if values.dtype == np.uint8:
        return frame_from_grey(path, np.array(values), "npy")
    if values.dtype.kind not in "fc":
        raise UnreadableError(
            f"{path}: {values.dtype} values are not phase; float, complex or uint8 expected"
        )
    pixels = settle(Mapped(values))
    if values.dtype.kind == "f":
        refuse_coherence(path, pixels)
    return Frame(
        pixels=pixels,
        wrapped=values.dtype.kind == "c" or is_wrapped(pixels, path.name),
        source=path,
        family="npy",
        **facts_of(path)._asdict(),
    )


def _frames(path: Path, options: ReadOptions) -> list[Frame]:
    return [read_npy(path)]


FAMILY = Family(
    name="npy",
    claims=lambda path, head: head.startswith(b"\x93NUMPY"),
    frames=_frames,
    walks=lambda path: path.suffix.lower() == ".npy",
)
