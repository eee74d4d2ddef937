"""Whether two tiles are copies, told from all their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.audit.candidates import Candidates
from ssl_insar.audit.transforms import TRANSFORMS
from ssl_insar.phase import ComplexArray
from ssl_insar.progress import bar

SHIFT = 2
"""Largest shift looked for, px: what is left when crops of 227 px are cut to 224 px after a flip."""

LEAST_COMMON = 0.25
"""Least share of the smaller tile's valid pixels that both must have."""

STEP = 4
"""Every fourth row is enough to tell the shift."""

_HELD = 128


@dataclass(frozen=True)
class Match:
    """How well one tile, transformed, agrees with another.

    Attributes:
        first: row of the one.
        second: row of the other, higher.
        transform: place in `TRANSFORMS`; applied to the first.
        correlation: see `compare`.
        raw: the same, without taking away the means.
        offset: constant phase of the second relative to the transformed first, rad.
        shift: (rows, columns) by which the transformed first is moved to lie on the second.
    """

    first: int
    second: int
    transform: int
    correlation: float
    raw: float
    offset: float
    shift: tuple[int, int]


def compare(one: ComplexArray, two: ComplexArray) -> tuple[float, float, float, tuple[int, int]]:
    r"""Correlation of two fields, at the shift of up to 2 px where it is highest.

    With :math:`\rho(a, b) = |\langle a \bar b \rangle| / \sqrt{\langle|a|^2\rangle \langle|b|^2\rangle}`
    over the pixels valid in both, the correlation is that of the fields less their means there. It
    does not know constant phase offsets. Without taking away the means, :math:`|\langle z_1 \bar
    z_2 \rangle|`, any two tiles without fringes would agree, for both are nearly constant.

    Args:
        one: (T, T) phasors of length 1, 0 where there is no data.
        two: (T, T) likewise.

    Returns:
        correlation in [0, 1]; the same of the fields as they are; phase offset of ``two`` relative
        to ``one``, rad; shift. All 0 where they have too few pixels in common.
    """
    reach = range(-SHIFT, SHIFT + 1)
    shifts = [(0, 0), *((y, x) for y in reach for x in reach if (y, x) != (0, 0))]
    a, b = centred(one), _inner(centred(two).conj())[::STEP].copy()
    best = max(shifts, key=lambda shift: abs(product(_moved(a, shift)[::STEP], b)))
    if best == (0, 0):  # then no border need be given away
        return *correlate(one, two), best
    return *correlate(_moved(one, best), _inner(two)), best


def verify(archive: Archive, candidates: Candidates, *, progress: bool = True) -> list[Match]:
    """Compare candidates pixel by pixel; of several guises of one pair the best is kept."""

    @lru_cache(_HELD)
    def field(row: int) -> NDArray[np.complex64]:
        one: NDArray[np.complex64] = archive.phasors([row])[0]
        return one

    best: dict[tuple[int, int], Match] = {}
    with bar(len(candidates), "verify", "pair", shown=progress and len(candidates) > 0) as progress_bar:
        for first, second, number in zip(
            candidates.first.tolist(), candidates.second.tolist(), candidates.transform.tolist(), strict=True
        ):
            turned = TRANSFORMS[number](field(first))
            match = Match(first, second, number, *compare(turned, field(second)))
            held = best.get((first, second))
            # The simplest guise wins where several fit, as in a symmetric tile.
            if held is None or match.correlation > held.correlation + 1e-6:
                best[first, second] = match
            progress_bar.update()
    return list(best.values())


def _moved(field: ComplexArray, shift: tuple[int, int]) -> ComplexArray:
    """The part of a field that lies on the inner part of another when it is moved."""
    rows, columns = (slice(SHIFT - s, (-SHIFT - s) or None) for s in shift)
    return field[rows, columns]


def _inner(field: ComplexArray) -> ComplexArray:
    return field[SHIFT:-SHIFT, SHIFT:-SHIFT]


def centred(field: ComplexArray) -> ComplexArray:
    """The field less its mean; 0 where there is no data."""
    valid = field != 0
    centred: ComplexArray = field - field.sum() / max(np.count_nonzero(valid), 1)
    return centred if valid.all() else centred * valid


def product(a: ComplexArray, b: ComplexArray) -> complex:
    """Sum of the products; BLAS would wake its threads for each of these many short sums."""
    return complex((a * b).sum())


def correlate(one: ComplexArray, two: ComplexArray) -> tuple[float, float, float]:
    """Correlation of fields that lie on each other, the same with their means, offset; see `compare`."""
    both = (one != 0) & (two != 0)
    common = int(both.sum())
    if common < max(LEAST_COMMON * min(np.count_nonzero(one), np.count_nonzero(two)), 2):
        return 0.0, 0.0, 0.0
    a, b = (one, two) if both.all() else (one[both], two[both])
    mean = product(a.conj(), b) / common
    of_a, of_b = complex(a.mean()), complex(b.mean())
    power = (1 - abs(of_a) ** 2) * (1 - abs(of_b) ** 2)  # phasors have length 1
    centred = abs(mean - of_a.conjugate() * of_b) / np.sqrt(power) if power > 1e-12 else 0.0
    return min(float(centred), 1.0), min(abs(mean), 1.0), float(np.angle(mean))
