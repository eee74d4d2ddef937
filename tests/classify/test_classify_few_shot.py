from __future__ import annotations

import numpy as np
import pytest

from ssl_insar.archive.groups import NotEvaluableError
from ssl_insar.classify.few_shot import draws_of, few_shot


def test_no_volcano_is_on_both_sides_and_both_sides_hold_positives(world) -> None:
    for draw in draws_of(world.y, world.groups, 10, draws=20):
        assert not set(world.groups[draw.support]) & set(world.groups[draw.query])
        assert len(draw.support) + len(draw.query) == len(world.y)
        assert set(world.y[draw.support]) == set(world.y[draw.query]) == {0, 1}
        assert set(draw.shots(10)) <= set(draw.support)
        assert 8 <= len(set(world.groups[draw.support])) <= 16


def test_draws_are_nested_balanced_and_shared(world) -> None:
    first, again = (draws_of(world.y, world.groups, 10, draws=5, seed=3) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.shots(10), b.shots(10))
        assert set(a.shots(5)) < set(a.shots(10))
        assert world.y[a.shots(5)].tolist().count(1) == 5
        assert len(set(a.shots(10))) == 20
    more = draws_of(world.y, world.groups, 10, draws=9, seed=3)
    np.testing.assert_array_equal(more[4].shots(10), first[4].shots(10))
    assert any(set(a.support) != set(first[0].support) for a in first[1:])


def test_labels_spread_over_volcanoes(world) -> None:
    for draw in draws_of(world.y, world.groups, 10, draws=5):
        here = world.groups[draw.order[1][:4]]
        holding = set(world.groups[draw.support][world.y[draw.support] == 1])
        assert len(set(here)) == min(4, len(holding))


def test_more_signal_scores_higher_and_none_scores_chance(world) -> None:
    clear = world.features.copy()
    clear[:, 0] += 6 * world.y
    noise = np.random.default_rng(0).normal(size=world.features.shape)
    strong = few_shot(clear, world.y, world.groups)
    nothing = few_shot(noise, world.y, world.groups)
    assert set(strong) == {5, 10}
    assert strong[10].value > 0.8
    assert strong[10].low <= strong[10].value <= strong[10].high
    assert abs(nothing[10].value - 0.5) < 0.06


def test_too_few_labels_are_skipped_and_counted() -> None:
    groups = np.repeat(np.arange(10), 10)
    y = np.zeros(100, int)
    y[[0, 1, 2, 10, 11, 12]] = 1  # three positives at each of two volcanoes
    result = few_shot(np.random.default_rng(0).normal(size=(100, 4)), y, groups, shots=(3, 5), draws=6)
    assert result[3].skipped == 0
    assert np.isfinite(result[3].value)
    assert result[5].skipped == 6
    assert np.isnan(result[5].value)


def test_halves_are_dealt_again_until_the_support_holds_enough() -> None:
    # 12 positives at one volcano, 1 at each of three others: 5 shots need the big one in support.
    groups = np.repeat(np.arange(12), 12)
    y = (groups == 0).astype(int)
    y[[12, 24, 36]] = 1
    draws = draws_of(y, groups, 5, draws=20)
    assert all(draw.shots(5) is not None and 0 in groups[draw.support] for draw in draws)
    assert all((y[draw.query] == 1).any() for draw in draws)


def test_one_positive_volcano_is_refused() -> None:
    with pytest.raises(NotEvaluableError, match=r"class '1' occurs at one volcano only \(b\)"):
        few_shot(np.zeros((4, 2)), [0, 0, 1, 0], ["a", "a", "b", "b"])
