"""Several yes-or-no labels a tile, each of which may be unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone

from ssl_insar.archive.groups import groups_of
from ssl_insar.classify.frozen import Features, FrozenClassifier, as_matrix
from ssl_insar.classify.metrics import average_precision
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings


class MultiLabel(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """One binary classifier a label (binary relevance; Tsoumakas & Katakis 2007, section 3.1).

    scikit-learn's ``MultiOutputClassifier`` does the same where every label is known; here each
    classifier is fitted on the tiles whose label is.

    Args:
        classifier: what to fit for each label; it is cloned.

    Attributes:
        labels_: (L,) names of the labels.
        classifiers_: L fitted classifiers.
    """

    def __init__(self, classifier: FrozenClassifier) -> None:
        self.classifier = classifier

    def fit(
        self,
        X: Features,
        y: pd.DataFrame | ArrayLike,
        groups: ArrayLike | None = None,
        population: Features | None = None,
    ) -> MultiLabel:
        """Fit one classifier a column.

        Args:
            X: (n, D).
            y: (n, L) of 0, 1 and missing (NaN, or NA in a data frame).
            groups: (n,); None as in `FrozenClassifier.fit`.
            population: (N, D) rows to standardise by; None: ``X``.

        Raises:
            UserError: a label that is never, or always, 1 where it is known.
        """
        matrix = as_matrix(X)
        if groups is None:
            groups = groups_of(X.catalogue) if isinstance(X, Embeddings) else np.arange(len(matrix))
        table = _table(y)
        self.labels_ = np.asarray([str(name) for name in table.columns])
        self.encoder_hash_ = X.provenance.encoder_hash if isinstance(X, Embeddings) else None
        self.classifiers_: list[FrozenClassifier] = []
        for name in table.columns:
            column = pd.Series(table[name].to_numpy(), dtype="Int64")
            if sorted(column.dropna().unique().tolist()) != [0, 1]:
                raise UserError(f"label '{name}' must be 0 and 1, with both there; mend it or leave it out")
            model: FrozenClassifier = clone(self.classifier)
            model.fit(matrix, column, groups, matrix if population is None else population)
            model.encoder_hash_ = self.encoder_hash_
            self.classifiers_.append(model)
        return self

    def predict_proba(self, X: Features) -> NDArray[np.float64]:
        """Probability of each label.

        Shape:
            (n, D) -> (n, L)
        """
        return np.stack([model.predict_proba(X)[:, 1] for model in self.classifiers_], axis=1)

    def predict(self, X: Features) -> NDArray[np.int64]:
        """Whether each label is more probable than not.

        Shape:
            (n, D) -> (n, L) of 0 and 1
        """
        return (self.predict_proba(X) > 0.5).astype(np.int64)

    def score(self, X: Features, y: pd.DataFrame | ArrayLike) -> float:
        """Mean over the labels of the average precision among the tiles where the label is known."""
        truth = _table(y).astype("Float64").to_numpy(np.float64, na_value=np.nan)
        probability = self.predict_proba(X)
        known = np.isfinite(truth)
        return float(
            np.mean(
                [
                    average_precision(truth[rows, i].astype(int), probability[rows, i])
                    for i, rows in enumerate(known.T)
                ]
            )
        )


def _table(y: pd.DataFrame | ArrayLike) -> pd.DataFrame:
    """(n, L) labels as a data frame."""
    return y if isinstance(y, pd.DataFrame) else pd.DataFrame(np.asarray(y, np.float64))
