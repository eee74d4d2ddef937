"""Every metric agrees with scikit-learn's, on the sample and on every resampling of it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluation.measures import FPR, MEASURES, Outcome, over_draws
from evaluation.volcano_bootstrap import resampled
from ssl_insar.classify.metrics import auroc, cluster_bootstrap, expected_calibration_error


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """400 tiles, a quarter positive, with ties among the scores."""
    rng = np.random.default_rng(0)
    codes = (rng.random(400) < 0.25).astype(int)
    scores = np.round(rng.normal(size=400) + codes, 1)
    told = 1 / (1 + np.exp(-scores))
    return Outcome(codes, scores, told, scores > 0.4, 1.5)


def _sklearn(name: str, outcome: Outcome, weight: np.ndarray) -> float:
    codes, told, decided = outcome.codes, outcome.probability, outcome.decided
    assert told is not None
    assert decided is not None
    return {
        "partial_auroc": lambda: sk.roc_auc_score(codes, outcome.scores, max_fpr=FPR, sample_weight=weight),
        "recall_at_false_alarms": lambda: sk.recall_score(
            codes, outcome.scores > outcome.threshold, sample_weight=weight
        ),
        "balanced_accuracy": lambda: sk.balanced_accuracy_score(codes, decided, sample_weight=weight),
        "f1": lambda: sk.f1_score(codes, decided, sample_weight=weight),
        "mcc": lambda: sk.matthews_corrcoef(codes, decided, sample_weight=weight),
        "brier": lambda: sk.brier_score_loss(codes, told, sample_weight=weight),
        # scikit-learn has none; the package's own is checked beside this one on repeated tiles.
        "ece": lambda: expected_calibration_error(
            np.repeat(codes, weight.astype(int)), np.repeat(told, weight.astype(int))
        ),
    }[name]()


@pytest.mark.parametrize("name", list(MEASURES))
def test_each_metric_agrees_with_scikit_learn(outcome, name) -> None:
    weights = resampled(np.arange(400) // 20, 12, seed=3)
    ours = over_draws(MEASURES[name], outcome, weights)
    theirs = [_sklearn(name, outcome, weight) for weight in weights]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    assert len(set(np.round(ours, 9))) > 5  # the draws differ


def test_what_is_not_defined_is_nan_and_what_decides_nothing_is_0(outcome) -> None:
    weights = np.ones((1, 400))
    none = Outcome(np.zeros(400, int), outcome.scores, outcome.probability, outcome.decided, 1.5)
    for name in ("partial_auroc", "recall_at_false_alarms", "balanced_accuracy", "mcc"):
        assert np.isnan(MEASURES[name](none, weights))
    silent = Outcome(outcome.codes, outcome.scores, outcome.probability, np.zeros(400, bool))
    assert MEASURES["mcc"](silent, weights) == 0
    assert MEASURES["f1"](silent, weights) == 0
    assert np.isnan(MEASURES["recall_at_false_alarms"](silent, weights))  # no threshold
    with pytest.raises(ValueError, match="more than two classes"):
        MEASURES["brier"](Outcome(outcome.codes, outcome.scores), weights)


def test_the_draws_are_those_of_the_other_metrics(outcome) -> None:
    groups = np.arange(400) // 20
    weights = resampled(groups, 60, seed=5)[1:]
    values = [sk.roc_auc_score(outcome.codes, outcome.scores, sample_weight=w) for w in weights]
    interval = cluster_bootstrap(outcome.codes, outcome.scores, groups, auroc, 60, 5)
    np.testing.assert_allclose(np.percentile(values, [2.5, 97.5]), [interval.low, interval.high])
