"""Cuts a frame into square tiles, reading no more of it than the tile in hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.errors import UserError
from ssl_insar.readers import Frame
from ssl_insar.readers.pixels import Patch

STRIP = 4
"""Tiles side by side that are read in one go: a call costs as much for one as for four, and numpy's
short calls are what threads wait for each other at. More of them leave the processor's cache."""


class FrameTooSmallError(UserError):
    """The frame is smaller than one tile."""


@dataclass(frozen=True)
class Tile:
    """One square of a frame.

    Attributes:
        row: first row in the frame, px.
        col: first column in the frame, px.
        phase: (T, T) float32 rad, 0 where not valid.
        valid: (T, T) bool.
        coherence: (T, T) float32 in [0, 1] as delivered with the product, or None.
        elevation: (T, T) float32 m, NaN where unknown, or None.
    """

    row: int
    col: int
    phase: NDArray[np.float32]
    valid: NDArray[np.bool_]
    coherence: NDArray[np.float32] | None = None
    elevation: NDArray[np.float32] | None = None

    @property
    def phasor(self) -> NDArray[np.complex64]:
        """(T, T) complex field ``m exp(i phi)``."""
        return ph.phasor(self.phase, self.valid)


@dataclass(frozen=True)
class Strip:
    """Neighbouring tiles of a frame, which were read at once.

    Attributes:
        row: first row in the frame, px.
        cols: first columns of the tiles in the frame, px.
        tile: side of a tile, px.
        patch: (tile, W) layers of the rectangle that they cover.
    """

    row: int
    cols: list[int]
    tile: int
    patch: Patch

    def stacked(self, layer: NDArray[Any], which: list[int]) -> NDArray[Any]:
        """Some tiles of a layer of the strip's shape, one behind the other.

        Shape:
            (tile, W) -> (n, tile, tile)
        """
        out = np.empty((len(which), self.tile, self.tile), layer.dtype)
        for i, index in enumerate(which):
            out[i] = layer[:, self._columns(index)]
        return out

    def firsts(self, which: list[int]) -> NDArray[np.int64]:
        """(n,) first columns of some tiles in the patch."""
        return np.array([self.cols[index] - self.cols[0] for index in which], np.int64)

    def tiles(self) -> Iterator[Tile]:
        """The tiles, as views of the strip."""
        for index, col in enumerate(self.cols):
            columns = self._columns(index)
            yield Tile(self.row, col, *self.patch.map(partial(_cut_columns, columns)))

    def _columns(self, index: int) -> slice:
        first = self.cols[index] - self.cols[0]
        return slice(first, first + self.tile)


def _cut_columns(columns: slice, layer: NDArray[Any]) -> NDArray[Any]:
    return layer[:, columns]


def starts(length: int, tile: int, stride: int) -> list[int]:
    """First pixels of the tiles along one side of a frame.

    Steps of ``stride``; a remainder of half a stride or more gets one more tile and all are spread
    evenly over the side, a smaller one is shared between the two edges. So a 227 px crop gives
    one centred 224 px tile and not four that overlap almost wholly.
    """
    if length < tile:
        return []
    room = length - tile
    whole, rest = divmod(room, stride)
    if whole and rest >= stride / 2:
        whole, rest = whole + 1, 0
        return [round(i * room / whole) for i in range(whole + 1)]
    if not whole and rest >= tile / 2:
        return [0, room]
    return [rest // 2 + i * stride for i in range(whole + 1)]


def cut(frame: Frame, tile: int, stride: int | None = None) -> Iterator[Tile]:
    """All tiles of a frame, row by row, each read when its turn comes.

    Args:
        frame: the interferogram.
        tile: side of a tile, px.
        stride: step between tiles, px; None: ``tile``, without overlap.

    Raises:
        FrameTooSmallError: at once, when the frame is smaller than a tile.
        UnreadableError: on the way, when the file is damaged there.
    """
    return (piece for strip in strips(frame, tile, stride) for piece in strip.tiles())


def strips(frame: Frame, tile: int, stride: int | None = None) -> Iterator[Strip]:
    """All tiles of a frame in groups of neighbours, no wider than `STRIP` tiles side by side.

    Arguments and errors are those of `cut`.
    """
    height, width = frame.shape
    if height < tile or width < tile:
        raise FrameTooSmallError(
            f"{frame.source}: the frame is {height} x {width} px, smaller than a tile of {tile} x {tile} px; "
            f"use an archive with --tile {max(min(height, width) // 32 * 32, 16)} or less, or a larger crop"
        )
    return _strips(frame, tile, stride or tile)


def _strips(frame: Frame, tile: int, stride: int) -> Iterator[Strip]:
    height, width = frame.shape
    groups: list[list[int]] = []
    for col in starts(width, tile, stride):
        if not groups or col + tile - groups[-1][0] > STRIP * tile:
            groups.append([])
        groups[-1].append(col)
    for row in starts(height, tile, stride):
        for cols in groups:
            yield Strip(row, cols, tile, frame.window(row, cols[0], tile, cols[-1] + tile - cols[0]))
