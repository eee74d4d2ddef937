from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_insar.archive.groups import grouped_folds
from ssl_insar.classify.metrics import auroc, average_precision
from ssl_insar.classify.nulls import GLOBAL_STATISTICS, global_statistics, splits_by_file, volcano_prior
from ssl_insar.phase import phasor


def _tiles(seed: int = 0, count: int = 3, size: int = 40):
    """Smooth, noisy and ramped phase, with a hole in each."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:size, :size] / size
    smooth = 6 * np.exp(-((rows - 0.5) ** 2 + (cols - 0.4) ** 2) * 8) + 0.1 * rng.normal(size=(size, size))
    phase = np.stack([smooth, rng.uniform(-np.pi, np.pi, (size, size)), 20 * rows + 9 * cols][:count])
    valid = np.ones(phase.shape, bool)
    valid[:, 5:12, 20:30] = False
    return phase, valid


def _column(values, name):
    return values[:, GLOBAL_STATISTICS.index(name)]


@given(st.floats(-10, 10), st.integers(-3, 3), st.integers(0, 100))
def test_reference_and_whole_cycles_and_date_swap_change_nothing(offset, cycles, seed) -> None:
    phase, valid = _tiles(seed)
    plain = global_statistics(phasor(phase, valid))
    shift = np.where(np.random.default_rng(seed).random(phase.shape) < 0.5, 2 * np.pi * cycles, 0.0)
    np.testing.assert_allclose(global_statistics(phasor(phase + offset + shift, valid)), plain, atol=2e-3)
    np.testing.assert_allclose(global_statistics(np.conj(phasor(phase, valid))), plain, atol=1e-5)


def test_the_numbers_are_what_their_names_say() -> None:
    phase, valid = _tiles()
    values = global_statistics(phasor(phase, valid))
    assert values.shape == (3, len(GLOBAL_STATISTICS))
    assert values.dtype == np.float32
    np.testing.assert_allclose(_column(values, "valid_fraction"), valid.mean(axis=(1, 2)), atol=1e-6)
    ramp = values[2]
    named = dict(zip(GLOBAL_STATISTICS, ramp, strict=True))
    assert named["row_gradient_mean"] == pytest.approx(20 / 40, abs=1e-4)
    assert named["col_gradient_mean"] == pytest.approx(9 / 40, abs=1e-4)
    assert named["row_gradient_std"] == pytest.approx(0, abs=1e-3)
    assert named["row_gradient_phasor_length"] == pytest.approx(1, abs=1e-4)
    noise = dict(zip(GLOBAL_STATISTICS, values[1], strict=True))
    assert noise["row_gradient_mean"] == pytest.approx(np.pi / 2, abs=0.1)
    assert noise["row_gradient_std"] == pytest.approx(np.pi / np.sqrt(12), abs=0.1)
    assert noise["col_gradient_phasor_length"] < 0.1
    assert noise["coherence_mean"] < 0.4 < 0.9 < named["coherence_mean"]
    assert noise["coherence_high_share"] < 0.05 < 0.99 < named["coherence_high_share"]
    still = dict(zip(GLOBAL_STATISTICS, global_statistics(np.ones((1, 9, 9), np.complex64))[0], strict=True))
    assert still["mean_phasor_length"] == pytest.approx(1)


def test_where_things_are_does_not_matter() -> None:
    """A field that repeats at its edges, moved around or mirrored, is the same to them."""
    rng = np.random.default_rng(0)
    rows, cols = 2 * np.pi * np.mgrid[:128, :128] / 128
    phase = 2 * np.sin(rows) * np.cos(cols) + np.sin(2 * cols + rows) + 0.2 * rng.normal(size=(128, 128))
    z = phasor(phase[None])
    plain = global_statistics(z)
    for moved in (np.roll(z, (64, 31), axis=(1, 2)), z[:, ::-1], z[:, :, ::-1]):
        np.testing.assert_allclose(global_statistics(moved), plain, atol=3e-3)
    # Smoothing is not among the things they cannot see.
    assert not np.allclose(global_statistics(phasor(np.roll(phase, 64)[None] * 1.3)), plain, atol=3e-3)


def test_chunks_and_empty_input() -> None:
    phase, valid = _tiles(size=16)
    z = np.concatenate([phasor(phase, valid)] * 50)
    values = global_statistics(z)
    np.testing.assert_allclose(values, np.tile(values[:3], (50, 1)), atol=1e-5)
    assert global_statistics(z[:0]).shape == (0, len(GLOBAL_STATISTICS))
    with pytest.raises(ValueError, match=r"\(n, H, W\)"):
        global_statistics(z[0])


def test_a_tile_without_data_is_finite() -> None:
    values = global_statistics(np.zeros((2, 8, 8), np.complex64))
    assert (values == 0).all()


def test_magnitude_does_not_matter_only_validity() -> None:
    phase, valid = _tiles()
    z = phasor(phase, valid)
    np.testing.assert_allclose(
        global_statistics((z * 0.3).astype(np.complex64)), global_statistics(z), atol=1e-4
    )


def test_the_prior_is_blind_at_new_volcanoes_and_all_seeing_by_file() -> None:
    groups = np.repeat([f"v{i}" for i in range(20)], 12)
    rng = np.random.default_rng(0)
    y = (np.isin(groups, ["v2", "v5", "v9"]) & (rng.random(240) < 0.9)).astype(int)
    blind = volcano_prior(y, groups)
    assert auroc(y, blind) == 0.5
    assert average_precision(y, blind) == pytest.approx(y.mean())
    assert blind == pytest.approx(y.mean())
    leaky = volcano_prior(y, groups, splits_by_file(y, np.arange(240)))
    assert auroc(y, leaky) > 0.95


def test_the_prior_is_the_smoothed_rate_of_the_training_fold() -> None:
    groups = np.array(["a", "a", "a", "b", "b", "b"])
    y = np.array([1, 1, 0, 0, 0, 1])
    split = [(np.array([0, 1, 3, 4]), np.array([2, 5])), (np.array([2, 5]), np.array([0, 1, 3, 4]))]
    scores = volcano_prior(y, groups, split, strength=1.0)
    assert scores[[2, 5]] == pytest.approx([(2 + 0.5) / 3, (0 + 0.5) / 3])
    assert scores[[0, 3]] == pytest.approx([(0 + 0.5) / 2, (1 + 0.5) / 2])


def test_the_prior_of_several_classes_sums_to_one() -> None:
    groups = np.repeat(np.arange(9), 6)
    y = np.array(["x", "y", "z"])[np.arange(54) % 3]
    scores = volcano_prior(y, groups, grouped_folds(y, groups, 3))
    assert scores.shape == (54, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1)


def test_splits_by_file_keep_a_file_together() -> None:
    files = np.repeat(np.arange(30), 4)
    y = (np.arange(120) % 5 == 0).astype(int)
    for train, test in splits_by_file(y, files):
        assert not set(files[train]) & set(files[test])
