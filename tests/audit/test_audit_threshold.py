from __future__ import annotations

import numpy as np
import pytest

from ssl_insar.audit.threshold import FALLBACK, choose_threshold

LOOK_ALIKES = np.concatenate([np.linspace(0.3, 0.88, 500), [0.9, 0.915]])
CLEAN = np.full(100, 0.9999)


def test_default_stays_where_it_lies_in_the_emptiest_stretch() -> None:
    threshold, reason = choose_threshold(np.concatenate([LOOK_ALIKES, CLEAN]))
    assert threshold == FALLBACK
    assert "602 pairs" in reason


def test_threshold_sees_through_copies_with_noise() -> None:
    """Copies reach down to 0.93, look-alikes up to 0.85."""
    values = np.concatenate([np.linspace(0.3, 0.85, 900), np.linspace(0.93, 1, 50)])
    threshold, reason = choose_threshold(values)
    assert 0.86 < threshold < 0.93
    assert "950 pairs" in reason


def test_threshold_finds_the_valley_of_a_crowded_histogram() -> None:
    """No bin is empty: look-alikes thin out to 0.9, copies thin out to it from above."""
    rng = np.random.default_rng(0)
    values = np.concatenate([0.75 + rng.exponential(0.03, 20_000), 1 - rng.exponential(0.03, 20_000)])
    assert 0.85 < choose_threshold(values[values < 1])[0] < 0.91


@pytest.mark.parametrize("values", [[], [0.2, 0.5, 0.9999], [0.96], [0.949], [0.97, 0.96, 0.98, 0.99]])
def test_default_stays_where_there_is_nothing_to_tell_apart(values: list[float]) -> None:
    assert choose_threshold(values)[0] == FALLBACK


def test_look_alikes_alone_are_no_copies() -> None:
    assert choose_threshold(LOOK_ALIKES)[0] > LOOK_ALIKES.max()


@pytest.mark.parametrize("copies", [[0.96], [0.951], [0.96] * 780, [0.96, 0.9999]])
@pytest.mark.parametrize("others", [[], [0.76], [0.76, 0.8, 0.9], [0.5]])
def test_a_look_alike_more_does_not_hide_copies(copies: list[float], others: list[float]) -> None:
    threshold, _ = choose_threshold([*others, *copies])
    assert max(others, default=0) < threshold <= min(FALLBACK, *copies)
