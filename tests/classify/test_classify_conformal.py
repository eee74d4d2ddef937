"""Conformal sets: coverage at volcanoes that come anew, class by class."""

from __future__ import annotations

import numpy as np
import pytest
from made_scores import drawn, held_out

from ssl_insar.classify import LeakError
from ssl_insar.classify.conformal import ConformalSets, coverage, cross_conformal, grouped_quantile


def _volcanoes(rng: np.random.Generator, count: int):
    """Tiles whose scores lean one way at each volcano; some volcanoes have many."""
    tiles = rng.integers(1, 30, count)
    groups = np.repeat(np.arange(count), tiles).astype(str)
    codes = (rng.random(len(groups)) < 0.4).astype(int)
    lean = np.repeat(rng.normal(size=count), tiles)
    odds = 2 * (2 * codes - 1) + lean + rng.normal(size=len(groups))
    positive = 1 / (1 + np.exp(-odds))
    return np.stack([1 - positive, positive], axis=1), codes, groups


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_coverage_at_new_volcanoes_is_within_two_points_of_the_promise(level) -> None:
    rng = np.random.default_rng(0)
    met, by_class = [], []
    for _ in range(200):
        probability, codes, groups = _volcanoes(rng, 100)
        rule = ConformalSets.fit(probability, codes, groups, level)
        probability, codes, groups = _volcanoes(rng, 100)
        inside = rule.sets(probability)
        met.append(coverage(inside, codes, groups))
        by_class.append([coverage(inside[codes == k], codes[codes == k], groups[codes == k]) for k in (0, 1)])
    assert np.mean(met) == pytest.approx(level, abs=0.02)
    np.testing.assert_allclose(np.mean(by_class, axis=0), level, atol=0.02)


def test_tiles_taken_as_exchangeable_would_miss_the_promise() -> None:
    # One volcano with nearly all tiles: by tile, the others hardly count.
    rng = np.random.default_rng(1)
    lean = rng.normal(size=20)
    groups = np.repeat(np.arange(20), [500] + [2] * 19)
    scores = lean[groups] + 0.1 * rng.normal(size=len(groups))
    by_tile = np.quantile(scores, 0.9)
    by_group = grouped_quantile(scores, groups, 0.9)
    covered = (lean < by_tile).mean(), (lean < by_group).mean()
    assert covered[1] == pytest.approx(0.95, abs=0.06)
    assert abs(covered[0] - 0.9) > abs(covered[1] - 0.9)


def test_one_tile_a_volcano_is_plain_split_conformal() -> None:
    scores = np.random.default_rng(2).random(99)
    # The ceil((n + 1) level)-th smallest (Vovk, Gammerman & Shafer 2005).
    assert grouped_quantile(scores, np.arange(99), 0.9) == np.sort(scores)[89]
    assert grouped_quantile(scores[:9], np.arange(9), 0.9) == scores[:9].max()
    assert grouped_quantile(scores[:8], np.arange(8), 0.9) == float("inf")


def test_a_class_at_too_few_volcanoes_is_in_every_set() -> None:
    probability = np.array([[0.9, 0.1]] * 30 + [[0.1, 0.9]] * 5)
    codes = np.repeat([0, 1], [30, 5])
    rule = ConformalSets.fit(probability, codes, np.arange(35).astype(str), 0.9)
    assert rule.volcanoes == (30, 5)
    assert rule.sets([[1.0, 0.0], [0.0, 1.0]]).tolist() == [[True, True], [False, True]]
    pooled = ConformalSets.fit(probability, codes, np.arange(35).astype(str), 0.9, by_class=False)
    assert pooled.volcanoes == (35, 35)
    assert pooled.sets([[1.0, 0.0]]).tolist() == [[True, False]]


def test_folds_meet_the_promise_too() -> None:
    shares = []
    for seed in range(30):
        logits, codes = drawn(np.random.default_rng(seed), 1000, 3)
        held = held_out(logits, codes, groups=200)
        shares.append(coverage(cross_conformal(held, held.raw, 0.9), codes, held.groups))
    assert np.mean(shares) == pytest.approx(0.9, abs=0.02)


def test_volcanoes_of_training_are_refused() -> None:
    probability, codes, groups = _volcanoes(np.random.default_rng(3), 10)
    with pytest.raises(LeakError, match="volcano 4 is learned from and scored"):
        ConformalSets.fit(probability, codes, groups, learned_from=frozenset({"4", "x"}))
    with pytest.raises(ValueError, match="level"):
        ConformalSets.fit(probability, codes, groups, 1.0)
