"""Multilooks a frame to a wanted pixel spacing, on the phasor, window by window."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.errors import UserError
from ssl_insar.readers import Frame
from ssl_insar.readers.pixels import Patch, Pixels, Window

_WORTH_TELLING = 1.5
"""A frame coarser than the wanted spacing by this factor is refused: looks cannot refine it."""


_SAYS = 0.7
"""Length of a block's mean phasor from which it is believed rather than the mean of unwrapped phase."""


class SpacingError(UserError):
    """The frame cannot be brought to the wanted spacing."""


def at_spacing(frame: Frame, metres: float) -> Frame:
    """The frame with as many looks as bring its pixels nearest to ``metres``.

    Rows and columns get their own whole number of looks, so the result is as square as that allows;
    its true spacing is in ``Frame.spacing``.

    Raises:
        SpacingError: the frame does not tell its spacing, or is much coarser.
    """
    native = frame.spacing
    if native is None:
        raise SpacingError(
            f"{frame.source}: does not tell its pixel spacing, so it cannot be brought to {metres:g} m; "
            "ingest it without --spacing"
        )
    if min(native) > metres * _WORTH_TELLING:
        raise SpacingError(
            f"{frame.source}: its pixels of {native[0]:.0f} x {native[1]:.0f} m are coarser than "
            f"--spacing {metres:g}"
        )
    looks = (max(round(metres / native[0]), 1), max(round(metres / native[1]), 1))
    return frame if looks == (1, 1) else multilooked(frame, looks)


def multilooked(frame: Frame, looks: tuple[int, int]) -> Frame:
    """The frame averaged over blocks of ``looks`` (rows, columns); what is left over is dropped."""
    down, across = looks
    transform = frame.transform
    if transform is not None:
        a, b, c, d, e, f = transform
        transform = (a * across, b * down, c, d * across, e * down, f)
    posting = frame.posting
    if posting is not None:
        posting = (posting[0] * down, posting[1] * across)
    annotations = frame.annotations
    if annotations is not None:
        finer = annotations

        def annotations(window: Window) -> dict[str, Any]:
            return finer(_under(window, looks))

    told = f"{down} x {across} looks"
    return dataclasses.replace(
        frame,
        pixels=Looks(frame.pixels, looks, frame.wrapped),
        annotations=annotations,
        transform=transform,
        posting=posting,
        provenance=f"{frame.provenance}; {told}" if frame.provenance else told,
    )


@dataclass(frozen=True)
class Looks:
    """Pixels that are block averages of other pixels.

    Phase is averaged as a phasor, which needs no unwrapping and shrugs off unwrapping errors; to an
    unwrapped phase its whole cycles are given back from the plain mean, which also stands in where the
    phasor is short. A block needs half its pixels valid.
    """

    pixels: Pixels
    looks: tuple[int, int]
    wrapped: bool

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        height, width = self.pixels.shape
        return height // self.looks[0], width // self.looks[1]

    def read(self, window: Window) -> Patch:
        """The window, from the finer pixels under it."""
        fine = self.pixels.read(_under(window, self.looks))
        z, coherent = ph.multilook(ph.phasor(fine.phase, fine.valid), self.looks)
        valid = z != 0
        phase = np.where(valid, np.angle(z), 0).astype(np.float32)
        if not self.wrapped:
            mean = _mean(fine.phase, fine.valid, self.looks)
            cycles = np.rint((mean - phase) / ph.TWO_PI)
            # Where fringes or noise cancel in the block its phasor says nothing, and the mean still does.
            phase = np.where(coherent >= _SAYS, phase + np.float32(ph.TWO_PI) * cycles, mean)
            phase = np.where(valid, phase, 0).astype(np.float32)
        coherence = elevation = None
        if fine.coherence is not None:
            coherence = _mean(fine.coherence, fine.valid, self.looks)
        if fine.elevation is not None:
            known = np.isfinite(fine.elevation)
            elevation = _mean(np.where(known, fine.elevation, 0), known, self.looks)
            elevation[_mean(known, np.ones_like(known), self.looks) == 0] = np.nan
        return Patch(phase, valid, coherence, elevation)


def _under(window: Window, looks: tuple[int, int]) -> Window:
    """The finer pixels that a window averages."""
    down, across = looks
    return Window(window.row * down, window.col * across, window.height * down, window.width * across)


def _mean(values: NDArray[Any], counted: NDArray[np.bool_], looks: tuple[int, int]) -> NDArray[np.float32]:
    """Mean of the counted values of every block, 0 where there is none."""
    down, across = looks
    shape = (values.shape[0] // down, down, values.shape[1] // across, across)
    total = np.where(counted, values, 0).reshape(shape).sum(axis=1).sum(axis=-1, dtype=np.float64)
    count = counted.reshape(shape).sum(axis=(1, 3))
    mean: NDArray[np.float32] = (total / np.maximum(count, 1)).astype(np.float32)
    return mean
