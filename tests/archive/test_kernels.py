"""The compiled loops give what the same sums give in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ssl_insar import phase as ph
from ssl_insar.archive import kernels
from ssl_insar.archive.local_coherence import local_coherence

FIRSTS = np.array([0, 30, 57])


@pytest.fixture
def strip() -> np.ndarray:
    """(32, 90) rad, halves of a step among them."""
    values = np.random.default_rng(0).uniform(-60, 60, (32, 90)).astype(np.float32)
    values[:, ::7] = (np.arange(32)[:, None] + 0.5) * np.float32(ph.TWO_PI / ph.STEPS_PER_CYCLE)
    return values


@pytest.mark.parametrize(("kind", "encode"), [(np.uint8, ph.encode_wrapped), (np.int16, ph.encode_unwrapped)])
def test_counts_are_those_of_the_codec(strip: np.ndarray, kind: type, encode: Any) -> None:
    counts = np.empty((3, 32, 32), kind)
    kernels.cut_counts(strip, FIRSTS, counts)
    for piece, first in zip(counts, FIRSTS, strict=True):
        np.testing.assert_array_equal(piece, encode(strip[:, first : first + 32]))


def test_shares_become_levels_and_sums_over_what_is_valid() -> None:
    rng = np.random.default_rng(1)
    shares = rng.random((32, 90), np.float32)
    shares[0, :2] = 0, 1
    valid = rng.random((3, 32, 32)) < 0.7
    levels, sums = np.empty((3, 32, 32), np.uint8), np.empty(3)
    kernels.cut_shares(shares, valid.view(np.uint8), FIRSTS, levels, sums)
    for i, first in enumerate(FIRSTS):
        piece = shares[:, first : first + 32]
        np.testing.assert_array_equal(levels[i], np.floor(piece * np.float32(255) + np.float32(0.5)))
        assert sums[i] == pytest.approx(piece[valid[i]].sum(dtype=np.float64), rel=1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.int16])
def test_local_coherence_is_the_length_of_box_means(kind: type) -> None:
    rng = np.random.default_rng(2)
    counts = np.cumsum(rng.integers(-20, 20, (2, 32, 33)), axis=2).astype(kind)[:, :, :32]
    counts = np.ascontiguousarray(counts)
    valid = rng.random(counts.shape) < 0.8
    valid[0, :5, :5] = False
    mean, coherent = local_coherence(counts, valid)
    phasors = np.exp(2j * np.pi * counts.astype(float) / 256) * valid
    for i in range(2):
        lengths, numbers = [], []
        for row in range(0, 30, 10):
            for col in range(0, 30, 5):
                lengths.append(abs(phasors[i, row : row + 5, col : col + 5].sum()))
                numbers.append(valid[i, row : row + 5, col : col + 5].sum())
        length, number = np.array(lengths), np.array(numbers)
        assert mean[i] == pytest.approx(length.sum() / number.sum(), abs=1e-3)
        good = number[(length >= 0.5 * number) & (number > 0)].sum()
        assert coherent[i] == pytest.approx(good / (3 * 6 * 25))


def test_nothing_valid_has_no_coherence() -> None:
    mean, coherent = local_coherence(np.zeros((1, 32, 32), np.uint8), np.zeros((1, 32, 32), bool))
    assert mean[0] == coherent[0] == 0
