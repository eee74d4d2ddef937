"""HDF5 files, netCDF-4 among them: opened with suspicion, read window by window, told apart by layout.

Nothing outside the file is ever opened: links that lead elsewhere, external and virtual storage are
refused. A header may claim any size, so sizes are compared with the file before memory is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.family import Family, ReadOptions
from ssl_insar.readers.frame import Frame
from ssl_insar.readers.hdf5_heap import text_is_sound
from ssl_insar.readers.layers import Plane

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""How HDF5 files begin."""

SUFFIXES = (".h5", ".hdf5", ".he5", ".nc")
"""In small letters; what a walk through a folder tries. Grids (``.grd``) are told apart by their names."""

FILLS = ("_FillValue", "missing_value")
"""Attributes that tell what stands for no data."""

_TRUSTED_BYTES = 2**28
_BEST_COMPRESSION = 2000
"""No filter in use packs values with any data in them tighter than this."""

_WINDOW_ROWS = 256
"""Rows of a usual tile."""

_CACHE_BYTES = (2**20, 2**26)
"""Least and most of the library's chunk cache of one dataset."""

_SLOTS_PER_CHUNK = 16
"""Two chunks in one slot of the cache throw each other out, so there are many more slots."""

_SMALL = 2**24
"""Values of the largest array that is read whole: coordinates, dates, coarse cubes."""


