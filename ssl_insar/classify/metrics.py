"""Ranking metrics and their uncertainty when samples come in clusters (volcanoes)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
Metric: TypeAlias = Callable[[ArrayLike, ArrayLike], float]

_CELLS = 4_000_000
"""Bootstrap weights held in memory at once."""


@dataclass(frozen=True)
class Interval:
    """A value with a 95 % interval.

    Attributes:
        value: the metric on the sample itself; NaN where it is not defined.
        low: 2.5 % percentile of the draws.
        high: 97.5 % percentile of the draws.
        skipped: draws left out because a class was missing from them.
    """

    value: float
    low: float
    high: float
    skipped: int = 0

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def average_precision(y: ArrayLike, score: ArrayLike) -> float:
    """Average precision: sum over thresholds of precision times the gain in recall.

    Its chance level is the prevalence, so always read it beside that.

    Args:
        y: (n,) class codes 0..K-1; for two classes 1 is the positive one.
        score: (n,) score of class 1, or (n, K) one score a class: then the mean over classes of
            one against the rest (macro).

    Returns:
        the metric, or NaN when a class is missing from ``y``.
    """
    return _macro(y, score, average_precision_score)


def auroc(y: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a positive outranks a negative; 0.5 is chance.

    Arguments and result as in `average_precision`.
    """
    return _macro(y, score, roc_auc_score)


def expected_calibration_error(y: ArrayLike, probability: ArrayLike, bins: int = 15) -> float:
    """Mean distance between the probability told and the frequency found, over bins of equal width.

    Naeini, Cooper & Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    section 3; for several classes Guo et al. 2017, section 2: the probability of the likeliest class
    against how often it is true. Two classes are measured by the probability of class 1: with the
    likeliest class, a rare positive would hide behind the many certain negatives.

    Args:
        y: (n,) class codes 0..K-1.
        probability: (n,) of class 1, or (n, K); (n, 2) counts as the first.
        bins: number of bins.

    Returns:
        0 (calibrated) to 1; NaN for no tiles. It is biased upward where bins hold few tiles.
    """
    codes, values = np.asarray(y), np.asarray(probability, np.float64)
    if len(codes) != len(values):
        raise ValueError(f"{len(codes)} labels for {len(values)} probabilities")
    if not len(codes):
        return float("nan")
    if values.ndim == 2 and values.shape[1] == 2:
        values = values[:, 1]
    told, true = (values, codes == 1) if values.ndim == 1 else (values.max(1), values.argmax(1) == codes)
    place = np.minimum((told * bins).astype(int), bins - 1)
    gap = np.bincount(place, weights=told - true, minlength=bins)
    return float(np.abs(gap).sum() / len(codes))


def cluster_bootstrap(
    y: ArrayLike,
    score: ArrayLike,
    groups: ArrayLike,
    metric: Metric = average_precision,
    draws: int = 1000,
    seed: int = 0,
    reference: ArrayLike | None = None,
) -> Interval:
    """95 % percentile interval of a metric by resampling whole groups with replacement.

    Tiles of one volcano share ground, atmosphere and often the very same deformation, so they are
    not independent. Resampling tiles pretends that 70 interferograms of one lava flow are 70 pieces
    of evidence and gives an interval that is far too narrow for the question "how well does this
    work at the next volcano?". Resampling volcanoes keeps what belongs together together (Davison
    & Hinkley 1997, Bootstrap Methods and their Application, section 3.8).

    With few positive groups even this interval is optimistic: it cannot imagine a volcano unlike
    those it has seen.

    Args:
        y: (n,) class codes, see `average_precision`.
        score: (n,) or (n, K).
        groups: (n,) group of each sample.
        metric: function of (y, score); the two of this module take a fast path.
        draws: number of bootstrap samples.
        seed: of the resampling; equal seeds and groups give equal draws.
        reference: scores of another model, shaped as ``score``: then the interval is of the metric less
            that of the reference, both on the same resampled groups. Two models meet the same easy and
            hard volcanoes, so their own intervals may overlap widely while the difference is certain.

    Returns:
        the metric, or the difference, with its interval; draws in which a class was missing are
        skipped and counted. The bounds are NaN if no draw was left.
    """
    other = None if reference is None else np.asarray(reference)[None]
    return bootstrap_over_runs(y, np.asarray(score)[None], groups, metric, draws, seed, other)


def bootstrap_over_runs(
    y: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    metric: Metric = average_precision,
    draws: int = 1000,
    seed: int = 0,
    reference: ArrayLike | None = None,
) -> Interval:
    """Interval of the mean metric of several runs, each draw the same resampled groups for all of them.

    Says how well the method works at the next volcano; what another seed of training would change is
    seen in the spread of the runs only.

    Args:
        y: (n,) class codes, see `average_precision`.
        scores: (runs, n) or (runs, n, K).
        groups: (n,) group of each sample.
        metric: as in `cluster_bootstrap`.
        draws: number of bootstrap samples.
        seed: of the resampling.
        reference: (runs', n) or (runs', n, K) of another method: then the interval is of the difference
            of the means.

    Returns:
        as in `cluster_bootstrap`; a draw in which a class was missing counts for no run.
    """

    def mean(runs: ArrayLike) -> tuple[float, FloatArray]:
        each = list(np.asarray(runs))
        values = np.mean([metric(y, score) for score in each])
        return float(values), np.mean([_draws(y, score, groups, metric, draws, seed) for score in each], 0)

    value, resampled = mean(scores)
    if reference is not None:
        other, theirs = mean(reference)
        value, resampled = value - other, resampled - theirs
    return _interval(value, resampled)


