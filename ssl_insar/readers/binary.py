"""Flat binary images: values without a header of their own, read through memory maps.

Nothing in such a file says how wide it is or in which byte order it stands. A wrong width shears the
image and a wrong byte order turns it into noise, both without any error; so the size that a header
states must be the file's to the byte, and the values must make sense in the byte order they are read in.
"""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssl_insar.readers.companions import number
from ssl_insar.readers.errors import UnreadableError
from ssl_insar.readers.frame import Affine
from ssl_insar.readers.pixels import Window

Order = Literal["<", ">"]

ORDERS: dict[Order, str] = {"<": "little-endian", ">": "big-endian"}

_HEADER_BYTES = 2**20
"""No text header is longer; a data file under a header's name may be."""

_BANDS = {"BSQ": (0, 1, 2), "BIL": (1, 0, 2), "BIP": (2, 0, 1)}
"""Where band, row and column stand in a file (sequential, by line, by pixel)."""

_MAGNITUDES = (1e-12, 1e12, 1e38)
"""Phases, displacements and amplitudes in use lie between the first two; fills lie beyond the last. Bytes
in the wrong order spread over all 77 decades of float32, so that about a third of them make sense."""

_MOST = 1e9
"""Rows or columns; a damaged header may claim any number."""

_LOOKS = 16
_LOOK = 512
_STRETCH = 2**20
_ENOUGH = 64
"""How many places are looked at for evidence, values in each, values read at a time where that is too
little, and distinct values that are enough: of so many, chance will not make 7 in 10 look sensible in the
wrong order."""

_SURE = 0.8
_UNSURE = 0.5
_APART = 0.3
"""Least share of sensible values in the byte order taken, largest in a file without any sense, and least
distance between the two orders."""


@dataclass(frozen=True)
class Layout:
    """How values lie in a file.

    Attributes:
        dtype: of one value, byte order included.
        height: rows.
        width: columns.
        bands: images in the file.
        scheme: ``BSQ`` (one band after the other), ``BIL`` (line by line) or ``BIP`` (pixel by pixel).
    """

    dtype: np.dtype[Any]
    height: int
    width: int
    bands: int = 1
    scheme: str = "BSQ"

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.height, self.width

    @property
    def nbytes(self) -> int:
        """Bytes a file of this layout has."""
        return self.height * self.width * self.bands * self.dtype.itemsize

    def fits(self, path: Path) -> bool:
        """Whether the file has exactly this layout's size."""
        return min(self.shape) > 0 and self.bands > 0 and path.stat().st_size == self.nbytes

    def check(self, path: Path, by: str = "its header") -> None:
        """Refuse a file of another size.

        Args:
            path: the file.
            by: who says that it has this layout.

        Raises:
            UnreadableError: with both numbers.
        """
        if not self.fits(path):
            bands = f" in {self.bands} bands" if self.bands > 1 else ""
            raise UnreadableError(
                f"{path}: holds {path.stat().st_size} bytes, but {by} says {self.height} rows x "
                f"{self.width} columns of {self.dtype.name}{bands}, which take {self.nbytes}; the file is "
                "cut short or is not the one described"
            )


class Grid(NamedTuple):
    """Where the pixels of a geocoded image lie.

    Attributes:
        crs: authority code, or None.
        transform: affine of the upper-left pixel corner; None where the CRS is not told.
        posting: (row, column) spacing in m of a grid whose CRS is not told; or None.
    """

    crs: str | None = None
    transform: Affine | None = None
    posting: tuple[float, float] | None = None


@dataclass(frozen=True)
class Band:
    """One band of a file, as a layer of `ssl_insar.readers.layers`.

    Attributes:
        array: (H, W), memory-mapped.
        levels: how many steps make 1, for layers kept as whole numbers.
        fill: value that means no data, beside 0 and NaN; or None.
    """

    array: NDArray[Any]
    levels: int = 1
    fill: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.array.shape[0], self.array.shape[1]

    def values(self, window: Window) -> NDArray[Any]:
        """A copy of a window in the machine's byte order: comparing swapped numbers is slow."""
        values: NDArray[Any] = self.array[window.slices]
        if self.levels == 1:
            return np.array(values, values.dtype.newbyteorder("="))
        shares: NDArray[Any] = np.true_divide(values, self.levels, dtype=np.float32)
        return shares


def band(path: Path, layout: Layout, index: int = 0, levels: int = 1) -> Band:
    """One band of a file, nothing read yet.

    Raises:
        UnreadableError: the file has another size.
    """
    layout.check(path)
    order = _BANDS[layout.scheme]
    axes = (layout.bands, layout.height, layout.width)
    values = np.memmap(path, layout.dtype, "r", shape=tuple(axes[axis] for axis in np.argsort(order)))
    return Band(values.transpose(order)[index], levels)