class Hdf5:
    """An open HDF5 file; it closes when the last layer taken from it is gone.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``.

        Raises:
            UnreadableError: not HDF5, or damaged: a file that was cut short is noticed here.
        """
        import h5py

        self.path = path
        self._text_is_sound = False
        try:
            # A lock held by a writer elsewhere is respected; a file system without locks is no obstacle.
            self._file = h5py.File(path, "r", locking="best-effort")
        except OSError as error:
            raise damaged(path, "HDF5", error) from error

    def has(self, name: str) -> bool:
        """Whether there is something of this name."""
        return self._node(name) is not None

    def names(self, group: str = "") -> list[str]:
        """Names in a group, in alphabetical order; empty without such a group."""
        node = self._node(group)
        return sorted(str(name) for name in node) if hasattr(node, "keys") else []

    def attributes(self, name: str, keys: Iterable[str]) -> dict[str, Any]:
        """Some attributes of a group (``""``: of the file) or a dataset: strings, numbers, arrays."""
        import h5py

        node = self._node(name)
        found: dict[str, Any] = {}
        for key in keys:
            try:
                if node is None or key not in node.attrs:
                    continue
                kind = h5py.h5a.open(node.id, key.encode()).dtype
                # The library crashes on references and lists of a damaged type; none of them is asked for.
                if kind.kind not in "fiubS" and h5py.check_string_dtype(kind) is None:
                    continue
                self._check_text(kind)
                found[key] = _plain(node.attrs[key])
            except (TypeError, ValueError):  # of a type that numpy does not know
                continue
        return found

    def array(self, name: str, dims: int = 2) -> Any:
        """A dataset of numbers that windows will be read from.

        Its chunk cache is made large enough that cutting tiles row by row decodes each chunk once.

        Args:
            name: of the dataset.
            dims: how many dimensions it must have.

        Raises:
            UnreadableError: there is none, or not such a one; it is stored elsewhere, larger than the
                file can hold, or packed by a filter that is not installed.
        """
        import h5py

        dataset = self._dataset(name)
        if dataset is None:
            raise UnreadableError(f"{self.path}: has no '{name}'")
        if dataset.dtype.kind not in "fiuc" or len(dataset.shape) != dims or not dataset.size:
            raise UnreadableError(
                f"{self.path}: '{name}' holds {dataset.dtype} values of shape {dataset.shape}; numbers in "
                f"{dims} dimensions expected"
            )
        if not h5py.h5t.py_create(dataset.dtype).equal(dataset.id.get_type()):
            raise UnreadableError(
                f"{self.path}: damaged HDF5 file ('{name}' holds numbers of a form that no machine has)"
            )
        self._check_filters(dataset, name)
        if dataset.chunks is None:
            return dataset
        access = _chunk_cache(dataset)
        owner, key = dataset.parent.id, dataset.name.rpartition("/")[2].encode()
        # The cache is settled when a dataset is opened, and an open one is not opened again.
        del dataset
        # Read-only, so that its properties are looked up once.
        return h5py.Dataset(h5py.h5d.open(owner, key, access), readonly=True)

    def layer(self, name: str, index: int | None = None) -> Plane | None:
        """A float or integer layer beside the phase, with its fill value; None if there is none."""
        if not self.has(name):
            return None
        return Plane(self.array(name, 2 if index is None else 3), index, self.fill(name))

    def fill(self, name: str) -> float | None:
        """What a dataset's attributes say means no data, or None."""
        told = self.attributes(name, FILLS)
        values = (told[key] for key in FILLS if isinstance(told.get(key), (int, float)))
        return next(map(float, values), None)

    def small(self, name: str) -> NDArray[Any] | None:
        """All values of a small dataset of numbers; None if there is none, or it is something else."""
        dataset = self._dataset(name)
        if dataset is None or dataset.dtype.kind not in "fiub" or dataset.size > _SMALL:
            return None
        return np.asarray(dataset[()])

    def vector(self, name: str) -> NDArray[np.float64] | None:
        """All values of a small one-dimensional dataset of numbers, or None."""
        values = self.small(name)
        return None if values is None or values.ndim != 1 else values.astype(np.float64)

    def number(self, name: str) -> float | None:
        """A finite scalar (or array of one value), or None."""
        values = self.small(name)
        if values is None or values.size != 1 or not np.isfinite(values).all():
            return None
        return float(values.reshape(()))

    def texts(self, name: str) -> NDArray[Any] | None:
        """A small dataset of strings, or None."""
        import h5py

        dataset = self._dataset(name)
        if dataset is None or h5py.check_string_dtype(dataset.dtype) is None or dataset.size > _SMALL:
            return None
        self._check_text(dataset.dtype)
        self._check_lengths(dataset)
        return np.asarray(np.vectorize(printable, otypes=[object])(dataset[()]))

    def text(self, name: str) -> str | None:
        """A string (or the first of a small array of them), or None."""
        found = self.texts(name)
        return None if found is None or not found.size else str(found.reshape(-1)[0])

    def day(self, name: str) -> date | None:
        """The day that a string such as ``2016-07-16 23:05:00`` begins with, or None."""
        return day(self.text(name))

    def _node(self, name: str) -> Any:
        """What is stored under a path, or None; never follows a link out of the file."""
        import h5py

        node: Any = self._file
        for part in filter(None, name.split("/")):
            link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise UnreadableError(
                    f"{self.path}: '{name}' is a link to somewhere else, which is not followed; give the "
                    "file that holds the data"
                )
            node = node[part]
        return node

    def _dataset(self, name: str) -> Any:
        """A dataset whose values lie in this file and can lie in it, or None."""
        import h5py

        dataset = self._node(name)
        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            return None
        if dataset.is_virtual or dataset.external:
            raise UnreadableError(
                f"{self.path}: the values of '{name}' lie in other files, which are not followed; give a "
                "file that holds them itself"
            )
        chunk = int(np.prod(dataset.chunks or (1,), dtype=object))
        claimed = max(int(np.prod(dataset.shape, dtype=object)), chunk) * dataset.dtype.itemsize
        stored = self.path.stat().st_size
        if claimed > max(_TRUSTED_BYTES, stored * _BEST_COMPRESSION):
            shape = " x ".join(map(str, dataset.shape))
            raise UnreadableError(
                f"{self.path}: damaged HDF5 file ({stored} bytes cannot hold {shape} values of '{name}')"
            )
        return dataset

    def _check_text(self, dtype: Any) -> None:
        """Before strings of any length are read, or what else is kept apart from where it belongs."""
        if dtype.kind != "O" or self._text_is_sound:
            return
        if not text_is_sound(self.path):
            raise UnreadableError(f"{self.path}: damaged HDF5 file (the heap that holds its text)")
        self._text_is_sound = True

    def _check_lengths(self, dataset: Any) -> None:
        """Strings longer than the file: the library makes room for them many times over before it looks."""
        place = dataset.id.get_offset()
        if dataset.dtype.kind != "O" or place is None:
            return
        stored = self.path.stat().st_size
        size = min(dataset.id.get_storage_size(), stored)
        with self.path.open("rb") as handle:
            handle.seek(place)
            raw = handle.read(size)
        # A string is its length in 4 bytes, and where it lies in a heap.
        lengths = np.frombuffer(raw[: len(raw) // 4 * 4], "<u4")[:: max(size // max(dataset.size, 1) // 4, 1)]
        if lengths.max(initial=0) > stored:
            raise UnreadableError(f"{self.path}: damaged HDF5 file (a text in it is longer than the file)")

    def _check_filters(self, dataset: Any, name: str) -> None:
        import h5py

        recipe = dataset.id.get_create_plist()
        for i in range(recipe.get_nfilters()):
            code, _, _, label = recipe.get_filter(i)
            if not h5py.h5z.filter_avail(code):
                raise UnreadableError(
                    f"{self.path}: '{name}' is packed with filter {code} ({printable(label)}), which is not "
                    "installed; repack the file with `h5repack -f GZIP=4`"
                )


class Product(NamedTuple):
    """A layout of HDF5 files.

    Attributes:
        name: as printed.
        recognises: whether a file is laid out so; looks at names and attributes only.
        frames: its interferograms; raises `UnreadableError` saying why if there is none.
        layers: file names of what belongs to the product and is no phase; a walk passes them by.
    """

    name: str
    recognises: Callable[[Hdf5], bool]
    frames: Callable[[Hdf5], list[Frame]]
    layers: re.Pattern[str] | None = None


def day(text: str | None) -> date | None:
    """The day that a text begins with, as ``20160716...`` or ``2016-07-16...``; or None."""
    digits = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", text or "")
    try:
        return date(int(digits[1]), int(digits[2]), int(digits[3])) if digits else None
    except ValueError:
        return None


def member(reference: date | None, secondary: date | None) -> str | None:
    """Name of an interferogram among several, the earlier date first; None without both dates."""
    if reference is None or secondary is None:
        return None
    first, second = sorted((reference, secondary))
    return f"{first:%Y%m%d}_{second:%Y%m%d}"


def track_of(orbit: float | None, direction: Any) -> str | None:
    """Relative orbit and pass, such as ``079D``; None unless both are told."""
    letter = str(direction or "")[:1].upper()
    if orbit is None or not 0 <= orbit < 1000 or letter not in ("A", "D"):
        return None
    return f"{int(orbit):03d}{letter}"


def products() -> tuple[Product, ...]:
    """The known layouts, the particular before the general."""
    # Imported here because each of them opens its files through this module.
    from ssl_insar.readers import aria, gmtsar, kfts, mintpy, nisar, opera

    return (mintpy.PRODUCT, aria.PRODUCT, opera.PRODUCT, nisar.PRODUCT, kfts.PRODUCT, gmtsar.PRODUCT)


def _frames(path: Path, options: ReadOptions) -> Sequence[Frame]:
    file = Hdf5(path)
    for product in products():
        if product.recognises(file):
            return product.frames(file)
    known = ", ".join(product.name for product in products())
    held = ", ".join(map(printable, file.names()[:8])) or "nothing"
    raise UnreadableError(f"{path}: HDF5 of none of the known layouts ({known}); it holds {held}")


def _walks(path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES:
        return False
    return not any(product.layers and product.layers.fullmatch(path.name) for product in products())


def _plain(value: Any) -> Any:
    """A string, number or array as such: netCDF wraps single values into arrays."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, (bytes, str)):
        return printable(value)
    return value.item() if isinstance(value, np.generic) else value


def printable(value: Any) -> str:
    """Text of a file on one line, without what a terminal would obey or cannot print."""
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    words = raw.decode("utf-8", "replace").replace("\0", " ").split()
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(words)
    )


def _chunk_cache(dataset: Any) -> Any:
    """Access settings with a cache for the chunks under one row of tiles."""
    import h5py

    *_, tall, wide = dataset.chunks
    chunk = int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize
    down = min(-(-_WINDOW_ROWS // tall) + 1, -(-dataset.shape[-2] // tall))
    across = -(-dataset.shape[-1] // wide)
    least, most = _CACHE_BYTES
    # One chunk must fit, or each window would decode the chunks it touches anew.
    size = max(min(max(down * across * chunk, least), most), chunk)
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(_slots(size // chunk), size, 0.75)
    return access


def _slots(chunks: int) -> int:
    """A number of slots without small factors, as the hashing of chunk places wants it."""
    slots = max(_SLOTS_PER_CHUNK * chunks, 521) | 1
    while any(slots % factor == 0 for factor in range(3, int(slots**0.5) + 1, 2)):
        slots += 2
    return slots


FAMILY = Family(
    name="HDF5",
    claims=lambda path, head: head.startswith(SIGNATURE),
    frames=_frames,
    walks=_walks,
)
