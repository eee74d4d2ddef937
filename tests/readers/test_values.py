"""Values that are arbitrary bytes, and odd ones that are not."""

from __future__ import annotations

import numpy as np
import pytest

from ssl_insar.readers.values import phase_and_validity

PHASE = np.random.default_rng(6).normal(0, 9, (60, 50)).astype(np.float32)


@pytest.mark.parametrize("kind", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("step", [1, 5])
def test_values_in_the_wrong_byte_order_are_refused(kind: str, step: int) -> None:
    values = np.repeat(np.repeat(PHASE, step, axis=0), step, axis=1).astype(kind)
    phase_and_validity(values)
    with pytest.raises(ValueError, match="no numbers that make sense"):
        phase_and_validity(values.byteswap())


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_values_that_begin_between_two_are_refused(shift: int) -> None:
    raw = PHASE.tobytes()
    values = np.frombuffer(raw[shift:] + raw[:shift], np.float32).reshape(PHASE.shape)
    with pytest.raises(ValueError, match="no numbers that make sense"):
        phase_and_validity(values)


def test_a_fill_however_large_is_no_data_and_nothing_worse() -> None:
    for fill in (3.4e38, -3.4e38, 1e20, 9.97e36, -9999, np.inf, np.nan):
        values = PHASE.copy()
        values[:30] = fill
        _, valid = phase_and_validity(values)
        assert not valid[:30].any()
        assert valid[30:].all()


def test_fills_that_were_resampled_are_no_data_and_nothing_worse() -> None:
    values = PHASE.copy()
    values[0] = np.linspace(1e20, 3e20, 50)
    _, valid = phase_and_validity(values)
    assert not valid[0].any()
    assert valid[1:].all()


def test_packed_whole_numbers_are_what_they_are() -> None:
    values = np.arange(-1000, 1000, dtype=np.int16).reshape(40, 50)
    phase, valid = phase_and_validity(values)
    np.testing.assert_array_equal(valid, values != 0)
    assert phase[0, 0] == -1000


def test_the_tails_of_a_made_deformation_are_phase() -> None:
    rows, cols = np.mgrid[:60, :50]
    values = np.exp(-((rows - 30.0) ** 2 + (cols - 25.0) ** 2) / 8)
    assert values.min() < 1e-60
    _, valid = phase_and_validity(values)
    assert valid.all()
