"""A classifier with all that says how far to trust it: calibration, sets, abstention, outliers, alarms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ssl_insar.archive.groups import NotEvaluableError, assign_groups, grouped_folds
from ssl_insar.atomic import present_folder, replacing_folder
from ssl_insar.classify.calibration import Calibration, calibrate
from ssl_insar.classify.conformal import LEVEL, ConformalSets
from ssl_insar.classify.cross_validation import Population
from ssl_insar.classify.false_alarms import QuietRecord
from ssl_insar.classify.frozen import FrozenClassifier, both_sides, damage_told, read_facts
from ssl_insar.classify.held_out import HeldOut, held_out_scores
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.neighbours import Neighbours
from ssl_insar.classify.outliers import OutlierDistance, OutlierMethod
from ssl_insar.classify.persistence import confirmations
from ssl_insar.classify.prototypes import Prototypes
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings

METHODS: dict[str, type[FrozenClassifier]] = {
    "probe": LinearProbe,
    "prototypes": Prototypes,
    "knn": Neighbours,
}
"""Classifiers by the name the command line has for them."""

FORMAT = 1
MARKER = "classifier.json"
MIN_COHERENT = 0.3
"""Share of coherent pixels below which nothing is said of a tile."""

OUTLIER_SHARE = 0.01
"""A tile is foreign if fewer of the training tiles lie as far out."""

CARRIED = ("id", "source", "volcano", "reference_date", "secondary_date")
"""Catalogue columns that an assessment repeats."""


@dataclass(frozen=True)
class TrustedClassifier:
    """See the module.

    Attributes:
        model: fitted on all labels.
        volcanoes: names of the groups it was fitted on.
        calibration: None where the labels do not allow grouped folds: probabilities are then the model's.
        sets: conformal sets; None likewise.
        outliers: None with labels at one volcano only.
        quiet: record of quiet interferograms, scored out of fold; None without such a class or dates.
        quiet_class: label of tiles that do not deform; None if the labels have none.
        target: name of the label.
    """

    model: FrozenClassifier
    volcanoes: frozenset[str]
    calibration: Calibration | None
    sets: ConformalSets | None
    outliers: OutlierDistance | None
    quiet: QuietRecord | None
    quiet_class: int | str | None
    target: str

    @property
    def classes(self) -> NDArray[Any]:
        """(K,) labels."""
        return np.asarray(self.model.classes_)

    def probability(self, X: Embeddings | ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities, (n, D) -> (n, K)."""
        if self.calibration is None:
            return self.model.predict_proba(X)
        return self.calibration.probability(both_sides(self.model.comparable(X)))

    def threshold(self, rate: float) -> float:
        """Score above which there are that many false alarms a frame-year; see `QuietRecord.threshold`.

        Raises:
            UserError: no quiet record, or too short a one.
        """
        if self.quiet is None:
            raise UserError(
                "the classifier holds no scores of quiet tiles with dates at unseen volcanoes, so false "
                "alarms cannot be told; fit it with labels of dated quiet tiles (0, or --quiet CLASS)"
            )
        return self.quiet.threshold(rate)

    def assess(
        self,
        held: Embeddings,
        rate: float | None = None,
        min_coherent: float = MIN_COHERENT,
        outlier_share: float = OUTLIER_SHARE,
    ) -> pd.DataFrame:
        """What can be said of each tile.

        Args:
            held: embeddings of the tiles, by the encoder the classifier was fitted with.
            rate: false alarms a frame-year that can be borne; None: no alarms are told.
            min_coherent: coherent share of a tile below which the classifier abstains.
            outlier_share: see `OUTLIER_SHARE`.

        Returns:
            a row a tile, the most suspicious first: `CARRIED`; ``probability`` of class 1 (or one
            ``probability_CLASS`` each and ``predicted``); ``set`` of classes, joined by ``|``;
            ``abstained`` (the set is then every class and there is no alarm); ``ood_distance``,
            ``ood_share`` of training tiles as far out and ``ood``; ``fitted_on``, whether the volcano was
            learned from, where the promises do not hold; ``alarm``, ``confirmations`` (interferograms that
            show the detection again and share no acquisition) and ``persistent``, with a rate only.

        Raises:
            UserError: another encoder; a rate that cannot be told.
        """
        limit = None if rate is None else self.threshold(rate)
        catalogue = held.catalogue.reset_index(drop=True)
        names = assign_groups(catalogue).names
        probability = self.probability(held)
        # A coherence that is not known is no reason to abstain.
        coherent = catalogue.get("coherent_fraction", pd.Series(np.nan, catalogue.index))
        abstained = (coherent < min_coherent).to_numpy(bool)
        table = catalogue[list(CARRIED)].copy()
        leading = self._tell_probability(table, probability)
        if self.sets is not None:
            inside = self.sets.sets(probability) | abstained[:, None]
            table["set"] = ["|".join(str(c) for c in self.classes[row]) for row in inside]
        table["abstained"] = abstained
        if self.outliers is not None:
            distance = self.outliers.distance(held.normalised())
            share = self.outliers.share_as_far(distance)
            table = table.assign(ood_distance=distance, ood_share=share, ood=share < outlier_share)
        table["fitted_on"] = np.isin(names, list(self.volcanoes))
        if limit is not None:
            alarm = (self.suspicion(probability) > limit) & ~abstained
            seen = confirmations(catalogue, alarm)
            table = table.assign(alarm=alarm, confirmations=seen, persistent=seen > 0)
        if "geometry" in catalogue:
            table["geometry"] = catalogue["geometry"]
        order = table.assign(leading=-leading).sort_values(["leading", "id"]).index
        return table.loc[order].reset_index(drop=True)

    def suspicion(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability that the tile is not quiet, (n, K) -> (n,)."""
        return suspicion(probability, self.classes, self.quiet_class)

    def _tell_probability(self, table: pd.DataFrame, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add the columns of probability; what to sort by."""
        if self.model.binary:
            table["probability"] = probability[:, 1]
            return probability[:, 1]
        for name, column in zip(self.classes, probability.T, strict=True):
            table[f"probability_{name}"] = column
        table["predicted"] = self.classes[probability.argmax(axis=1)]
        best: NDArray[np.float64] = probability.max(axis=1)
        return best

    def save(self, path: str | Path) -> None:
        """Write a folder; nothing in it is pickled. With a linear probe, `LinearProbe.load` reads it too.

        Raises:
            UserError: the folder holds something else, which would be lost.
        """
        folder = present_folder(Path(path))
        with replacing_folder(folder, marker_of(folder)) as scratch:
            self.write(scratch)

    def write(self, folder: Path) -> None:
        """Write the files into an existing folder."""
        method = next(name for name, kind in METHODS.items() if isinstance(self.model, kind))
        facts = {
            "format": FORMAT,
            "method": method,
            "target": self.target,
            "quiet_class": self.quiet_class,
            "volcanoes": sorted(self.volcanoes),
            "calibration": None if self.calibration is None else asdict(self.calibration),
            "sets": None if self.sets is None else asdict(self.sets) | {"names": sorted(self.sets.names)},
            "outliers": None
            if self.outliers is None
            else {"method": self.outliers.method, "k": self.outliers.k},
            "quiet": None
            if self.quiet is None
            else {"frame_years": self.quiet.frame_years, "frames": self.quiet.frames},
        }
        arrays: dict[str, Any] = {}
        if self.outliers is not None:
            arrays |= {"outlier_matrix": self.outliers.matrix_, "outlier_reference": self.outliers.reference_}
        if self.quiet is not None:
            arrays["quiet_scores"] = self.quiet.scores
        self.model.write(folder)
        np.savez(folder / "classifier.npz", **arrays)
        (folder / MARKER).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> TrustedClassifier:
        """Read what `save` wrote, or a bare linear probe of an earlier release.

        Raises:
            UserError: no classifier there, damaged, or a newer format.
        """
        folder = present_folder(Path(path))
        if not (folder / MARKER).is_file():
            probe = LinearProbe.load(folder)
            return cls(probe, frozenset(), None, None, None, None, 0 if probe.binary else None, "")
        with damage_told(folder):
            facts = read_facts(folder / MARKER, FORMAT)
            model = METHODS[facts["method"]].load(folder)
            with np.load(folder / "classifier.npz", allow_pickle=False) as arrays:
                trusted = cls._from(model, facts, dict(arrays))
        return trusted

    @classmethod
    def _from(
        cls, model: FrozenClassifier, facts: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> TrustedClassifier:
        outliers = quiet = None
        if facts["outliers"]:
            outliers = OutlierDistance(**facts["outliers"])
            outliers.matrix_ = arrays["outlier_matrix"]
            outliers.reference_ = arrays["outlier_reference"]
        if facts["quiet"]:
            quiet = QuietRecord(arrays["quiet_scores"], **facts["quiet"])
        fitted = facts["calibration"]
        calibration = fitted and Calibration(
            fitted["temperature"], tuple(fitted["offset"]), tuple(fitted["shares"]), fitted["count"]
        )
        sets = facts["sets"] and ConformalSets(
            facts["sets"]["level"],
            tuple(facts["sets"]["thresholds"]),
            tuple(facts["sets"]["volcanoes"]),
            frozenset(facts["sets"]["names"]),
        )
        return cls(
            model,
            frozenset(facts["volcanoes"]),
            calibration,
            sets,
            outliers,
            quiet,
            facts["quiet_class"],
            facts["target"],
        )


@dataclass(frozen=True)
class Fit:
    """A classifier and what it was judged by.

    Attributes:
        classifier: fitted on all labels.
        held: scores out of fold; None where the labels do not allow grouped folds.
        why_not: why, then.
    """

    classifier: TrustedClassifier
    held: HeldOut | None
    why_not: str = ""


def fit_trusted(
    make: Callable[[], FrozenClassifier],
    held: Embeddings,
    rows: NDArray[np.intp],
    y: NDArray[Any],
    target: str = "",
    *,
    quiet_class: int | str | None = None,
    level: float = LEVEL,
    folds: int = 5,
    seed: int = 0,
    shares: ArrayLike | None = None,
    outside: ArrayLike = (),
    outlier_method: OutlierMethod = "knn",
) -> Fit:
    """Fit a classifier, and learn how far to trust it from volcanoes held out.

    Calibration, sets and the quiet record come of out-of-fold scores, the classifier of all labels. The
    coverage of sets made so is that of cross-conformal prediction (Vovk 2015): proven for one split,
    met closely in practice for folds.

    Args:
        make: gives a classifier that is not fitted yet.
        held: embeddings; those without a label serve for standardising.
        rows: (n,) which of them are labelled.
        y: (n,) labels.
        target: name of the label.
        quiet_class: label of tiles that do not deform; None: 0 for labels 0 and 1.
        level: nominal coverage of the conformal sets.
        folds: wanted number.
        seed: of the folds.
        shares: (K,) how frequent the classes are where the classifier will be used; None: as labelled.
        outside: groups of which nothing may be used, not even for standardising.
        outlier_method: see `OutlierDistance`.

    Raises:
        LeakError: copies of a tile at two volcanoes.
        UserError: fewer than two classes, or no such quiet class.
    """
    names = assign_groups(held.catalogue).names
    unit, usable = held.normalised(), ~np.isin(names, np.asarray(outside))
    labelled = replace(
        held, matrix=held.matrix[rows], catalogue=held.catalogue.iloc[rows].reset_index(drop=True)
    )
    model = make().fit(labelled, y, names[rows], unit[usable])
    asked = Asked(target, quiet_class, level, shares, outlier_method).checked(model)
    scores: HeldOut | None = None
    why_not = ""
    try:
        splits = grouped_folds(y, names[rows], folds, seed)
    except NotEvaluableError as error:
        why_not = str(error)
    else:
        around = Population(unit[usable], names[usable])
        scores = held_out_scores(make, unit[rows], y, names[rows], splits, around, labelled.catalogue)
    return Fit(trust(model, scores, unit[rows], labelled.catalogue, y, names[rows], asked), scores, why_not)


@dataclass(frozen=True)
class Asked:
    """What a trusted classifier should promise.

    Attributes:
        target: name of the label.
        quiet_class: label of tiles that do not deform; None: 0 for labels 0 and 1, else none.
        level: nominal coverage of the conformal sets.
        shares: (K,) how frequent the classes are where the classifier will be used; None: as labelled.
        outlier_method: see `OutlierDistance`.
    """

    target: str = ""
    quiet_class: int | str | None = None
    level: float = LEVEL
    shares: ArrayLike | None = None
    outlier_method: OutlierMethod = "knn"

    def checked(self, model: FrozenClassifier) -> Asked:
        """The same with its quiet class, for the classes of a fitted model.

        Raises:
            UserError: no label is the quiet class.
        """
        quiet = 0 if self.quiet_class is None and model.binary else self.quiet_class
        if quiet is not None and quiet not in model.classes_.tolist():
            raise UserError(f"no label is '{quiet}'; choose one of: {', '.join(map(str, model.classes_))}")
        return replace(self, quiet_class=quiet)


def trust(
    model: FrozenClassifier,
    scores: HeldOut | None,
    features: NDArray[Any],
    catalogue: pd.DataFrame,
    y: NDArray[Any],
    groups: NDArray[Any],
    asked: Asked,
) -> TrustedClassifier:
    """What can be promised of a classifier, by its scores of labelled tiles out of fold.

    Args:
        model: fitted on all n labelled tiles.
        scores: of them; None: nothing but how far out a tile lies can be told.
        features: (n, D) of them.
        catalogue: n rows.
        y: (n,) labels.
        groups: (n,) volcanoes.
        asked: see `Asked`, checked.
    """
    calibration = sets = outliers = quiet = None
    if scores is not None:
        calibration = calibrate(scores)
        if asked.shares is not None:
            calibration = calibration.for_shares(asked.shares)
        told = calibration.probability(scores.logits)
        sets = ConformalSets.fit(told, scores.codes, scores.groups, asked.level)
        if asked.quiet_class is not None:
            quiet = _quiet_record(told, model.classes_, asked.quiet_class, y, catalogue)
    if len(np.unique(groups)) > 1:
        outliers = OutlierDistance(asked.outlier_method).fit(features, groups)
    known = frozenset(groups.tolist())
    return TrustedClassifier(
        model, known, calibration, sets, outliers, quiet, asked.quiet_class, asked.target
    )


def suspicion(
    probability: NDArray[np.float64], classes: NDArray[Any], quiet_class: int | str | None
) -> NDArray[np.float64]:
    """Probability of everything but the quiet class, (n, K) -> (n,)."""
    if quiet_class is None:
        raise UserError(
            "the labels have no class of quiet tiles, so there are no alarms; name one with --quiet"
        )
    others: NDArray[np.float64] = probability[:, classes != quiet_class].sum(axis=1)
    return others


def marker_of(folder: Path) -> str:
    """The file that tells a folder of this kind, or one of an earlier release."""
    return "probe.json" if (folder / "probe.json").exists() else MARKER


def _quiet_record(
    probability: NDArray[np.float64],
    classes: NDArray[Any],
    quiet_class: int | str,
    y: NDArray[Any],
    catalogue: pd.DataFrame,
) -> QuietRecord | None:
    """None where no quiet tile has dates."""
    still = y == quiet_class
    try:
        return QuietRecord.of(suspicion(probability, classes, quiet_class)[still], catalogue[still])
    except UserError:
        return None
