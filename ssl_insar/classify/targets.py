"""Labels as a network is trained on them: classes that exclude each other, or several yes-or-no labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional as F

from ssl_insar.archive.groups import Fold, NotEvaluableError, grouped_folds
from ssl_insar.archive.labels import known
from ssl_insar.classify.metrics import average_precision
from ssl_insar.errors import UserError

Balance = Literal["sampling", "weights", "none"]


@dataclass(frozen=True)
class Targets:
    """What is known of each tile of an archive.

    Attributes:
        values: (N, L) float64, NaN where unknown: the number of the class (L = 1), or 0 and 1 for each of
            the labels.
        classes: (K,) of one label, else of each: 0 and 1.
        labels: names of several labels; None: one, whose classes exclude each other.
    """

    values: NDArray[np.float64]
    classes: NDArray[Any]
    labels: tuple[str, ...] | None

    @classmethod
    def of(cls, y: pd.DataFrame | pd.Series[Any] | ArrayLike, count: int) -> Targets:
        """From labels as scikit-learn has them.

        Args:
            y: (N,) classes, missing where unknown in a nullable Series; or a data frame of N rows with
                columns of 0, 1 and missing.
            count: N.

        Raises:
            UserError: fewer than two classes, or a label that is never, or always, 1.
            ValueError: not N rows.
        """
        if len(np.asarray(y)) != count:
            raise ValueError(f"{len(np.asarray(y))} labels for {count} tiles")
        if isinstance(y, pd.DataFrame):
            return cls._several(y)
        mask, given = known(y) if isinstance(y, pd.Series) else (np.ones(count, bool), np.asarray(y))
        classes, codes = np.unique(given, return_inverse=True)
        if len(classes) < 2:
            only = f"all labels are '{classes[0]}'" if len(classes) else "no tile has a label"
            raise UserError(f"{only}; fine-tuning needs two classes")
        values = np.full((count, 1), np.nan)
        values[mask, 0] = codes
        return cls(values, classes, None)

    @classmethod
    def _several(cls, table: pd.DataFrame) -> Targets:
        for name in table:
            if sorted(pd.Series(table[name]).dropna().unique().tolist()) != [0, 1]:
                raise UserError(f"label '{name}' must be 0 and 1, with both there; mend it or leave it out")
        values = table.astype("Float64").to_numpy(np.float64, na_value=np.nan)
        return cls(values, np.array([0, 1]), tuple(map(str, table.columns)))

    @property
    def outputs(self) -> int:
        """What a network must put out: a log-odds a label, or a logit for each of three classes or more."""
        return len(self.classes) if len(self.classes) > 2 else self.values.shape[1]

    @property
    def rows(self) -> NDArray[np.intp]:
        """Positions of the tiles of which anything is known."""
        return np.flatnonzero(np.isfinite(self.values).any(axis=1))

    @property
    def digest(self) -> str:
        """Hash of all that is known."""
        names = "\n".join([*map(str, self.classes), *(self.labels or ())])
        return hashlib.sha256(names.encode() + self.values.tobytes()).hexdigest()[:16]

    def codes(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Class by which tiles are dealt out to folds: for several labels, whether any is 1. (n,)."""
        here = self.values[rows]
        kept = here[:, 0] if self.labels is None else (here == 1).any(axis=1)
        return np.asarray(kept, np.intp)

    def split(self, rows: NDArray[np.intp], groups: NDArray[Any], folds: int, seed: int) -> Fold | None:
        """Rows to train on, and rows of other groups that hold every class, to judge by.

        Args:
            rows: (n,) positions.
            groups: (N,) of all tiles.
            folds: the first of so many is held out that will do.
            seed: of the folds.

        Returns:
            two parts of ``rows``; None where the labels do not allow it.
        """
        try:
            splits = grouped_folds(self.codes(rows), groups[rows], folds, seed)
        except NotEvaluableError:
            return None
        whole = [(rows[a], rows[b]) for a, b in splits if self._complete(rows[a]) and self._complete(rows[b])]
        return whole[0] if whole else None

    def _complete(self, rows: NDArray[np.intp]) -> bool:
        held = self.values[rows]
        return all((held[:, i] == k).any() for i in range(held.shape[1]) for k in range(len(self.classes)))

    def chances(self, rows: NDArray[np.intp], balance: Balance) -> NDArray[np.float64]:
        """How often each tile should be drawn, (n,), of sum 1: every class alike where that is asked for.

        Several labels cannot all be balanced by drawing, and are by weights instead.
        """
        even = np.ones(len(rows))
        if balance == "sampling" and self.labels is None:
            codes = self.codes(rows)
            even = 1 / np.bincount(codes)[codes]
        return np.asarray(even / even.sum())

    def weights(self, rows: NDArray[np.intp], balance: Balance) -> NDArray[np.float64]:
        """Weight of each label and class in the loss, (L, K), as scikit-learn's ``balanced``; else ones."""
        found = np.ones((self.values.shape[1], len(self.classes)))
        if balance == "none" or (balance == "sampling" and self.labels is None):
            return found
        for i, column in enumerate(self.values[rows].T):
            counts = np.bincount(column[np.isfinite(column)].astype(int), minlength=len(self.classes))
            found[i] = counts.sum() / (len(self.classes) * np.maximum(counts, 1))
        return found

    def loss(self, logits: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
        """Cross-entropy, softmax for three classes and more, else logistic over the labels that are known.

        Shape:
            (B, outputs), (B, L), (L, K) -> scalar
        """
        if len(self.classes) > 2:
            return F.cross_entropy(logits, truth[:, 0].long(), weights[0])
        told = truth.isfinite()
        one = torch.where(told, truth, 0.0)
        weight = torch.where(one > 0.5, weights[:, 1], weights[:, 0]) * told
        each = F.binary_cross_entropy_with_logits(logits, one, reduction="none")
        return (weight * each).sum() / weight.sum().clamp_min(1e-9)

    def score(self, logits: NDArray[np.float64], rows: NDArray[np.intp]) -> float:
        """Average precision: mean over labels, or over classes one against the rest.

        Shape:
            (n, outputs), (n,) -> scalar
        """
        parts = list(self._columns(logits, rows))
        return float(np.mean([average_precision(codes, scores) for codes, scores in parts]))

    def _columns(
        self, logits: NDArray[np.float64], rows: NDArray[np.intp]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        truth = self.values[rows]
        if len(self.classes) > 2:
            yield truth[:, 0].astype(np.intp), logits
            return
        for column, scores in zip(truth.T, logits.T, strict=True):
            told = np.isfinite(column)
            yield column[told].astype(np.intp), scores[told]
