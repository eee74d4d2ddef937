"""A linear classifier on frozen embeddings: what the representation itself makes easy to read off."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from ssl_insar.archive.groups import NotEvaluableError, grouped_folds
from ssl_insar.classify.frozen import FrozenClassifier, TrainingRows, mean_and_spread
from ssl_insar.classify.metrics import average_precision

C_GRID = (1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3)
"""Inverse regularisation strengths tried, strongest regularisation first."""

FALLBACK_C = 5.0
"""Used when the labels do not allow a grouped choice: few labels want strong regularisation.

On 512 plainly standardised features this is scikit-learn's ``C = 0.01``.
"""

INNER_FOLDS = 5
_CHUNK = 65_536
_SMALL = 8_000_000
"""Matrices up to this many cells are fitted on one thread."""


class LinearProbe(FrozenClassifier):
    """Standardisation and class-balanced logistic regression (L-BFGS), after scikit-learn's manner.

    Standardised rather than scaled to unit length: features of any kind may go in, the ten numbers
    of a null baseline too, and the length of an embedding tells how clear an image is.

    Both classes weigh the same whatever their frequency, so a probability is a score that ranks;
    it is not calibrated to how rare deformation is.

    Args:
        c: inverse regularisation strength; None: chosen from `C_GRID` by cross-validation inside
            the training groups, by average precision, the stronger one at a tie. Where fewer than
            two groups hold some class no such choice is possible and `FALLBACK_C` is taken.
        seed: of the inner folds.

    Attributes:
        c_: strength in use; for the others see `FrozenClassifier`.
        coef_: (1, D) for two classes, else (K, D), on standardised features.
        intercept_: (1,) or (K,).
        mean_: (D,) and ``scale_`` (D,), the standardisation, ``sqrt(D)`` included.
        odds_mean_: mean, and ``odds_spread_`` standard deviation, of the log-odds of the rows it was
            fitted on; () for two classes, else (K,).
    """

    STEM = "probe"
    ARRAYS = ("coef", "intercept", "mean", "scale")
    LATER_ARRAYS = ("odds_mean", "odds_spread")

    def __init__(self, c: float | None = None, seed: int = 0) -> None:
        if c is not None and not c > 0:
            raise ValueError(f"c must be positive, not {c}")
        self.c = c
        self.seed = seed

    def _learn(self, given: TrainingRows) -> None:
        scaler = StandardScaler().fit(given.population)
        self.mean_ = np.asarray(scaler.mean_, np.float64)
        self.scale_ = np.asarray(scaler.scale_, np.float64) * np.sqrt(given.matrix.shape[1])
        standard = self._standardise(given.matrix)
        self.c_ = self.c if self.c is not None else choose_c(standard, given.codes, given.groups, self.seed)
        with _few_threads(standard.size):
            model = _logistic(self.c_).fit(standard, given.codes)
        self.coef_ = np.asarray(model.coef_, np.float64)
        self.intercept_ = np.asarray(model.intercept_, np.float64)
        self.odds_mean_, self.odds_spread_ = mean_and_spread(self._odds(given.matrix, None))

    def _odds(self, matrix: NDArray[Any], groups: NDArray[Any] | None) -> NDArray[np.float64]:
        blocks = [
            self._standardise(matrix[i : i + _CHUNK]) @ self.coef_.T + self.intercept_
            for i in range(0, len(matrix), _CHUNK)
        ]
        odds = np.concatenate(blocks) if blocks else np.empty((0, len(self.coef_)))
        return odds[:, 0] if len(self.classes_) == 2 else odds

    def _facts(self) -> dict[str, Any]:
        return {"c": self.c_}

    def _restore(self, facts: dict[str, Any]) -> None:
        self.c_ = float(facts["c"])

    def _fits_together(self) -> bool:
        rows = 1 if len(self.classes_) == 2 else len(self.classes_)
        width = self.n_features_in_
        shapes = [self.coef_.shape, self.intercept_.shape, self.mean_.shape, self.scale_.shape]
        return shapes == [(rows, width), (rows,), (width,), (width,)]

    def _standardise(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        standard: NDArray[np.float64] = (np.asarray(matrix, np.float64) - self.mean_) / self.scale_
        return standard


def choose_c(
    standard: NDArray[np.float64],
    codes: NDArray[np.integer[Any]],
    groups: NDArray[Any],
    seed: int = 0,
    grid: Sequence[float] = C_GRID,
) -> float:
    """Inverse regularisation strength by cross-validation inside the given groups.

    The average precision of the out-of-fold scores of all inner folds together decides, each fold's
    in `spread_units`. The mean over folds is a worse guide: positives crowd at few volcanoes, and a
    fold with one positive would count as much as one with seventy.

    Args:
        standard: (n, D) standardised features.
        codes: (n,) class codes 0..K-1.
        groups: (n,) groups, none of which is torn apart.
        seed: of the folds.
        grid: candidates, ascending.

    Returns:
        the best candidate, the smallest at a tie; `FALLBACK_C` where no fold can be made.
    """
    try:
        splits = grouped_folds(codes, groups, INNER_FOLDS, seed)
    except NotEvaluableError:
        return FALLBACK_C
    classes = int(codes.max()) + 1
    scores = np.empty((len(grid), len(codes)) if classes == 2 else (len(grid), len(codes), classes))
    with _few_threads(standard.size):
        for train, test in splits:
            # Warm starts along the grid: each solution is close to the next.
            model = _logistic(grid[0], warm_start=True)
            for i, c in enumerate(grid):
                model.C = c
                odds = model.fit(standard[train], codes[train]).decision_function
                scores[i, test] = spread_units(odds(standard[test]), odds(standard[train]))
    return float(grid[int(np.argmax([average_precision(codes, score) for score in scores]))])


def spread_units(odds: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds in standard deviations of, and from the mean of, a probe's log-odds on its training rows.

    Probes of different folds differ in intercept, and by orders of magnitude in scale where their
    regularisation differs. Ranked together as they are, that difference drowns what each has found;
    in these units their scores can be ranked together. No label enters.

    Shape:
        (n,) or (n, K), and (m,) or (m, K) -> as the first
    """
    mean, spread = mean_and_spread(reference)
    units: NDArray[np.float64] = (odds - mean) / spread
    return units


def _logistic(c: float, warm_start: bool = False) -> Any:
    return LogisticRegression(C=c, class_weight="balanced", max_iter=1000, warm_start=warm_start)


def _few_threads(cells: int) -> AbstractContextManager[Any]:
    """One BLAS thread for a small problem: waking many for each short product costs more than it saves.

    On a busy machine the difference is an order of magnitude.
    """
    return _pools().limit(limits=1, user_api="blas") if cells <= _SMALL else nullcontext()


@cache
def _pools() -> ThreadpoolController:
    """The thread pools of this process; to find them takes longer than a small fit."""
    return ThreadpoolController()