def percentile_interval(values: ArrayLike) -> Interval:
    """Mean and 2.5 to 97.5 % percentiles of repeated results; NaN among them count as skipped."""
    results = np.asarray(values, float)
    kept = results[np.isfinite(results)]
    return _interval(float(kept.mean()) if len(kept) else float("nan"), results)


def _interval(value: float, results: FloatArray) -> Interval:
    kept = results[np.isfinite(results)]
    low, high = np.percentile(kept, [2.5, 97.5]) if len(kept) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high), len(results) - len(kept))


def _macro(y: ArrayLike, score: ArrayLike, metric: Callable[..., float]) -> float:
    """Binary metric, or its mean over classes of one against the rest."""
    truths, scores = _one_vs_rest(y, score)
    if any(truth.all() or not truth.any() for truth in truths):
        return float("nan")
    return float(np.mean([metric(truth, column) for truth, column in zip(truths, scores, strict=True)]))


def _one_vs_rest(y: ArrayLike, score: ArrayLike) -> tuple[list[NDArray[np.bool_]], list[FloatArray]]:
    codes, scores = np.asarray(y), np.asarray(score, np.float64)
    if len(codes) != len(scores):
        raise ValueError(f"{len(codes)} labels for {len(scores)} scores")
    if scores.ndim == 1:
        return [codes == 1], [scores]
    return [codes == k for k in range(scores.shape[1])], list(scores.T)


def _draws(
    y: ArrayLike, score: ArrayLike, groups: ArrayLike, metric: Metric, draws: int, seed: int
) -> FloatArray:
    """The metric of each bootstrap sample, NaN where a class is missing."""
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    # How often each group is drawn is multinomial: drawing that is the same as drawing the names.
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
    fast = _WEIGHTED.get(metric)
    if fast is None:
        return np.array([_one_draw(np.asarray(y), np.asarray(score), row[member], metric) for row in times])
    step = max(1, _CELLS // max(len(member), 1))
    truths, scores = _one_vs_rest(y, score)
    blocks = [times[i : i + step][:, member] for i in range(0, draws, step)]
    return np.concatenate(
        [np.mean([fast(t, s, w) for t, s in zip(truths, scores, strict=True)], axis=0) for w in blocks]
    )


def _one_draw(y: NDArray[Any], score: NDArray[Any], weights: IntArray, metric: Metric) -> float:
    rows = np.repeat(np.arange(len(y)), weights)
    if len(np.unique(y[rows])) < len(np.unique(y)):
        return float("nan")
    return metric(y[rows], score[rows])


def _cumulated(
    truth: NDArray[np.bool_], score: FloatArray, weights: IntArray
) -> tuple[FloatArray, FloatArray]:
    """True and false positives above each distinct threshold, for many weightings at once.

    Shape:
        (n,), (n,), (draws, n) -> twice (draws, thresholds)
    """
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.diff(score[order]) != 0, True)
    ordered = weights[:, order].astype(np.float64)
    positive = np.cumsum(ordered * truth[order], axis=1)[:, last_of_tie]
    return positive, np.cumsum(ordered, axis=1)[:, last_of_tie] - positive


def _weighted_average_precision(truth: NDArray[np.bool_], score: FloatArray, weights: IntArray) -> FloatArray:
    positive, negative = _cumulated(truth, score, weights)
    total, against = positive[:, -1], negative[:, -1]
    precision = positive / np.maximum(positive + negative, 1)
    area = np.sum(precision * np.diff(positive, axis=1, prepend=0), axis=1)
    return np.where((total > 0) & (against > 0), area / np.maximum(total, 1), np.nan)


def _weighted_auroc(truth: NDArray[np.bool_], score: FloatArray, weights: IntArray) -> FloatArray:
    positive, negative = _cumulated(truth, score, weights)
    total, against = positive[:, -1], negative[:, -1]
    # A negative loses to every positive above it and to half of those it ties with.
    above = positive - np.diff(positive, axis=1, prepend=0) / 2
    area = np.sum(above * np.diff(negative, axis=1, prepend=0), axis=1)
    return np.where((total > 0) & (against > 0), area / np.maximum(total * against, 1), np.nan)


_WEIGHTED: dict[Metric, Callable[[NDArray[np.bool_], FloatArray, IntArray], FloatArray]] = {
    average_precision: _weighted_average_precision,
    auroc: _weighted_auroc,
}
