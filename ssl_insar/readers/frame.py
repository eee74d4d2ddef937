"""One interferogram in memory, with its conventions settled."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph


@dataclass(frozen=True)
class Frame:
    """One interferogram.

    Sign: positive phase = motion away from the satellite, ``reference_date`` earlier than
    ``secondary_date``; every reader converts to that.

    Attributes:
        phase: (H, W) float32, rad; wrapped into [-pi, pi) or unwrapped; 0 where not valid.
        valid: (H, W) bool, True where there is data.
        wrapped: whether ``phase`` is known only modulo 2 pi.
        source: the file it came from.
        family: name of the reader that read it.
        coherence: (H, W) float32 in [0, 1] as delivered with the product, or None.
        wavelength: m, or None when the product does not tell.
        reference_date: earlier acquisition, or None.
        secondary_date: later acquisition, or None.
        los: (3,) or (3, H, W) unit vector ground to satellite, East, North, Up; or None.
        crs: coordinate reference system as WKT or an authority code, or None.
        transform: affine (a, b, c, d, e, f): x = a col + b row + c, y = d col + e row + f, of the
            upper-left pixel corner; or None.
        track: relative orbit and pass, such as ``079D``; or None.
        frame: processing frame, such as ``079D_07894_131313``; or None.
        volcano: from the file name, or None.
        region: from the file name, or None.
    """

    phase: NDArray[np.float32]
    valid: NDArray[np.bool_]
    wrapped: bool
    source: Path
    family: str
    coherence: NDArray[np.float32] | None = None
    wavelength: float | None = None
    reference_date: date | None = None
    secondary_date: date | None = None
    los: NDArray[np.float64] | None = None
    crs: str | None = None
    transform: tuple[float, float, float, float, float, float] | None = None
    track: str | None = None
    frame: str | None = None
    volcano: str | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if self.phase.ndim != 2 or self.valid.shape != self.phase.shape:
            raise ValueError(f"phase {self.phase.shape} and validity {self.valid.shape} must be one (H, W)")
        if self.coherence is not None and self.coherence.shape != self.phase.shape:
            raise ValueError(f"coherence {self.coherence.shape} does not match phase {self.phase.shape}")

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.phase.shape[0], self.phase.shape[1]

    @property
    def phasor(self) -> NDArray[np.complex64]:
        """(H, W) complex field ``m exp(i phi)``, 0 where there is no data."""
        return ph.phasor(self.phase, self.valid)

    def reversed(self) -> Frame:
        """The same interferogram with its two dates swapped, which flips the sign of the phase."""
        flipped = ph.wrap(-self.phase) if self.wrapped else -self.phase
        return dataclasses.replace(
            self,
            phase=np.where(self.valid, flipped, np.float32(0)).astype(np.float32),
            reference_date=self.secondary_date,
            secondary_date=self.reference_date,
        )
