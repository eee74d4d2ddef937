"""The frame's own promises."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ssl_insar.readers import Frame


def frame(wrapped: bool) -> Frame:
    rng = np.random.default_rng(5)
    phase = rng.uniform(-np.pi, np.pi, (6, 7)) if wrapped else rng.normal(0, 20, (6, 7))
    valid = rng.random((6, 7)) < 0.8
    return Frame.of(
        np.where(valid, phase, 0).astype(np.float32),
        valid,
        wrapped=wrapped,
        source=Path("somewhere"),
        family="made here",
        reference_date=date(2019, 1, 5),
        secondary_date=date(2019, 1, 17),
    )


@pytest.mark.parametrize("wrapped", [True, False])
def test_reversed_swaps_dates_and_conjugates(wrapped: bool) -> None:
    forward = frame(wrapped)
    backward = forward.reversed()
    assert (backward.reference_date, backward.secondary_date) == (date(2019, 1, 17), date(2019, 1, 5))
    np.testing.assert_allclose(backward.phasor, np.conj(forward.phasor), atol=1e-6)
    np.testing.assert_array_equal(backward.phase[~forward.valid], 0)
    if not wrapped:
        np.testing.assert_array_equal(backward.phase, -forward.phase)


@pytest.mark.parametrize("wrapped", [True, False])
def test_reversed_twice_is_identity(wrapped: bool) -> None:
    forward = frame(wrapped)
    again = forward.reversed().reversed()
    np.testing.assert_allclose(again.phase, forward.phase, atol=1e-6)
    np.testing.assert_array_equal(again.valid, forward.valid)
    assert (again.reference_date, again.secondary_date) == (forward.reference_date, forward.secondary_date)


def test_phasor_is_zero_where_not_valid() -> None:
    made = frame(True)
    np.testing.assert_array_equal(made.phasor != 0, made.valid)
    assert made.shape == (6, 7)


def test_fields_of_different_shape_are_refused() -> None:
    phase, valid = np.zeros((4, 5), np.float32), np.ones((4, 5), bool)
    facts = {"wrapped": True, "source": Path("x"), "family": "made here"}
    with pytest.raises(ValueError, match="one \\(H, W\\)"):
        Frame.of(phase, np.ones((5, 4), bool), **facts)
    for layer in ("coherence", "elevation"):
        with pytest.raises(ValueError, match=layer):
            Frame.of(phase, valid, **{layer: np.zeros((2, 2), np.float32)}, **facts)


@pytest.mark.parametrize("sign", [1, -1])
def test_phase_that_is_called_wrapped_lies_within_pi(sign: int) -> None:
    """Damaged files and misnamed ones hold what they like."""
    phase = np.array([[-9.0, -3.2, 0.0], [3.1, 4.0, 1e5]], np.float32)
    made = Frame.of(phase, phase != 0, wrapped=True, source=Path("x"), family="made here", sign=sign)
    assert np.abs(made.phase).max() <= np.pi
    np.testing.assert_allclose(np.exp(1j * made.phase), np.exp(1j * sign * phase), atol=1e-2)
    assert (made.phase[~made.valid] == 0).all()
