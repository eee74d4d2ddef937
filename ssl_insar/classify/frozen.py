"""What all classifiers on frozen embeddings share: checked input, probabilities, saving without pickle."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from ssl_insar import __version__
from ssl_insar.archive.groups import groups_of, is_binary
from ssl_insar.archive.labels import known
from ssl_insar.atomic import present_folder, replacing_folder
from ssl_insar.classify.averaging import MeanEmbeddings
from ssl_insar.classify.metrics import average_precision
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings

Features: TypeAlias = "Embeddings | ArrayLike"
Model = TypeVar("Model", bound="FrozenClassifier")

FORMAT = 1


class TrainingRows(NamedTuple):
    """What a classifier learns from, checked by `FrozenClassifier.fit`.

    Attributes:
        matrix: (n, D) finite features of the labelled rows.
        codes: (n,) their classes, 0 to K - 1, each of which occurs.
        groups: (n,) their groups, volcanoes as a rule.
        population: (N, D) finite features of rows with or without a label; ``matrix`` itself where no
            others were given.
    """

    matrix: NDArray[Any]
    codes: NDArray[np.intp]
    groups: NDArray[Any]
    population: NDArray[Any]


class FrozenClassifier(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """A classifier of feature vectors, after scikit-learn's manner.

    Attributes:
        classes_: (K,) labels; for 0 and 1 the positive class is 1.
        encoder_hash_: hash of the encoder whose embeddings it was fitted on; None for a plain matrix.
        count_: number of labels it was fitted on.
        n_features_in_: D.
        odds_mean_: mean, and ``odds_spread_`` standard deviation, of the log-odds of tiles that it knows;
            () for two classes, else (K,).
    """

    STEM: ClassVar[str]
    """Name of the two files it is saved in."""
    ARRAYS: ClassVar[tuple[str, ...]]
    """Fitted arrays that are saved, without their underscore."""
    LATER_ARRAYS: ClassVar[tuple[str, ...]] = ()
    """Arrays that files of earlier releases lack."""

    @abstractmethod
    def _learn(self, given: TrainingRows) -> None:
        """Fit on checked rows."""

    @abstractmethod
    def _odds(self, matrix: NDArray[Any], groups: NDArray[Any] | None) -> NDArray[np.float64]:
        """Log-odds of checked features, shaped as `decision_function` gives them."""

    def fit(
        self: Model,
        X: Features,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        population: Features | None = None,
    ) -> Model:
        """Fit on labelled rows.

        Args:
            X: (n, D) embeddings of labelled tiles, or an `Embeddings` of them.
            y: (n,) labels: whole numbers or names; missing ones, in a nullable Series, are left out.
            groups: (n,) groups, for choices made by cross-validation inside; None: by volcano for an
                `Embeddings`, and each row on its own for a plain matrix.
            population: more rows, without labels, to standardise by: the spread of ten labelled
                tiles is mostly chance. None: ``X``.

        Raises:
            UserError: fewer than two classes, or features that are not finite.
        """
        matrix = as_matrix(X)
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
        self.encoder_hash_ = X.provenance.encoder_hash if isinstance(X, Embeddings) else None
        self.count_ = len(labels)
        self.n_features_in_ = matrix.shape[1]
        around = matrix if population is None else as_matrix(population)
        self._learn(TrainingRows(matrix, codes, np.asarray(groups), around))
        return self

    @property
    def binary(self) -> bool:
        """Whether the classes are 0 and 1, so that there is a positive one."""
        return is_binary(self.classes_)

    def decision_function(self, X: Features, groups: ArrayLike | None = None) -> NDArray[np.float64]:
        """Log-odds up to a constant.

        Args:
            X: (n, D).
            groups: (n,) groups of the rows. A method that looks at single labelled tiles then leaves
                those of a row's own group out; for the others it makes no difference.

        Shape:
            (n, D) -> (n,) for two classes, positive toward the second; else (n, K)

        Raises:
            UserError: embeddings of another encoder, another width, or not finite.
        """
        return self._odds(self._checked(X), None if groups is None else np.asarray(groups))

    def comparable(self, X: Features) -> NDArray[np.float64]:
        """`decision_function` in units in which classifiers of different folds can be ranked together.

        See `ssl_insar.classify.linear_probe.spread_units`.

        Raises:
            UserError: read from files of an earlier release, which do not tell these units.
        """
        odds = self.decision_function(X)
        if not hasattr(self, "odds_mean_"):
            raise UserError("saved by an earlier release; run ssl-insar classify fit again")
        units: NDArray[np.float64] = (odds - self.odds_mean_) / self.odds_spread_
        return units

    def predict_proba(self, X: Features) -> NDArray[np.float64]:
        """Probability of each class, in the order of ``classes_``; all classes weigh the same.

        Not calibrated to how rare deformation is; see `ssl_insar.classify.calibration`.

        Shape:
            (n, D) -> (n, K), rows sum to 1
        """
        return softmax(both_sides(self.decision_function(X)))

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
        """Write the classifier's ``.npz`` and ``.json`` into a folder, whole or not at all.

        Raises:
            UserError: the folder holds something else, which would be lost.
        """
        with replacing_folder(present_folder(Path(path)), f"{self.STEM}.json") as scratch:
            self.write(scratch)

    def write(self, folder: Path) -> None:
        """Write the two files into an existing folder."""
        facts = {
            "format": FORMAT,
            "classes": self.classes_.tolist(),
            **self._facts(),
            "encoder_hash": self.encoder_hash_,
            "dimension": self.n_features_in_,
            "count": self.count_,
            "ssl_insar": __version__,
        }
        names = [name for name in (*self.ARRAYS, *self.LATER_ARRAYS) if hasattr(self, f"{name}_")]
        np.savez(folder / f"{self.STEM}.npz", **{name: getattr(self, f"{name}_") for name in names})
        text = json.dumps(facts, indent=2) + "\n"
        (folder / f"{self.STEM}.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls: type[Model], path: str | Path) -> Model:
        """Read a folder written by `save`; nothing in it is unpickled.

        Raises:
            UserError: no such folder, not a classifier, damaged, or a newer format.
        """
        folder = Path(path)
        if not (folder / f"{cls.STEM}.json").is_file():
            raise UserError(
                f"{folder}: no classifier here; make one with: ssl-insar classify fit EMB --out {folder}"
            )
        with damage_told(folder):
            facts = read_facts(folder / f"{cls.STEM}.json", FORMAT)
            model = cls()
            model.classes_ = np.asarray(facts["classes"])
            model.encoder_hash_ = facts["encoder_hash"]
            model.count_ = int(facts["count"])
            model.n_features_in_ = int(facts["dimension"])
            with np.load(folder / f"{cls.STEM}.npz", allow_pickle=False) as arrays:
                later = [name for name in cls.LATER_ARRAYS if name in arrays]
                for name in (*cls.ARRAYS, *later):
                    setattr(model, f"{name}_", np.asarray(arrays[name]))
            model._restore(facts)
            if not model._fits_together():
                raise ValueError(f"{cls.STEM}.npz does not belong to {cls.STEM}.json")
        return model

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What else the JSON file tells."""

    @abstractmethod
    def _restore(self, facts: dict[str, Any]) -> None:
        """Take up what `_facts` told."""

    @abstractmethod
    def _fits_together(self) -> bool:
        """Whether the arrays read have the shapes that the facts ask for."""

    def _checked(self, X: Features) -> NDArray[Any]:
        """The matrix of X, if it is of the encoder and width this classifier knows."""
        if not hasattr(self, "classes_"):
            raise UserError("the classifier is not fitted; call fit first")
        if isinstance(X, Embeddings) and self.encoder_hash_ not in (None, X.provenance.encoder_hash):
            raise UserError(
                f"the classifier was fitted on embeddings of encoder {str(self.encoder_hash_)[:12]}, "
                f"these are of encoder {X.provenance.encoder_hash[:12]}; embed with the same encoder, "
                "or fit again"
            )
        matrix = as_matrix(X)
        if matrix.shape[1] != self.n_features_in_:
            raise UserError(
                f"the classifier was fitted on {self.n_features_in_} features, these have {matrix.shape[1]}; "
                "embed with the same encoder, or fit again"
            )
        return matrix


