"""Scores of methods on held-out tiles, and the lines of results that they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.labelled import Labelled
from evaluation.measures import MEASURES, Floats, Outcome, over_draws
from evaluation.methods import Method
from evaluation.volcano_bootstrap import resampled
from ssl_insar.archive.groups import Fold, NotEvaluableError, grouped_folds
from ssl_insar.classify.calibration import Calibration, calibrate, cross_calibrated
from ssl_insar.classify.compare import PRIOR
from ssl_insar.classify.false_alarms import QuietRecord
from ssl_insar.classify.frozen import FrozenClassifier, both_sides, softmax
from ssl_insar.classify.held_out import HeldOut, held_out_scores
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.metrics import Metric, auroc, average_precision, bootstrap_over_runs
from ssl_insar.classify.nulls import volcano_prior
from ssl_insar.errors import UserError
from ssl_insar.progress import bar

Make = Callable[[], FrozenClassifier]
RANKING: dict[str, Metric] = {"ap": average_precision, "auroc": auroc}


def outcomes_over(
    cases: Labelled, methods: Sequence[Method], splits: list[Fold], make: Make, rate: float
) -> dict[str, list[Outcome]]:
    """Each run of each method fitted on every fold's training side and scored on the other.

    Args:
        cases: labelled tiles.
        methods: see `Method`; ready scores are taken as they are.
        splits: folds that score every tile once; their leaks are refused before by the caller.
        make: gives a classifier that is not fitted yet.
        rate: false alarms a frame-year.

    Returns:
        name -> an outcome a run, and the volcano prior.
    """

    def outcome(method: Method, number: int) -> Outcome:
        if method.ready:
            return _ready_outcome(checked_ready(method, number, cases), cases, splits, rate)
        matrix = method.features[number][cases.rows]
        held = held_out_scores(make, matrix, cases.y, cases.groups, splits, catalogue=cases.catalogue)
        return _outcome(cases, held, rate)

    return over_runs(methods, outcome) | {PRIOR: [prior_over(cases, splits, rate)]}


def over_runs(
    methods: Sequence[Method], outcome: Callable[[Method, int], Outcome]
) -> dict[str, list[Outcome]]:
    """An outcome for each run of each method, with a progress bar.

    Args:
        methods: see `Method`.
        outcome: makes that of a method's run of this number.
    """
    found: dict[str, list[Outcome]] = {}
    with bar(sum(method.runs for method in methods), "fit and score", "run") as progress:
        for method in methods:
            found[method.name] = []
            for number in range(method.runs):
                found[method.name].append(outcome(method, number))
                progress.update()
    return found


def outcome_elsewhere(
    train: Labelled,
    test: Labelled,
    features: tuple[NDArray[Any], NDArray[Any]],
    rate: float,
    seed: int,
    c: float | None = None,
) -> Outcome:
    """A linear probe fitted on some tiles and scored on others; nothing of the latter chooses anything.

    Its calibration is learned from its own held-out volcanoes; where training holds a class at one volcano
    only, there is none, and the probability is NaN.

    Args:
        train: tiles to fit on.
        test: tiles to score.
        features: of both, (n, D) and (m, D).
        rate: false alarms a frame-year.
        seed: of the inner folds.
        c: inverse strength of regularisation; None: chosen inside the training volcanoes.
    """
    here, there = features
    model = LinearProbe(c, seed).fit(here, train.y, train.groups)
    logits = both_sides(model.comparable(there))
    calibration = _calibration(train, here, model.c_, seed)
    raw = model.predict_proba(there)
    if not train.binary:
        return Outcome(test.codes, logits)
    scores = logits[:, 1] - logits[:, 0]
    told = np.full(len(test), np.nan) if calibration is None else calibration.probability(logits)[:, 1]
    return Outcome(test.codes, scores, told, raw[:, 1] > 0.5, alarm_threshold(test, scores, rate))


def outcomes_elsewhere(
    train: Labelled, test: Labelled, methods: Sequence[Method], rate: float, seed: int
) -> dict[str, list[Outcome]]:
    """An outcome a run of each method with features, and the prior; ready scores may know the test."""

    def outcome(method: Method, number: int) -> Outcome:
        matrix = method.features[number]
        return outcome_elsewhere(train, test, (matrix[train.rows], matrix[test.rows]), rate, seed)

    found = over_runs([method for method in methods if method.features], outcome)
    return found | {PRIOR: [prior_outcome(train, test, rate)]}


def checked_ready(method: Method, number: int, cases: Labelled) -> Floats:
    """Ready scores of the labelled tiles by one run of a method, (n,).

    Raises:
        UserError: other labels than 0 and 1, or a labelled tile without a score.
    """
    scores = method.ready[number][cases.rows]
    if not cases.binary:
        raise UserError(f"{method.name}: scores out of fold are compared for labels 0 and 1 only")
    missing = int((~np.isfinite(scores)).sum())
    if missing:
        raise UserError(f"{method.name}: {missing:,} labelled tiles have no score; score them all")
    return scores


def prior_over(cases: Labelled, splits: list[Fold], rate: float) -> Outcome:
    """The volcano prior over folds; decides for class 1 where a volcano was positive oftener than usual."""
    often = _often(cases.y, cases.groups, splits)
    return _prior(cases, volcano_prior(cases.y, cases.groups, splits), often, rate)


def prior_outcome(train: Labelled, test: Labelled, rate: float) -> Outcome:
    """The volcano prior of some tiles, on others."""
    y, names = np.concatenate([train.y, test.y]), np.concatenate([train.groups, test.groups])
    here, there = np.arange(len(train)), np.arange(len(train), len(y))
    scores = volcano_prior(y, names, [(here, there)])[there]
    return _prior(test, scores, _often(y, names, [(here, there)])[there], rate)


def restricted(outcome: Outcome, keep: NDArray[np.bool_]) -> Outcome:
    """The outcome of some of the tiles; the threshold stays that of all."""
    told, decided = outcome.probability, outcome.decided
    return Outcome(
        outcome.codes[keep],
        outcome.scores[keep],
        None if told is None else told[keep],
        None if decided is None else decided[keep],
        outcome.threshold,
    )


def alarm_threshold(cases: Labelled, scores: Floats, rate: float) -> float:
    """Score that quiet tiles pass as rarely as asked for; NaN where the quiet time is too short to tell."""
    quiet = cases.y == 0
    try:
        return QuietRecord.of(scores[quiet], cases.catalogue[quiet]).threshold(rate)
    except UserError:
        return float("nan")


def lines_of(
    cases: Labelled,
    outcomes: Mapping[str, Sequence[Outcome]],
    methods: Sequence[Method],
    *,
    part: str = "all",
    draws: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Every metric of every method, with intervals by resampling volcanoes, the same for all.

    ``value`` is the mean over a method's runs, and ``low`` and ``high`` the interval of that mean;
    ``run_spread`` is the standard deviation over runs, which the interval does not hold. ``ap_lead`` and
    ``auroc_lead`` are the first method's mean minus this one's; every line names that method, see `leader`.

    Args:
        cases: the tiles that were scored.
        outcomes: name -> an outcome a run, in the order of the tables.
        methods: for the hashes.
        part: of the protocol.
        draws: bootstrap draws.
        seed: of the draws.
    """
    facts = {method.name: method.facts() for method in methods}
    weights = resampled(cases.groups, draws, seed)
    lead = _stacked(next(iter(outcomes.values())))
    first = leader(next(iter(outcomes)), methods)
    lines: list[dict[str, Any]] = []
    for number, (name, runs) in enumerate(outcomes.items()):
        about = {"part": part, "method": name, "runs": len(runs), **facts.get(name, {}), **cases.facts()}
        about |= first
        scores = _stacked(runs)
        for metric, rank in RANKING.items():
            each = [rank(cases.codes, one) for one in scores]
            whole = bootstrap_over_runs(cases.codes, scores, cases.groups, rank, draws, seed)
            lines.append(about | number_line(metric, each, (whole.low, whole.high)))
            if number:
                ahead = bootstrap_over_runs(cases.codes, lead, cases.groups, rank, draws, seed, scores)
                lines.append(about | number_line(f"{metric}_lead", [ahead.value], (ahead.low, ahead.high)))
        if not cases.binary:
            continue
        for metric, measure in MEASURES.items():
            drawn = np.stack([over_draws(measure, run, weights) for run in runs])
            lines.append(about | number_line(metric, drawn[:, 0].tolist(), span(drawn[:, 1:].mean(axis=0))))
    return lines


