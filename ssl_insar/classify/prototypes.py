"""Nearest class mean: the classifier that one label a class suffices for.

Snell, Swersky & Zemel 2017, "Prototypical Networks for Few-shot Learning", section 2.2, where it is
shown to be linear; centring and unit length after Wang et al. 2019, "SimpleShot", section 3.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from sklearn.covariance import ledoit_wolf

from ssl_insar.classify.frozen import FrozenClassifier, TrainingRows, mean_and_spread, one_side
from ssl_insar.models.embeddings import unit_rows

COSINE_TEMPERATURE = 0.1
"""Cosine that counts as one unit of log-odds, before any calibration."""


class Prototypes(FrozenClassifier):
    """A tile belongs to the class whose mean it is nearest to.

    Class means are drawn toward the mean of all class means, as if ``strength`` labels lay there:
    the mean of one label is mostly chance. With two classes and as many labels of each, that changes
    how sure the classifier is and not the order of its scores.

    ``cosine``: features are centred at the population's mean and scaled to unit length. An encoder's
    embeddings crowd in a narrow cone, and without centring all cosines are alike.

    ``mahalanobis``: distance by the covariance of the population, shrunk after Ledoit & Wolf 2004
    ("A well-conditioned estimator for large-dimensional covariance matrices"): linear discriminant
    analysis with equal class weights. It uses the unlabelled tiles, so one label a class will do here
    too. Without a population, the labelled tiles about their class means serve.

    Args:
        metric: which of the two.
        strength: number of imagined labels at the mean of all classes; 0: plain means.

    Attributes:
        centre_: (D,) mean of the population.
        coef_: (K, D) and ``intercept_`` (K,), the linear form of the distances.
    """

    STEM = "prototypes"
    ARRAYS = ("centre", "coef", "intercept", "odds_mean", "odds_spread")

    def __init__(self, metric: Literal["cosine", "mahalanobis"] = "cosine", strength: float = 1.0) -> None:
        if metric not in ("cosine", "mahalanobis"):
            raise ValueError(f"metric is cosine or mahalanobis, not {metric}")
        if not strength >= 0:
            raise ValueError(f"strength must not be negative: {strength}")
        self.metric = metric
        self.strength = strength

    def _learn(self, given: TrainingRows) -> None:
        matrix, codes, _, population = given
        self.centre_ = np.asarray(population, np.float64).mean(axis=0)
        placed = self._place(matrix)
        counts = np.bincount(codes)[:, None]
        sums = np.zeros((len(counts), matrix.shape[1]))
        np.add.at(sums, codes, placed)
        means = sums / counts
        drawn = (sums + self.strength * means.mean(axis=0)) / (counts + self.strength)
        if self.metric == "cosine":
            self.coef_ = np.asarray(unit_rows(drawn), np.float64) / COSINE_TEMPERATURE
            self.intercept_ = np.zeros(len(drawn))
        else:
            # The labelled tiles as their own population would count the distance of classes as spread.
            self._measure(placed - means[codes] if population is matrix else self._place(population), drawn)
        self.odds_mean_, self.odds_spread_ = mean_and_spread(self._odds(population, None))

    def _measure(self, spread: NDArray[np.float64], means: NDArray[np.float64]) -> None:
        """Linear form of the Mahalanobis distances to class means, from (N, D) deviations."""
        covariance, _ = ledoit_wolf(spread, assume_centered=True)
        if not covariance.trace() > 0:  # one label a class and nothing else: plain distance
            covariance = np.eye(len(covariance))
        self.coef_ = cho_solve(cho_factor(covariance), means.T).T
        self.intercept_ = -0.5 * np.einsum("kd,kd->k", self.coef_, means)

    def _place(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Features as they are compared: centred, and for the cosine of unit length."""
        centred = np.asarray(matrix, np.float64) - self.centre_
        return np.asarray(unit_rows(centred), np.float64) if self.metric == "cosine" else centred

    def _odds(self, matrix: NDArray[Any], groups: NDArray[Any] | None) -> NDArray[np.float64]:
        odds: NDArray[np.float64] = self._place(matrix) @ self.coef_.T + self.intercept_
        return one_side(odds)

    def _facts(self) -> dict[str, Any]:
        return {"metric": self.metric, "strength": self.strength}

    def _restore(self, facts: dict[str, Any]) -> None:
        self.set_params(metric=facts["metric"], strength=float(facts["strength"]))

    def _fits_together(self) -> bool:
        count, width = len(self.classes_), self.n_features_in_
        shapes = [self.centre_.shape, self.coef_.shape, self.intercept_.shape]
        return shapes == [(width,), (count, width), (count,)]
