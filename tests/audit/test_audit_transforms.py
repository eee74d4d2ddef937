from __future__ import annotations

import numpy as np
import pytest

from ssl_insar.audit.descriptors import as_field, gradients, sketch, vectors
from ssl_insar.audit.transforms import INVERSE, TRANSFORMS, Transform, composed


def _field(seed: int = 0, side: int = 56) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    z = np.exp(1j * (9 * x**2 + 5 * x * y - 7 * y**3 + 0.5 * rng.normal(size=(side, side))))
    z[: side // 4, : side // 3] = 0  # no data in one corner, so that no symmetry is left
    return z.astype(np.complex64)


def test_sixteen_different_transforms_the_identity_first() -> None:
    z = _field()
    assert TRANSFORMS[0] == Transform()
    images = {transform(z).tobytes() for transform in TRANSFORMS}
    assert len(TRANSFORMS) == len(images) == 16


@pytest.mark.parametrize("number", range(16))
def test_inverse_undoes(number: int) -> None:
    z = _field()
    np.testing.assert_array_equal(TRANSFORMS[INVERSE[number]](TRANSFORMS[number](z)), z)


@pytest.mark.parametrize("number", range(16))
def test_composition_does_one_after_the_other(number: int) -> None:
    z, first = _field(), TRANSFORMS[number]
    for second in TRANSFORMS:
        np.testing.assert_array_equal(composed(first, second)(z), second(first(z)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("transposed", lambda z: z.T),
        ("anti-transposed", lambda z: np.rot90(z, 2).T),
        ("flipped-left-right", np.fliplr),
        ("flipped-up-down", np.flipud),
        ("rotated-90", lambda z: np.rot90(z, 1)),
        ("rotated-180", lambda z: np.rot90(z, 2)),
        ("rotated-270", lambda z: np.rot90(z, 3)),
        ("near-duplicate", lambda z: z),
    ],
)
def test_names_say_what_is_done(kind: str, expected: object) -> None:
    z = _field()
    plain = next(t for t in TRANSFORMS if t.kind == kind and not t.swapped)
    np.testing.assert_array_equal(plain(z), expected(z))  # type: ignore[operator]


def test_swap_of_dates_is_conjugation() -> None:
    z = _field()
    swapped = next(t for t in TRANSFORMS if t.kind == "date-swapped")
    np.testing.assert_array_equal(swapped(z), z.conj())


@pytest.mark.parametrize("number", range(16))
@pytest.mark.parametrize("side", [56, 61])
def test_descriptor_turns_with_the_tile(number: int, side: int) -> None:
    """The vector of a turned tile is had from the tile's own, so an index need not hold all guises."""
    z, transform = _field(side=side), TRANSFORMS[number]
    blocks = gradients(as_field(sketch(z[None])))
    turned = gradients(as_field(sketch(np.ascontiguousarray(transform(z))[None])))
    expected, other = vectors(turned, TRANSFORMS[0]), vectors(blocks, transform)
    assert float((expected * other).sum()) > 0.999
    if number:
        assert float((expected * vectors(blocks, TRANSFORMS[0])).sum()) < 0.9


def test_descriptor_ignores_a_constant_phase() -> None:
    z = _field()
    one, two = (vectors(gradients(as_field(sketch(f[None]))), TRANSFORMS[0]) for f in (z, z * np.exp(2j)))
    assert float((one * two).sum()) > 0.995