def read_facts(path: Path, newest: int) -> dict[str, Any]:
    """The JSON file of a saved classifier.

    Args:
        path: the file.
        newest: format that can be read.

    Raises:
        UserError: a newer format.
        OSError, ValueError, KeyError: the file is missing or damaged; see `damage_told`.
    """
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if int(facts["format"]) > newest:
        raise UserError(f"{path.parent}: written by a newer ssl_insar; upgrade to read it")
    return facts


@contextmanager
def damage_told(folder: Path) -> Iterator[None]:
    """Tell whatever goes wrong while a saved classifier is read as a `UserError` about its folder."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # a damaged archive makes zipfile and numpy raise many kinds
        raise UserError(
            f"{folder}: damaged classifier ({error}); run ssl-insar classify fit again"
        ) from error


def both_sides(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds with a column a class: those of two classes come as one number.

    Shape:
        (n,) or (n, K) -> (n, 2) or (n, K)
    """
    return np.stack([np.zeros_like(odds), odds], axis=1) if odds.ndim == 1 else odds


def one_side(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The reverse of `both_sides`: (n, 2) -> (n,), more classes stay as they are."""
    return odds[:, 1] - odds[:, 0] if odds.shape[1] == 2 else odds


def mean_and_spread(odds: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of log-odds, the latter 1 where they do not vary.

    Shape:
        (n,) or (n, K) -> () or (K,), twice
    """
    spread = np.asarray(odds.std(axis=0))
    return np.asarray(odds.mean(axis=0)), np.where(spread > 0, spread, 1.0)


def softmax(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of log-odds, (n, K) -> (n, K)."""
    powers = np.exp(odds - odds.max(axis=1, keepdims=True))
    probability: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probability


def as_matrix(X: Features) -> NDArray[Any]:
    """(n, D) finite features; embeddings as rows of unit length, since their training knew angles only.

    Means over the versions of a tile stay as long as they are: lengthened again, they would give other
    log-odds than the mean of those of the versions.

    Raises:
        ValueError: not a matrix.
        UserError: rows that are not finite.
    """
    if isinstance(X, MeanEmbeddings):
        values = np.asarray(X.matrix)
    else:
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
