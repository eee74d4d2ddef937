"""Temperature and offsets: against scikit-learn, on scores whose true probability is known."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from made_scores import drawn, held_out
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator

from ssl_insar.classify.calibration import calibrate, cross_calibrated
from ssl_insar.classify.frozen import softmax
from ssl_insar.classify.metrics import expected_calibration_error


@pytest.mark.parametrize("classes", [2, 4])
def test_temperature_and_offset_are_found_again(classes) -> None:
    logits, codes = drawn(np.random.default_rng(0), 20_000, classes, shift=2.0)
    wrong = logits * 3.0
    wrong[:, 0] -= 6.0
    found = calibrate(held_out(wrong, codes))
    assert found.temperature == pytest.approx(3.0, rel=0.05)
    assert found.offset[0] - np.mean(found.offset[1:]) == pytest.approx(2.0, abs=0.1)
    np.testing.assert_allclose(found.probability(wrong), softmax(logits), atol=0.04)


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8), reason="no temperature in scikit-learn yet"
)
@pytest.mark.parametrize("classes", [2, 3])
def test_plain_temperature_is_that_of_scikit_learn(classes) -> None:
    logits, codes = drawn(np.random.default_rng(1), 800, classes)

    class Given(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def decision_function(self, X):
            return X[:, 1] - X[:, 0] if classes == 2 else X

        def predict(self, X):
            return X.argmax(axis=1)

    x = 2.5 * logits
    theirs = CalibratedClassifierCV(FrozenEstimator(Given().fit(x, codes)), method="temperature").fit(
        x, codes
    )
    ours = calibrate(held_out(x, codes), offset=False, ridge=0)
    np.testing.assert_allclose(ours.probability(x), theirs.predict_proba(x), atol=2e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_calibration_error_falls_on_tiles_it_was_not_fitted_to(classes) -> None:
    logits, codes = drawn(np.random.default_rng(2), 3000, classes, shift=1.5)
    wrong = logits * 4.0
    wrong[:, 0] -= 6.0
    held = held_out(wrong, codes)
    before = expected_calibration_error(codes, held.raw)
    after = expected_calibration_error(codes, cross_calibrated(held))
    assert before > 0.1
    assert after < 0.03


def test_few_separable_labels_do_not_make_it_certain() -> None:
    logits = np.array([[0.0, -1], [0, -2], [0, 1], [0, 2]])
    found = calibrate(held_out(logits, np.array([0, 0, 1, 1]), groups=4))
    assert 0.1 < found.temperature < 1
    assert found.probability(logits).max() < 0.9999


def test_another_frequency_of_the_classes_is_bayes_rule() -> None:
    rng = np.random.default_rng(3)
    logits, codes = drawn(rng, 40_000, 2)
    rare = np.flatnonzero((codes == 0) | (rng.random(40_000) < 0.1))
    share = codes[rare].mean()
    found = calibrate(held_out(logits, codes)).for_shares([1 - share, share])
    assert expected_calibration_error(codes[rare], found.probability(logits[rare])) < 0.015
    with pytest.raises(ValueError, match="shares are 2 positive"):
        found.for_shares([1, 0])


def test_the_error_of_calibration_is_that_of_the_curve_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    told = rng.random(500)
    y = (rng.random(500) < told**2).astype(int)
    true, mean = calibration_curve(y, told, n_bins=10)
    weight = np.histogram(told, np.linspace(0, 1, 11))[0]
    expected = float((np.abs(true - mean) * weight[weight > 0]).sum() / 500)
    assert expected_calibration_error(y, told, bins=10) == pytest.approx(expected)
    assert expected_calibration_error(y, np.stack([1 - told, told], 1), 10) == pytest.approx(expected)
    assert expected_calibration_error([0, 2], np.eye(3)[[0, 2]]) == 0
    assert expected_calibration_error([1, 2], np.eye(3)[[0, 0]]) == 1
    assert np.isnan(expected_calibration_error([], []))
    with pytest.raises(ValueError, match="2 labels for 1"):
        expected_calibration_error([0, 1], [0.5])
