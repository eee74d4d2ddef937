"""A linear classifier on frozen embeddings: what the representation itself makes easy to read off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import ThreadpoolController

from ssl_insar import __version__
from ssl_insar.archive.groups import NotEvaluableError, grouped_folds, groups_of, is_binary
from ssl_insar.archive.labels import known
from ssl_insar.atomic import present_folder, replacing_folder
from ssl_insar.classify.metrics import average_precision
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings

Features: TypeAlias = "Embeddings | ArrayLike"

FORMAT = 1
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

_ARRAYS = ("coef", "intercept", "mean", "scale")


class LinearProbe:
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
        classes_: (K,) labels; for 0 and 1 the positive class is 1.
        c_: strength in use.
        encoder_hash_: hash of the encoder whose embeddings it was fitted on; None for a plain matrix.
        coef_: (1, D) for two classes, else (K, D), on standardised features.
        intercept_: (1,) or (K,).
        mean_: (D,) and ``scale_`` (D,), the standardisation, ``sqrt(D)`` included.
        count_: number of labels it was fitted on.
    """

    def __init__(self, c: float | None = None, seed: int = 0) -> None:
        if c is not None and not c > 0:
            raise ValueError(f"c must be positive, not {c}")
        self.c = c
        self.seed = seed

    def fit(
        self,
        X: Features,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        population: Features | None = None,
    ) -> LinearProbe:
        """Fit on labelled rows.

        Args:
            X: (n, D) embeddings of labelled tiles, or an `Embeddings` of them.
            y: (n,) labels: whole numbers or names; missing ones, in a nullable Series, are left out.
            groups: (n,) groups for the inner choice of C; None: by volcano for an `Embeddings`,
                and each row on its own for a plain matrix.
            population: more rows, without labels, to standardise by: the spread of ten labelled
                tiles is mostly chance. None: ``X``.

        Raises:
            UserError: fewer than two classes, or features that are not finite.
        """
        matrix = _matrix(X)
        if groups is None:
            groups = groups_of(X.catalogue) if isinstance(X, Embeddings) else np.arange(len(matrix))
        if isinstance(y, pd.Series):
            mask, y = known(y)
            if not mask.all():
                population = matrix if population is None else population
                matrix, groups = matrix[mask], np.asarray(groups)[mask]
        labels = np.asarray(y)
        if labels.shape != (len(matrix),):
            raise ValueError(f"{labels.shape} labels for {len(matrix)} rows")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError(
                f"all {len(labels)} labels are '{labels[0]}'; a classifier needs two classes"
                if len(labels)
                else "no label to fit on"
            )
        scaler = StandardScaler().fit(matrix if population is None else _matrix(population))
        self.mean_ = np.asarray(scaler.mean_, np.float64)
        self.scale_ = np.asarray(scaler.scale_, np.float64) * np.sqrt(matrix.shape[1])
        self.encoder_hash_ = X.provenance.encoder_hash if isinstance(X, Embeddings) else None
        self.count_ = len(labels)
        standard = self._standardise(matrix)
        self.c_ = self.c if self.c is not None else choose_c(standard, codes, np.asarray(groups), self.seed)
        with _few_threads(standard.size):
            model = _logistic(self.c_).fit(standard, codes)
        self.coef_ = np.asarray(model.coef_, np.float64)
        self.intercept_ = np.asarray(model.intercept_, np.float64)
        return self

    @property
    def binary(self) -> bool:
        """Whether the classes are 0 and 1, so that there is a positive one."""
        return is_binary(self.classes_)

    def decision_function(self, X: Features) -> NDArray[np.float64]:
        """Log-odds up to a constant.

        Shape:
            (n, D) -> (n,) for two classes, positive toward the second; else (n, K)

        Raises:
            UserError: embeddings of another encoder, another width, or not finite.
        """
        matrix = self._checked(X)
        blocks = [
            self._standardise(matrix[i : i + _CHUNK]) @ self.coef_.T + self.intercept_
            for i in range(0, len(matrix), _CHUNK)
        ]
        odds = np.concatenate(blocks) if blocks else np.empty((0, len(self.coef_)))
        return odds[:, 0] if len(self.classes_) == 2 else odds

    def predict_proba(self, X: Features) -> NDArray[np.float64]:
        """Probability of each class, in the order of ``classes_``; see the class on calibration.

        Shape:
            (n, D) -> (n, K), rows sum to 1
        """
        odds = self.decision_function(X)
        if odds.ndim == 1:
            odds = np.stack([np.zeros_like(odds), odds], axis=1)
        powers = np.exp(odds - odds.max(axis=1, keepdims=True))
        probability: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return probability

    def predict(self, X: Features) -> NDArray[Any]:
        """Most probable class.

        Shape:
            (n, D) -> (n,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def score(self, X: Features, y: ArrayLike) -> float:
        """Average precision: of class 1 for 0/1 labels, else the mean of one against the rest."""
        codes = np.searchsorted(self.classes_, np.asarray(y))
        return average_precision(codes, self.scores(X))

    def scores(self, X: Features) -> NDArray[np.float64]:
        """What the metrics want: (n,) probability of class 1 for 0/1 labels, else (n, K)."""
        probability = self.predict_proba(X)
        return probability[:, 1] if self.binary else probability

    def save(self, path: str | Path) -> None:
        """Write ``probe.npz`` and ``probe.json`` into a folder, whole or not at all.

        Raises:
            UserError: the folder holds something else, which would be lost.
        """
        folder = present_folder(Path(path))
        facts = {
            "format": FORMAT,
            "classes": self.classes_.tolist(),
            "c": self.c_,
            "encoder_hash": self.encoder_hash_,
            "dimension": len(self.mean_),
            "count": self.count_,
            "ssl_insar": __version__,
        }
        with replacing_folder(folder, "probe.json") as scratch:
            np.savez(scratch / "probe.npz", **{name: getattr(self, f"{name}_") for name in _ARRAYS})
            (scratch / "probe.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> LinearProbe:
        """Read a folder written by `save`; nothing in it is unpickled.

        Raises:
            UserError: no such folder, not a classifier, damaged, or a newer format.
        """
        folder = Path(path)
        if not (folder / "probe.json").is_file():
            raise UserError(
                f"{folder}: no classifier here; make one with: ssl-insar classify fit EMB --out {folder}"
            )
        try:
            facts = json.loads((folder / "probe.json").read_text(encoding="utf-8"))
            if int(facts["format"]) > FORMAT:
                raise UserError(f"{folder}: written by a newer ssl_insar; upgrade to read it")
            probe = cls()
            probe.classes_ = np.asarray(facts["classes"])
            probe.c_ = float(facts["c"])
            probe.encoder_hash_ = facts["encoder_hash"]
            probe.count_ = int(facts["count"])
            with np.load(folder / "probe.npz", allow_pickle=False) as arrays:
                for name in _ARRAYS:
                    setattr(probe, f"{name}_", np.asarray(arrays[name], np.float64))
            rows = 1 if len(probe.classes_) == 2 else len(probe.classes_)
            width = int(facts["dimension"])
            shapes = [probe.coef_.shape, probe.intercept_.shape, probe.mean_.shape, probe.scale_.shape]
            if shapes != [(rows, width), (rows,), (width,), (width,)]:
                raise ValueError("probe.npz does not belong to probe.json")
        except UserError:
            raise
        except Exception as error:  # a damaged archive makes zipfile and numpy raise many kinds
            raise UserError(
                f"{folder}: damaged classifier ({error}); run ssl-insar classify fit again"
            ) from error
        return probe

    def _checked(self, X: Features) -> NDArray[Any]:
        """The matrix of X, if it is of the encoder and width this probe knows."""
        if not hasattr(self, "coef_"):
            raise UserError("the probe is not fitted; call fit first")
        if isinstance(X, Embeddings) and self.encoder_hash_ not in (None, X.provenance.encoder_hash):
            raise UserError(
                f"the classifier was fitted on embeddings of encoder {str(self.encoder_hash_)[:12]}, "
                f"these are of encoder {X.provenance.encoder_hash[:12]}; embed with the same encoder, "
                "or fit again"
            )
        matrix = _matrix(X)
        if matrix.shape[1] != len(self.mean_):
            raise UserError(
                f"the classifier was fitted on {len(self.mean_)} features, these have {matrix.shape[1]}; "
                "embed with the same encoder, or fit again"
            )
        return matrix

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
    spread = reference.std(axis=0)
    units: NDArray[np.float64] = (odds - reference.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
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


def _matrix(X: Features) -> NDArray[Any]:
    """(n, D) finite features; embeddings as rows of unit length, since their training knew angles only."""
    values = np.asarray(X.normalised() if isinstance(X, Embeddings) else X)
    if values.ndim != 2:
        raise ValueError(f"features are (n, D), not {values.shape}")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values).all(axis=1)).sum())
        raise UserError(
            f"{bad} of {len(values)} feature rows are not finite; embed again with a sound encoder"
        )
    return values
