"""Whether two tiles show the same ground, moved by any distance against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.audit.verify import STEP, centred, correlate, product
from ssl_insar.phase import ComplexArray

LEAST_SHARE = 0.15
"""Smallest common part of two tiles, a share of a tile, that can be told from chance."""


@dataclass(frozen=True)
class Alignment:
    """How one tile lies on another.

    Attributes:
        correlation: see `verify.compare`, of the common part.
        share: common part, of a tile.
        shift: (rows, columns) by which the first is moved to lie on the second.
    """

    correlation: float
    share: float
    shift: tuple[int, int]


class Spectrum:
    """What is needed of sketches to find how they lie on another one, by way of the Fourier transform."""

    def __init__(self, fields: ComplexArray) -> None:
        """Transform sketches.

        Args:
            fields: (n, S, S), their means taken away, 0 where there is no data.
        """
        from scipy import fft

        self._side = side = 2 * fields.shape[-1]  # keeps the borders apart

        def transformed(values: NDArray[Any]) -> NDArray[np.complex64]:
            result: Any = fft.fft2(values, (side, side))
            return np.asarray(result, np.complex64)

        self._field = transformed(fields.astype(np.complex64))
        self._power = transformed((np.abs(fields) ** 2).astype(np.float32))
        self._mask = transformed((fields != 0).astype(np.float32))

    def best(self, other: Spectrum) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
        """Highest correlation of each sketch with the one in ``other``, and the shift where it is.

        Shifts that leave less than `LEAST_SHARE` in common are not looked at.

        Shape:
            n sketches here -> (n,), n times (rows, columns) in cells
        """
        from scipy import fft

        def summed(a: NDArray[np.complex64], b: NDArray[np.complex64]) -> Any:
            return fft.ifft2(np.conj(a) * b)

        power = summed(self._power, other._mask).real * summed(self._mask, other._power).real
        common = summed(self._mask, other._mask).real
        usable = (common >= LEAST_SHARE * (self._side / 2) ** 2) & (power > 1e-6)
        length = np.abs(summed(self._field, other._field))
        alike = np.where(usable, length / np.sqrt(np.where(usable, power, 1)), 0)
        at = alike.reshape(len(alike), -1).argmax(axis=1)
        half = self._side // 2
        shifts = [
            tuple(int(s) if s < half else int(s) - self._side for s in divmod(place, self._side))
            for place in at.tolist()
        ]
        return alike.max(axis=(1, 2)).astype(np.float32), [(down, across) for down, across in shifts]


def align(one: ComplexArray, two: ComplexArray, near: tuple[int, int], reach: int) -> Alignment:
    """Find the shift at which two fields agree best, and how well they do there.

    Args:
        one: (T, T) phasors of length 1, 0 where there is no data.
        two: (T, T) likewise.
        near: (rows, columns) by which the first is moved, about.
        reach: how far from there to look, px.
    """
    a, b = centred(one), np.conj(centred(two))
    around = range(-reach, reach + 1)
    shifts = [(near[0] + y, near[1] + x) for y in around for x in around]
    shifts = [shift for shift in shifts if _share(shift, len(one)) >= LEAST_SHARE]
    if not shifts:
        return Alignment(0.0, 0.0, near)

    def agreement(shift: tuple[int, int]) -> float:
        first, second = (part[::STEP] for part in common_parts(a, b, shift))
        return abs(product(first, second)) / first.size

    best = max(shifts, key=agreement)
    correlation, _, _ = correlate(*common_parts(one, two, best))
    return Alignment(correlation, _share(best, len(one)), best)


def common_parts(
    one: ComplexArray, two: ComplexArray, shift: tuple[int, int]
) -> tuple[ComplexArray, ComplexArray]:
    """The parts that lie on each other when the first is moved by ``shift``."""
    side = len(one)
    here = tuple(slice(max(-s, 0), side - max(s, 0)) for s in shift)
    there = tuple(slice(max(s, 0), side - max(-s, 0)) for s in shift)
    return one[here], two[there]


def _share(shift: tuple[int, int], side: int) -> float:
    down, across = (max(side - abs(s), 0) for s in shift)
    return down * across / side**2
