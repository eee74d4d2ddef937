"""One interferogram, with its conventions settled and its pixels read when asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.readers.errors import UnreadableError, damaged
from ssl_insar.readers.pixels import Arrays, Flipped, Patch, Pixels, Window, whole
from ssl_insar.readers.values import WRAPPED_SLACK

Affine = tuple[float, float, float, float, float, float]

METRES_PER_DEGREE = 111_320.0
"""Of longitude at the equator (WGS 84: 2 pi 6378137 m / 360)."""


@dataclass(frozen=True)
class Frame:
    """One interferogram.

    Sign: positive phase = motion away from the satellite, ``reference_date`` earlier than
    ``secondary_date``; every reader converts to that.

    Attributes:
        pixels: where windows of phase, validity, coherence and elevation are read from.
        wrapped: whether the phase is known only modulo 2 pi.
        source: the file it came from.
        family: name of the reader that read it.
        member: which interferogram of the file, where it holds several; else None.
        wavelength: m, or None when the product does not tell.
        reference_date: earlier acquisition, or None.
        secondary_date: later acquisition, or None.
        perpendicular_baseline: m, or None.
        los: unit vector ground to satellite, East, North, Up: (3,) for the whole frame, or
            (3, h, w) on a coarse grid spread evenly over it; or None.
        crs: coordinate reference system as WKT or an authority code, or None.
        transform: affine (a, b, c, d, e, f): x = a col + b row + c, y = d col + e row + f, of the
            upper-left pixel corner; or None.
        posting: (row, column) pixel spacing on the ground in m, for frames without a transform.
        track: relative orbit and pass, such as ``079D``; or None.
        frame: processing frame, such as ``079D_07894_131313``; or None.
        volcano: from the file name, or None.
        region: from the file name, or None.
        provenance: processor, version and layer, as far as the product tells; or None.
        annotations: labels that came with the product, by window: name and value, a name left out or
            None where nothing is known; or None.
        sign: what the pixels' phase is multiplied with to follow the sign above.
    """

    pixels: Pixels
    wrapped: bool
    source: Path
    family: str
    member: str | None = None
    wavelength: float | None = None
    reference_date: date | None = None
    secondary_date: date | None = None
    perpendicular_baseline: float | None = None
    los: NDArray[np.float64] | None = None
    crs: str | None = None
    transform: Affine | None = None
    posting: tuple[float, float] | None = None
    track: str | None = None
    frame: str | None = None
    volcano: str | None = None
    region: str | None = None
    provenance: str | None = None
    annotations: Callable[[Window], dict[str, Any]] | None = None
    sign: int = 1

    @classmethod
    def of(
        cls,
        phase: NDArray[np.float32],
        valid: NDArray[np.bool_],
        *,
        coherence: NDArray[np.float32] | None = None,
        elevation: NDArray[np.float32] | None = None,
        **facts: Any,
    ) -> Frame:
        """A frame of arrays in memory.

        Args:
            phase: (H, W) float32 rad, 0 where not valid.
            valid: (H, W) bool.
            coherence: (H, W) in [0, 1], or None.
            elevation: (H, W) m, or None.
            facts: the other attributes.
        """
        return cls(pixels=Arrays(phase, valid, coherence, elevation), **facts)

    def window(self, row: int, col: int, height: int, width: int) -> Patch:
        """Phase (rad), validity, coherence and elevation of a rectangle inside the frame.

        Raises:
            UnreadableError: the file is damaged there.
        """
        try:
            patch = self.pixels.read(Window(row, col, height, width))
        except (UnreadableError, MemoryError):
            raise
        except Exception as error:  # damaged contents make a library raise anything
            raise damaged(self.source, self.family, error) from error
        beyond = self.wrapped and max(patch.phase.max(), -patch.phase.min()) > np.pi + WRAPPED_SLACK
        if self.sign > 0 and not beyond:
            return patch
        phase = self.sign * patch.phase
        if self.wrapped:
            phase = ph.wrap(phase)
        return patch._replace(phase=np.where(patch.valid, phase, np.float32(0)).astype(np.float32))

    @cached_property
    def _patch(self) -> Patch:
        return self.window(*whole(self.pixels))

    @property
    def phase(self) -> NDArray[np.float32]:
        """(H, W) rad, 0 where not valid; reads the whole frame and keeps it."""
        return self._patch.phase

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(H, W), True where there is data; reads the whole frame and keeps it."""
        return self._patch.valid

    @property
    def coherence(self) -> NDArray[np.float32] | None:
        """(H, W) in [0, 1] as delivered, or None; reads the whole frame and keeps it."""
        return self._patch.coherence

    @property
    def elevation(self) -> NDArray[np.float32] | None:
        """(H, W) in m, NaN where unknown, or None; reads the whole frame and keeps it."""
        return self._patch.elevation

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.pixels.shape

    @property
    def phasor(self) -> NDArray[np.complex64]:
        """(H, W) complex field ``m exp(i phi)``, 0 where there is no data."""
        return ph.phasor(self.phase, self.valid)

    @property
    def temporal_baseline(self) -> int | None:
        """Days from reference to secondary date, or None."""
        if self.reference_date is None or self.secondary_date is None:
            return None
        return (self.secondary_date - self.reference_date).days

    @property
    def orbit_pass(self) -> str | None:
        """``ascending`` or ``descending``, from the track's letter or the line of sight; or None.

        A right-looking satellite stands west of what it sees when it flies north.
        """
        if self.track and self.track[-1:] in ("A", "D"):
            return {"A": "ascending", "D": "descending"}[self.track[-1]]
        if self.los is None:
            return None
        return "ascending" if float(np.nanmean(self.los[0])) < 0 else "descending"

    @property
    def spacing(self) -> tuple[float, float] | None:
        """(row, column) distance of neighbouring pixels in m at the centre of the frame, or None."""
        if self.transform is None or self.crs is None:
            return self.posting
        from rasterio.crs import CRS

        a, b, _, d, e, f = self.transform
        try:
            crs = CRS.from_user_input(self.crs)
            per_unit = 1.0 if crs.is_geographic else float(crs.linear_units_factor[1])
        except Exception:  # an unknown code: rasterio raises several kinds
            return self.posting
        north = east = per_unit
        if crs.is_geographic:
            height, width = self.shape
            latitude = d * width / 2 + e * height / 2 + f
            north, east = METRES_PER_DEGREE, METRES_PER_DEGREE * float(np.cos(np.deg2rad(latitude)))
        return float(np.hypot(b * east, e * north)), float(np.hypot(a * east, d * north))

    def los_at(self, row: float, col: float) -> NDArray[np.float64] | None:
        """(3,) unit vector ground to satellite at a pixel, East, North, Up; or None."""
        if self.los is None or self.los.ndim == 1:
            return self.los
        height, width = self.shape
        i = min(int(row / height * self.los.shape[1]), self.los.shape[1] - 1)
        j = min(int(col / width * self.los.shape[2]), self.los.shape[2] - 1)
        vector = self.los[:, i, j]
        length = float(np.linalg.norm(vector))
        return vector / length if np.isfinite(length) and length > 0 else None

    def north_up(self) -> Frame:
        """The same interferogram with its northernmost row first, if it lies on a map the other way up.

        Without a reference system the transform is no map's: images in radar coordinates have some that
        merely count pixels.
        """
        if self.transform is None or self.crs is None or self.transform[4] <= 0:
            return self
        a, b, c, d, e, f = self.transform
        height, annotations = self.shape[0], self.annotations
        return dataclasses.replace(
            self,
            pixels=Flipped(self.pixels),
            transform=(a, -b, c + b * height, d, -e, f + e * height),
            los=self.los if self.los is None or self.los.ndim == 1 else self.los[:, ::-1],
            annotations=None if annotations is None else lambda window: annotations(window.flipped(height)),
        )

    def reversed(self) -> Frame:
        """The same interferogram with its two dates swapped, which flips the sign of the phase."""
        baseline = self.perpendicular_baseline
        return dataclasses.replace(
            self,
            sign=-self.sign,
            reference_date=self.secondary_date,
            secondary_date=self.reference_date,
            perpendicular_baseline=None if baseline is None else -baseline,
        )