def leader(first: str, methods: Sequence[Method]) -> dict[str, str]:
    """The columns that tell over which method the leads of a run of a protocol are.

    Its hashes are among them, since a later run may give the same name to something else.

    Args:
        first: name of the first method.
        methods: for the hashes; a null is not among them and has none.
    """
    hashes = [" ".join(method.hashes) for method in methods if method.name == first]
    return {"lead_over": first, "lead_over_hash": "".join(hashes)}


def number_line(metric: str, runs: Sequence[float], span: tuple[float, float]) -> dict[str, Any]:
    """The columns of one number: mean, interval, and what the runs had."""
    spread = float(np.std(runs, ddof=1)) if len(runs) > 1 else float("nan")
    return {
        "metric": metric,
        "value": float(np.mean(runs)),
        "low": span[0],
        "high": span[1],
        "run_spread": spread,
        "run_values": " ".join(f"{value:.4f}" for value in runs),
    }


def span(drawn: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """2.5 and 97.5 % of the draws that are defined; NaN where none is."""
    kept = drawn[np.isfinite(drawn)]
    return tuple(np.percentile(kept, [2.5, 97.5]).tolist()) if len(kept) else (np.nan, np.nan)


def _stacked(runs: Sequence[Outcome]) -> Floats:
    return np.stack([run.scores for run in runs])


def _outcome(cases: Labelled, held: HeldOut, rate: float) -> Outcome:
    if not cases.binary:
        return Outcome(held.codes, held.logits)
    scores = held.scores
    told = cross_calibrated(held)[:, 1]
    return Outcome(held.codes, scores, told, held.raw[:, 1] > 0.5, alarm_threshold(cases, scores, rate))


def _prior(cases: Labelled, scores: Floats, often: NDArray[np.bool_], rate: float) -> Outcome:
    if not cases.binary:
        return Outcome(cases.codes, scores)
    return Outcome(cases.codes, scores, scores, often, alarm_threshold(cases, scores, rate))


def _often(y: NDArray[Any], groups: NDArray[Any], splits: list[Fold]) -> NDArray[np.bool_]:
    """Whether a tile's volcano was positive oftener than usual in what its fold learns from, (n,).

    A volcano that training does not hold was not. No label that is scored enters.
    """
    often = np.zeros(len(y), bool)
    for train, test in splits:
        positive = pd.Series(y[train] == 1)
        share = positive.groupby(groups[train]).mean().reindex(groups[test]).to_numpy(float)
        # Means of different counts: "oftener" must not be a matter of rounding.
        often[test] = share > positive.mean() + 1e-9
    return often


def _usual(cases: Labelled, splits: list[Fold]) -> Floats:
    """Share of class 1 among the labels that each tile's fold learns from, (n,); NaN in no fold."""
    usual = np.full(len(cases), np.nan)
    for train, test in splits:
        usual[test] = np.mean(cases.y[train] == 1)
    return usual


def _ready_outcome(scores: Floats, cases: Labelled, splits: list[Fold], rate: float) -> Outcome:
    """Ready scores as if these folds had made them; what made them had not seen the tile's volcano.

    They have no decision of their own: it is for class 1 where that is likelier than among the labels of the
    other folds, which is where both classes weigh the same, as they do for the others.
    """
    fold = np.full(len(scores), -1)
    for number, (_, test) in enumerate(splits):
        fold[test] = number
    logits = both_sides(scores)
    held = HeldOut(np.array([0, 1]), logits, softmax(logits), cases.codes, cases.groups, fold, ())
    told = cross_calibrated(held)[:, 1]
    decided = told > _usual(cases, splits)
    return Outcome(cases.codes, scores, told, decided, alarm_threshold(cases, scores, rate))


def _calibration(train: Labelled, features: NDArray[Any], c: float, seed: int) -> Calibration | None:
    try:
        splits = grouped_folds(train.y, train.groups, seed=seed)
    except NotEvaluableError:
        return None
    return calibrate(held_out_scores(lambda: LinearProbe(c), features, train.y, train.groups, splits))
