"""Where the pixels of a frame come from: windows of phase and validity, read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

EAGER_PIXELS = 2**19
"""A frame of up to this many pixels (724 x 724) is read at once rather than window by window."""


class Window(NamedTuple):
    """A rectangle of a frame, px."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, for indexing an array."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    def flipped(self, height: int) -> Window:
        """The same rectangle where the rows of the frame, ``height`` of them, are counted from the end."""
        return self._replace(row=height - self.row - self.height)


class Patch(NamedTuple):
    """What a window of a frame holds.

    Attributes:
        phase: (h, w) float32 rad, 0 where not valid.
        valid: (h, w) bool.
        coherence: (h, w) float32 in [0, 1] as delivered, 0 where unknown; or None.
        elevation: (h, w) float32 m above the ellipsoid or geoid, NaN where unknown; or None.
    """

    phase: NDArray[np.float32]
    valid: NDArray[np.bool_]
    coherence: NDArray[np.float32] | None = None
    elevation: NDArray[np.float32] | None = None

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Patch:
        """Every layer there is, changed alike, such as cut."""
        return Patch(
            change(self.phase),
            change(self.valid),
            None if self.coherence is None else change(self.coherence),
            None if self.elevation is None else change(self.elevation),
        )


class Pixels(Protocol):
    """A source of windows. Whether its phase is wrapped, and what it means, is the frame's to say."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        ...

    def read(self, window: Window) -> Patch:
        """One window, which lies wholly inside the frame; the arrays are the caller's to change."""
        ...


@dataclass(frozen=True)
class Arrays:
    """Pixels already in memory: (H, W) arrays as in `Patch`."""

    phase: NDArray[np.float32]
    valid: NDArray[np.bool_]
    coherence: NDArray[np.float32] | None = None
    elevation: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.phase.ndim != 2 or self.valid.shape != self.phase.shape:
            raise ValueError(f"phase {self.phase.shape} and validity {self.valid.shape} must be one (H, W)")
        for name in ("coherence", "elevation"):
            layer = getattr(self, name)
            if layer is not None and layer.shape != self.phase.shape:
                raise ValueError(f"{name} {layer.shape} does not match phase {self.phase.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.phase.shape[0], self.phase.shape[1]

    def read(self, window: Window) -> Patch:
        """A copy of the window."""
        part = window.slices
        layers = Patch(self.phase, self.valid, self.coherence, self.elevation)
        return layers.map(lambda layer: layer[part].copy())


@dataclass(frozen=True)
class Flipped:
    """Pixels whose last row comes first."""

    pixels: Pixels

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.pixels.shape

    def read(self, window: Window) -> Patch:
        """The window, its rows counted from the end."""
        # Copied: arrays that run backwards are not taken by all libraries.
        return self.pixels.read(window.flipped(self.shape[0])).map(lambda layer: layer[::-1].copy())


def whole(pixels: Pixels) -> Window:
    """The window that is the whole frame."""
    return Window(0, 0, *pixels.shape)


def settle(pixels: Pixels) -> Pixels:
    """Small frames into memory, so that looking at their values first does not read them twice."""
    if pixels.shape[0] * pixels.shape[1] > EAGER_PIXELS:
        return pixels
    return Arrays(*pixels.read(whole(pixels)))
