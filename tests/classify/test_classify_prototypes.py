"""Nearest class means: against scikit-learn, from one label, saved and read."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.covariance import EmpiricalCovariance, ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid

from ssl_insar.classify import Prototypes
from ssl_insar.classify.metrics import auroc
from ssl_insar.models.embeddings import unit_rows


def _blobs(classes: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, 300)
    return rng.normal(size=(classes, 12))[y] + rng.normal(size=(300, 12)), y


@pytest.mark.parametrize("classes", [2, 3])
def test_mahalanobis_is_the_linear_discriminant_of_scikit_learn(classes) -> None:
    x, y = _blobs(classes)
    means = np.stack([x[y == k].mean(axis=0) for k in range(classes)])
    pooled, _ = ledoit_wolf(x - means[y], assume_centered=True)

    class Pooled(EmpiricalCovariance):
        def fit(self, X, y=None):
            self.covariance_ = pooled
            return self

    lda = LinearDiscriminantAnalysis(
        solver="lsqr", covariance_estimator=Pooled(), priors=np.full(classes, 1 / classes)
    ).fit(x, y)
    ours = Prototypes("mahalanobis", strength=0).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), lda.predict_proba(x), atol=1e-6)
    assert (ours.predict(x) == lda.predict(x)).all()


def test_cosine_is_the_nearest_centroid_of_scikit_learn_among_centred_unit_rows() -> None:
    x, y = _blobs(3)
    placed = unit_rows(x - x.mean(axis=0)).astype(float)
    means = unit_rows(np.stack([placed[y == k].mean(axis=0) for k in range(3)]))
    expected = NearestCentroid().fit(means, np.arange(3)).predict(placed)
    assert (Prototypes(strength=0).fit(x, y).predict(x) == expected).all()


@pytest.mark.parametrize("metric", ["cosine", "mahalanobis"])
def test_one_label_a_class_and_unlabelled_tiles_beat_chance(metric) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 400)
    # What tells the classes apart is weak beside directions that say nothing.
    x = rng.normal(size=(400, 8)) * np.array([0.3, 3, 3, 1, 1, 1, 1, 1])
    x[:, 0] += 2 * y
    areas = []
    for _ in range(30):
        rows = [rng.choice(np.flatnonzero(y == k)) for k in (0, 1)]
        areas.append(auroc(y, Prototypes(metric).fit(x[rows], y[rows], population=x).scores(x)))
    assert np.mean(areas) > (0.7 if metric == "mahalanobis" else 0.52)


def test_one_label_a_class_and_nothing_else_is_plain_distance() -> None:
    model = Prototypes("mahalanobis", strength=0).fit(np.array([[0.0, 0], [2, 0]]), [0, 1])
    np.testing.assert_allclose(model.decision_function([[0.0, 5], [1, 5], [2, -5]]), [-2, 0, 2], atol=1e-12)


def test_strength_draws_rare_classes_in_and_leaves_the_order_of_balanced_ones() -> None:
    x, y = _blobs(2)
    x, y = np.concatenate([x[y == 0][:10], x[y == 1][:10]]), np.repeat([0, 1], 10)
    plain, drawn = (Prototypes("mahalanobis", strength=s).fit(x, y) for s in (0, 10))
    odds = plain.decision_function(x), drawn.decision_function(x)
    np.testing.assert_allclose(odds[1], odds[0] / 2, rtol=1e-6)
    rare = Prototypes("mahalanobis", strength=3).fit(np.array([[0.0]] * 3 + [[4.0]]), [0, 0, 0, 1])
    # Means 0 and 4 about 2, as if 3 labels lay there: 1 and 2.5, and the border between them.
    assert rare.decision_function([[1.75]]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("metric", ["cosine", "mahalanobis"])
def test_saved_cloned_and_shuffled(tmp_path, metric, world) -> None:
    model = Prototypes(metric, strength=2.0).fit(world.embeddings(), world.y)
    model.save(tmp_path / "clf")
    again = Prototypes.load(tmp_path / "clf")
    np.testing.assert_array_equal(again.predict_proba(world.features), model.predict_proba(world.features))
    np.testing.assert_array_equal(again.comparable(world.features), model.comparable(world.features))
    assert again.get_params() == clone(model).get_params() == {"metric": metric, "strength": 2.0}
    half = np.arange(600) % 2 == 0
    areas = []
    for seed in range(10):
        y = np.random.default_rng(seed).permutation(world.y)
        model = Prototypes(metric).fit(world.features[half], y[half])
        areas.append(auroc(y[~half], model.scores(world.features[~half])))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.05)


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ValueError, match="cosine or mahalanobis"):
        Prototypes("euclid")
    with pytest.raises(ValueError, match="strength"):
        Prototypes(strength=-1)
