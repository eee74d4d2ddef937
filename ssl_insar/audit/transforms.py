"""The sixteen ways in which one field can be a copy of another.

They are the eight symmetries of the square, each with or without a swap of the two dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.phase import ComplexArray


@dataclass(frozen=True)
class Transform:
    """Transposition, then flips, then conjugation.

    Attributes:
        transposed: rows become columns.
        left_right: the order of columns is reversed.
        up_down: the order of rows is reversed.
        swapped: the dates are swapped, which turns the sign of the phase.
    """

    transposed: bool = False
    left_right: bool = False
    up_down: bool = False
    swapped: bool = False

    def __call__(self, z: NDArray[Any]) -> NDArray[Any]:
        """The field, transformed.

        Shape:
            (..., T, T) -> (..., T, T)
        """
        if self.transposed:
            z = np.swapaxes(z, -1, -2)
        if self.left_right:
            z = z[..., ::-1]
        if self.up_down:
            z = z[..., ::-1, :]
        return np.conj(z) if self.swapped else z

    @property
    def inverse(self) -> Transform:
        """The transform that undoes this one."""
        if not self.transposed:
            return self
        return Transform(True, self.up_down, self.left_right, self.swapped)

    @property
    def kind(self) -> str:
        """What a copy made in this way is called; rotations are anticlockwise.

        A swap of the dates is told apart only where nothing else was done.
        """
        turned = _NAMES[self.transposed, self.left_right, self.up_down]
        return "date-swapped" if self.swapped and turned == NEAR else turned


NEAR = "near-duplicate"

_NAMES = {
    (False, False, False): NEAR,
    (False, True, False): "flipped-left-right",
    (False, False, True): "flipped-up-down",
    (False, True, True): "rotated-180",
    (True, False, False): "transposed",
    (True, True, True): "anti-transposed",
    (True, True, False): "rotated-270",
    (True, False, True): "rotated-90",
}

TRANSFORMS = tuple(
    Transform(transposed, left_right, up_down, swapped)
    for swapped in (False, True)
    for transposed in (False, True)
    for up_down in (False, True)
    for left_right in (False, True)
)
"""All of them, the identity first; a transform is known by its place in here."""

INVERSE = tuple(TRANSFORMS.index(transform.inverse) for transform in TRANSFORMS)
"""Place of the inverse of each."""

_PROBE = np.array([[1 + 1j, 2 + 1j], [3 + 1j, 4 + 1j]])
"""A field that every transform changes in a way of its own."""

KINDS = (*dict.fromkeys(transform.kind for transform in TRANSFORMS),)
"""Names of the copies, in a stable order."""


@cache
def composed(first: Transform, second: Transform) -> Transform:
    """The one transform that does what two do one after the other."""
    wanted = second(first(_PROBE))
    return next(transform for transform in TRANSFORMS if np.array_equal(transform(_PROBE), wanted))


def turn_gradients(gradients: ComplexArray, transform: Transform) -> ComplexArray:
    """What becomes of phase gradients on a grid when the field is transformed.

    A transposition exchanges the directions, a flip reverses one of them, which conjugates its
    gradient phasor.

    Shape:
        (n, 2, B, B) -> (n, 2, B, B); first along the rows, then down the columns
    """
    along, down = gradients[:, 0], gradients[:, 1]
    if transform.transposed:
        along, down = np.swapaxes(down, -1, -2), np.swapaxes(along, -1, -2)
    if transform.left_right:
        along, down = np.conj(along[..., ::-1]), down[..., ::-1]
    if transform.up_down:
        along, down = along[..., ::-1, :], np.conj(down[..., ::-1, :])
    turned: ComplexArray = np.stack([along, down], axis=1)
    return np.conj(turned) if transform.swapped else turned
