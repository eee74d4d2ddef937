from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ssl_insar.classify.metrics import (
    auroc,
    average_precision,
    cluster_bootstrap,
    percentile_interval,
)


@pytest.mark.parametrize("ties", [False, True])
def test_binary_metrics_are_those_of_scikit_learn(ties: bool) -> None:
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 300), rng.normal(size=300)
    score = np.round(score) if ties else score
    assert average_precision(y, score) == pytest.approx(average_precision_score(y, score), abs=1e-12)
    assert auroc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


def test_several_classes_are_averaged_one_against_the_rest() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 300)
    score = rng.dirichlet(np.ones(3), 300)
    assert auroc(y, score) == pytest.approx(roc_auc_score(y, score, multi_class="ovr", average="macro"))
    assert average_precision(y, score) == pytest.approx(
        average_precision_score(np.eye(3)[y], score, average="macro")
    )


def test_metrics_are_nan_where_a_class_is_missing() -> None:
    assert np.isnan(average_precision([0, 0], [0.1, 0.2]))
    assert np.isnan(auroc([1, 1], [0.1, 0.2]))
    assert np.isnan(auroc([0, 1], np.eye(3)[[0, 1]]))


def test_labels_and_scores_must_match() -> None:
    with pytest.raises(ValueError, match="2 labels for 3 scores"):
        auroc([0, 1], [0.1, 0.2, 0.3])


@pytest.mark.parametrize("metric", [average_precision, auroc])
@pytest.mark.parametrize("classes", [2, 3])
def test_fast_bootstrap_equals_repeating_the_rows(metric, classes) -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(0, classes, 200)
    groups = rng.integers(0, 15, 200)
    # Rounded, so that ties within and across groups are exercised.
    score = np.round(rng.random((200, classes)) if classes > 2 else rng.random(200) + 0.2 * y, 1)
    fast = cluster_bootstrap(y, score, groups, metric, draws=50, seed=3)
    slow = cluster_bootstrap(y, score, groups, lambda a, b: metric(a, b), draws=50, seed=3)
    assert (fast.value, fast.skipped) == (slow.value, slow.skipped)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=1e-12)


def test_draws_without_a_class_are_skipped_and_counted() -> None:
    # One of two groups holds the positives: 1/4 of the draws lack them, 1/4 lack the negatives.
    y, groups = np.repeat([0, 1], 10), np.repeat(["a", "b"], 10)
    interval = cluster_bootstrap(y, np.linspace(0, 1, 20), groups, auroc, draws=1000, seed=0)
    assert 430 < interval.skipped < 570
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_bounds_are_nan_when_no_draw_is_left() -> None:
    interval = cluster_bootstrap([0, 0], [0.1, 0.2], ["a", "b"], draws=20)
    assert np.isnan([interval.value, interval.low, interval.high]).all()
    assert interval.skipped == 20


def _clustered(rng: np.random.Generator, groups: int = 30, size: int = 20):
    """Both classes in every group; the scores of a group share how well they separate the two."""
    place = np.repeat(np.arange(groups), size)
    y = rng.integers(0, 2, len(place))
    skill = rng.normal(1.0, 1.5, groups)[place]
    return y, y * skill + rng.normal(size=len(place)), place


def test_resampling_clusters_covers_where_resampling_samples_does_not() -> None:
    rng = np.random.default_rng(4)
    truth = auroc(*_clustered(rng, groups=20_000)[:2])
    by_group, by_sample, width = 0, 0, []
    for _ in range(60):
        y, score, place = _clustered(rng)
        wide = cluster_bootstrap(y, score, place, auroc, draws=200)
        narrow = cluster_bootstrap(y, score, np.arange(len(y)), auroc, draws=200)
        by_group += wide.low <= truth <= wide.high
        by_sample += narrow.low <= truth <= narrow.high
        width.append((wide.high - wide.low) / (narrow.high - narrow.low))
    assert np.median(width) > 1.5
    assert by_group >= 51  # 95 % of 60 is 57; 51 is three standard errors below
    assert by_sample < by_group


def test_a_difference_on_paired_draws_is_surer_than_its_parts() -> None:
    rng = np.random.default_rng(5)
    y, score, place = _clustered(rng)
    worse = score - 0.5 * y  # half of the mean skill lost
    gain = cluster_bootstrap(y, score, place, auroc, draws=300, reference=worse)
    alone = cluster_bootstrap(y, score, place, auroc, draws=300)
    assert gain.value == pytest.approx(auroc(y, score) - auroc(y, worse))
    assert gain.low > 0
    assert gain.high - gain.low < alone.high - alone.low


def test_a_thousand_draws_of_2500_samples_take_seconds_at_most() -> None:
    rng = np.random.default_rng(6)
    y = (rng.random(2500) < 0.05).astype(int)
    start = time.perf_counter()
    cluster_bootstrap(y, rng.random(2500), rng.integers(0, 180, 2500), draws=1000)
    assert time.perf_counter() - start < 5


def test_percentile_interval_leaves_out_what_was_not_measured() -> None:
    interval = percentile_interval([0.0, 1.0, np.nan])
    assert (interval.value, interval.skipped) == (0.5, 1)
    assert str(percentile_interval([0.5, 0.5])) == "0.500 [0.500, 0.500]"
    assert np.isnan(percentile_interval([np.nan]).value)