def companion(path: Path, layout: Layout, index: int = 0, levels: int = 1) -> Band | None:
    """A band of a file that may lie beside an interferogram.

    A companion in disorder is no reason to lose the phase: it is left out with a warning.

    Returns:
        the band; None if there is no such file, or it is not of this layout.
    """
    if not path.is_file():
        return None
    try:
        layout.check(path, "the interferogram")
        return band(path, settled(path, layout), index, levels)
    except UnreadableError as error:
        warnings.warn(f"{error}; left out beside the phase", stacklevel=2)
        return None


def settled(path: Path, layout: Layout, *, stated: str | None = None) -> Layout:
    """The layout in the byte order in which the file's values make sense.

    Each distinct value has one vote, so that fills do not decide. Without any evidence (no data, or
    values that read well both ways) the layout's own order stands.

    Args:
        path: the file, of the layout's size.
        layout: the layout; integers keep their order.
        stated: who says that the layout's order is the file's; values that contradict it are refused
            then, for the header may be another file's altogether.

    Raises:
        UnreadableError: the values make no sense in either order, or not in the stated one.
    """
    found = byte_order(path, layout.dtype) if layout.dtype.kind in "fc" else None
    if found is None or layout.dtype.newbyteorder(found) == layout.dtype:
        return layout
    if stated:
        other = ORDERS["<" if found == ">" else ">"]
        raise UnreadableError(
            f"{path}: its values make sense as {ORDERS[found]} numbers only, but {stated} says {other}; "
            "correct that"
        )
    return dataclasses.replace(layout, dtype=layout.dtype.newbyteorder(found))


def byte_order(path: Path, dtype: np.dtype[Any]) -> Order | None:
    """``<`` or ``>``: in which order a file's values make sense; None where they cannot tell.

    Raises:
        UnreadableError: they make sense in neither.
    """
    size = dtype.itemsize // (2 if dtype.kind == "c" else 1)
    words = np.memmap(path, f"u{size}", "r", shape=path.stat().st_size // size)
    distinct = _evidence(words)
    shares = {order: _sensible(distinct.view(f"{order}f{size}")) for order in ORDERS}
    if min(shares.values()) < 0:  # no data in one order, hence no evidence for the other
        return None
    best, other = sorted(ORDERS, key=lambda order: -shares[order])
    if shares[best] < _UNSURE:
        raise UnreadableError(
            f"{path}: its values make no sense in either byte order; it is damaged or holds other "
            f"than {dtype.name} values"
        )
    return best if shares[best] >= _SURE and shares[best] - shares[other] >= _APART else None


def order_of(layout: Layout) -> str:
    """A layout's byte order in words."""
    return ORDERS["<" if layout.dtype.newbyteorder("<") == layout.dtype else ">"]


def header_text(path: Path) -> str:
    """A header file's text.

    Raises:
        UnreadableError: it cannot be opened, or is longer than any header.
    """
    try:
        with path.open("rb") as handle:
            raw = handle.read(_HEADER_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be opened ({error.strerror})") from error
    if len(raw) > _HEADER_BYTES:
        raise UnreadableError(f"{path}: longer than any header; is it a data file under a header's name?")
    return raw.decode("utf-8", errors="replace")


def count(text: str | None) -> int:
    """A number of rows or columns; 0 where the text is none that an image can have."""
    value = number(text) or 0.0
    return int(value) if value == int(value) and 0 < value < _MOST else 0


def _evidence(words: NDArray[Any]) -> NDArray[Any]:
    """Distinct words: of some places, or of the whole file where those hold too few."""
    starts = np.linspace(0, max(len(words) - _LOOK, 0), _LOOKS).astype(int)
    distinct = np.unique(np.concatenate([words[start : start + _LOOK] for start in starts]))
    for start in range(0, len(words), _STRETCH):
        if len(distinct) >= _ENOUGH:
            break
        distinct = np.union1d(distinct, words[start : start + _STRETCH])
    return distinct


def _sensible(values: NDArray[Any]) -> float:
    """Share of sensible magnitudes among distinct values that are no fill; -1 where there is none."""
    with np.errstate(invalid="ignore"):
        magnitudes = np.abs(values)
        least, most, fill = _MAGNITUDES
        voting = magnitudes[(magnitudes > 0) & (magnitudes < fill)]  # false for NaN
    return float(((voting >= least) & (voting <= most)).mean()) if voting.size else -1.0
