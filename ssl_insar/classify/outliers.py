"""How far a tile is from everything that the classifier has learned from."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cholesky, solve_triangular
from sklearn.covariance import ledoit_wolf
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import NearestNeighbors

from ssl_insar.errors import UserError

OutlierMethod = Literal["knn", "mahalanobis"]
_FOLDS = 5


class OutlierDistance:
    """Distance to the training tiles, told as the share of them that lie as far from the rest.

    ``knn``: to the k-th nearest (Sun et al. 2022, "Out-of-Distribution Detection with Deep Nearest
    Neighbors"). ``mahalanobis``: from their mean, by their covariance, shrunk after Ledoit & Wolf (Lee et
    al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples", with one class:
    what is foreign should not depend on how few the labels of a class are).

    The distances of the training tiles, with which others are compared, are taken to tiles of other
    volcanoes: to their own volcano they are all near, and every new volcano would seem foreign.

    Args:
        method: which of the two.
        k: neighbour whose distance counts.

    Attributes:
        matrix_: (n, D) training tiles.
        reference_: (n,) their distances to tiles of other groups, ascending.
    """

    def __init__(self, method: OutlierMethod = "knn", k: int = 5) -> None:
        if method not in ("knn", "mahalanobis") or k < 1:
            raise ValueError(f"method is knn or mahalanobis, k 1 or more, not {method} and {k}")
        self.method = method
        self.k = k

    def fit(self, features: ArrayLike, groups: ArrayLike) -> OutlierDistance:
        """Learn what is near.

        Args:
            features: (n, D) training tiles.
            groups: (n,) volcanoes.

        Raises:
            UserError: a single group, so that no tile can be compared with another volcano.
        """
        self.matrix_ = np.asarray(features, np.float32)
        names = np.asarray(groups)
        count = len(np.unique(names))
        if count < 2:
            raise UserError("how far a new volcano is can only be told from labels at two volcanoes or more")
        reference = np.empty(len(names))
        for train, test in GroupKFold(min(_FOLDS, count)).split(self.matrix_, groups=names):
            reference[test] = self._between(self.matrix_[test], self.matrix_[train])
        self.reference_ = np.sort(reference)
        return self

    def distance(self, features: ArrayLike) -> NDArray[np.float64]:
        """Distance in units of the features (``knn``) or in standard deviations (``mahalanobis``).

        Shape:
            (n, D) -> (n,)
        """
        return self._between(np.asarray(features, np.float32), self.matrix_)

    def share_as_far(self, distance: ArrayLike) -> NDArray[np.float64]:
        """Share of training tiles at least as far from other volcanoes: small for what is foreign.

        ``(1 + how many) / (1 + n)``, a p-value of the hypothesis that the tile is as the others.

        Shape:
            (n,) -> (n,)
        """
        nearer = np.searchsorted(self.reference_, np.asarray(distance), side="left")
        share: NDArray[np.float64] = (1 + len(self.reference_) - nearer) / (1 + len(self.reference_))
        return share

    def _between(self, rows: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float64]:
        if self.method == "knn":
            nearest = NearestNeighbors(n_neighbors=min(self.k, len(known)), algorithm="brute").fit(known)
            return np.asarray(nearest.kneighbors(rows)[0][:, -1], np.float64)
        mean = known.mean(axis=0, dtype=np.float64)
        covariance, _ = ledoit_wolf(known - mean, assume_centered=True)
        root = cholesky(covariance, lower=True)
        return np.asarray(np.linalg.norm(solve_triangular(root, (rows - mean).T, lower=True), axis=0))
