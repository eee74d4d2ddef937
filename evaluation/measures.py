"""Numbers of a scored set of tiles, on many weightings of its tiles at once, for the bootstrap.

Average precision and AUROC are those of `ssl_insar.classify.metrics`. Every function here takes an `Outcome`
and weights, and agrees with scikit-learn's of the same name where ``sample_weight`` is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FPR = 0.01
"""Upper end of the partial AUROC: of ninety interferograms a frame and year, about one."""
BINS = 15
_CELLS = 4_000_000

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """How one run of one method scored n tiles, whose classes are 0 and 1, or 0 ... K - 1.

    Attributes:
        codes: (n,) true classes.
        scores: (n,) that rank, or (n, K) for more than two classes.
        probability: (n,) calibrated, of class 1, NaN where nothing was there to calibrate by; None for
            more than two classes.
        decided: (n,) whether it decides for class 1; None for more than two classes.
        threshold: score above which alarms are as rare as asked for; NaN where it cannot be told.
    """

    codes: NDArray[np.intp]
    scores: Floats
    probability: Floats | None = None
    decided: NDArray[np.bool_] | None = None
    threshold: float = float("nan")

    @property
    def positive(self) -> NDArray[np.bool_]:
        """(n,) which tiles are of class 1."""
        return np.asarray(self.codes == 1)


Measure: TypeAlias = Callable[[Outcome, Floats], Floats]
"""(outcome of n tiles, weights (draws, n)) -> (draws,), NaN where it is not defined."""


def partial_auroc(outcome: Outcome, weights: Floats) -> Floats:
    """Area under the ROC curve up to a false-positive rate of `FPR`, scaled so that chance is .5.

    McClish 1989, "Analyzing a Portion of the ROC Curve", Medical Decision Making 9, 190.
    """
    order = np.argsort(-outcome.scores, kind="stable")
    last_of_tie = np.append(np.diff(outcome.scores[order]) != 0, True)
    ordered, truth = weights[:, order], outcome.positive[order]
    hits, false = (
        np.concatenate([np.zeros((len(w), 1)), np.cumsum(w, axis=1)[:, last_of_tie]], axis=1)
        for w in (ordered * truth, ordered * ~truth)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        tpr, fpr = hits / hits[:, -1:], false / false[:, -1:]
        # Each step of the curve, cut off at the limit.
        end = np.minimum(fpr[:, 1:], FPR)
        width = np.maximum(end - fpr[:, :-1], 0)
        slope = np.diff(tpr, axis=1) / np.diff(fpr, axis=1)
        area = (width * tpr[:, :-1] + np.where(width > 0, slope, 0) * width**2 / 2).sum(axis=1)
        least = FPR**2 / 2
        scaled = 0.5 * (1 + (area - least) / (FPR - least))
    return np.where((hits[:, -1] > 0) & (false[:, -1] > 0), scaled, np.nan)


def recall_at_false_alarms(outcome: Outcome, weights: Floats) -> Floats:
    """Share of the positives above the outcome's threshold, which is that of the whole sample."""
    found = outcome.scores > outcome.threshold
    share = _ratio(weights @ (found & outcome.positive), weights @ outcome.positive)
    return np.full(len(weights), np.nan) if np.isnan(outcome.threshold) else share


def balanced_accuracy(outcome: Outcome, weights: Floats) -> Floats:
    """Mean of the recalls of the two classes; chance is .5."""
    hit, false, miss, quiet = _confusion(outcome, weights)
    return (_ratio(hit, hit + miss) + _ratio(quiet, quiet + false)) / 2


def f1(outcome: Outcome, weights: Floats) -> Floats:
    """Harmonic mean of precision and recall of class 1."""
    hit, false, miss, _ = _confusion(outcome, weights)
    return _ratio(2 * hit, 2 * hit + false + miss)


def mcc(outcome: Outcome, weights: Floats) -> Floats:
    """Matthews' correlation coefficient of decision and truth; 0 is chance, and where all decisions agree."""
    hit, false, miss, quiet = _confusion(outcome, weights)
    product = (hit + false) * (hit + miss) * (quiet + false) * (quiet + miss)
    value = (hit * quiet - false * miss) / np.sqrt(np.where(product > 0, product, 1))
    return np.where((hit + miss > 0) & (quiet + false > 0), value, np.nan)


def brier(outcome: Outcome, weights: Floats) -> Floats:
    """Mean square distance of the probability from the truth; of one constant, p (1 - p)."""
    return _ratio(weights @ (_told(outcome) - outcome.positive) ** 2, weights.sum(axis=1))


def ece(outcome: Outcome, weights: Floats) -> Floats:
    """Expected calibration error, of the probability of class 1 in `BINS` bins of equal width.

    As `ssl_insar.classify.metrics.expected_calibration_error`.
    """
    told = _told(outcome)
    place = np.minimum((np.nan_to_num(told) * BINS).astype(int), BINS - 1)
    gap = weights @ (np.eye(BINS)[place] * (told - outcome.positive)[:, None])
    return _ratio(np.abs(gap).sum(axis=1), weights.sum(axis=1))


MEASURES: dict[str, Measure] = {
    "partial_auroc": partial_auroc,
    "recall_at_false_alarms": recall_at_false_alarms,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "mcc": mcc,
    "ece": ece,
    "brier": brier,
}
"""By the name that the table of results has for them."""


def over_draws(measure: Measure, outcome: Outcome, weights: Floats) -> Floats:
    """A measure on each weighting, some of them at a time, so that memory stays bounded.

    Shape:
        weights (draws, n) -> (draws,)
    """
    step = max(1, _CELLS // max(weights.shape[1], 1))
    blocks = [measure(outcome, weights[i : i + step]) for i in range(0, len(weights), step)]
    return np.concatenate(blocks)


def _told(outcome: Outcome) -> Floats:
    if outcome.probability is None:
        raise ValueError("no probability of class 1: there are more than two classes")
    return outcome.probability


def _confusion(outcome: Outcome, weights: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Weight of true and false positives, false and true negatives, (draws,) each."""
    if outcome.decided is None:
        raise ValueError("no decision for class 1: there are more than two classes")
    yes, truth = outcome.decided, outcome.positive
    cells: list[NDArray[Any]] = [yes & truth, yes & ~truth, ~yes & truth, ~yes & ~truth]
    hit, false, miss, quiet = (weights @ cell for cell in cells)
    return hit, false, miss, quiet


def _ratio(over: Floats, under: Floats) -> Floats:
    ratio: Floats = np.divide(over, under, out=np.full(len(under), np.nan), where=under > 0)
    return ratio
