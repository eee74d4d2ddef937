from __future__ import annotations

import numpy as np
import pytest

from ssl_insar.archive.groups import NotEvaluableError, grouped_folds
from ssl_insar.classify import cross_validation as cv
from ssl_insar.classify.cross_validation import Population, evaluate, grouped_scores, scores_over
from ssl_insar.classify.linear_probe import LinearProbe, spread_units
from ssl_insar.classify.metrics import auroc
from ssl_insar.classify.nulls import splits_by_file


def test_a_probe_never_sees_a_volcano_that_it_scores(world, monkeypatch) -> None:
    """Each row carries its volcano's number as a feature, so the probes can be caught at it."""
    place = np.unique(world.groups, return_inverse=True)[1]
    tagged = np.concatenate([world.features, place[:, None].astype(np.float32)], axis=1)
    trained: list[set[int]] = []
    fitted: list[set[int]] = []
    pairs: list[tuple[set[int], set[int]]] = []

    class Spy(LinearProbe):
        def fit(self, X, y, groups=None, population=None):
            around = set(population[:, -1].astype(int)) if population is not None else set()
            trained.append(set(X[:, -1].astype(int)))
            fitted.append(trained[-1] | around)
            return super().fit(X, y, groups, population)

        def decision_function(self, X):
            scored = set(X[:, -1].astype(int))
            if scored != trained[-1]:  # its own training rows give the units
                pairs.append((fitted[-1], scored))
            return super().decision_function(X)

    monkeypatch.setattr(cv, "LinearProbe", Spy)
    grouped_scores(tagged, world.y, world.groups, population=Population(tagged, world.groups))
    assert len(pairs) == 5
    assert all(not seen & scored for seen, scored in pairs)
    assert set().union(*(scored for _, scored in pairs)) == set(range(24))


def test_knowing_the_place_does_not_help_at_a_new_place() -> None:
    """A planted leak: features that name the volcano and nothing else, at volcanoes all or none positive."""
    groups = np.repeat(np.arange(40), 15)
    y = (groups < 10).astype(int)
    names = np.eye(40, dtype=np.float32)[groups]
    leaky = scores_over(names, y, np.arange(600), splits_by_file(y, np.arange(600)))
    honest = grouped_scores(names, y, groups)
    assert auroc(y, leaky) > 0.99
    assert auroc(y, honest) < 0.65


def test_a_real_signal_is_found_at_new_volcanoes(world) -> None:
    report = evaluate(world.y, grouped_scores(world.features, world.y, world.groups), world.groups)
    assert report.auroc.low > 0.55
    assert report.average_precision.low > report.prevalence


def test_shuffled_labels_score_chance(world) -> None:
    results = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        y = rng.permutation(world.y)
        results.append(auroc(y, grouped_scores(world.features, y, world.groups, seed=seed)))
    assert abs(np.mean(results) - 0.5) < 0.04


def test_scores_are_reproducible_and_the_seed_moves_the_folds(world) -> None:
    first = grouped_scores(world.features, world.y, world.groups, seed=1)
    np.testing.assert_array_equal(first, grouped_scores(world.features, world.y, world.groups, seed=1))
    assert not np.array_equal(first, grouped_scores(world.features, world.y, world.groups, seed=2))
    assert np.isfinite(first).all()


def test_one_positive_volcano_is_refused(world) -> None:
    y = (world.groups == "volcano_03").astype(int)
    with pytest.raises(NotEvaluableError, match=r"class '1' occurs at one volcano only \(volcano_03\)"):
        grouped_scores(world.features, y, world.groups)


def test_population_leaves_out_the_scored_volcanoes() -> None:
    population = Population(np.arange(6)[:, None], np.array(["a", "a", "b", "b", "c", "c"]))
    assert population.outside(np.array(["a", "c"])).ravel().tolist() == [2, 3]


def test_the_report_counts_by_volcano(world) -> None:
    scores = grouped_scores(world.features, world.y, world.groups)
    report = evaluate(world.y, scores, world.groups)
    table = report.table.set_index("volcano")
    assert (report.tiles, report.volcanoes, report.positives) == (600, 24, int(world.y.sum()))
    assert report.prevalence == pytest.approx(world.y.mean())
    assert report.table["positives"].is_monotonic_decreasing
    assert table["tiles"].sum() == 600
    assert table["average_precision"].notna().sum() == 8
    here = world.groups == "volcano_02"
    assert table.loc["volcano_02", "mean_score"] == pytest.approx(scores[here].mean())
    assert table.loc["volcano_02", "positives"] == world.y[here].sum()


def test_several_named_classes(world) -> None:
    rng = np.random.default_rng(0)
    y = np.array(["none", "dyke", "sill"])[np.where(world.y == 1, rng.integers(1, 3, 600), 0)]
    features = world.features.copy()
    features[:, 1] += 3 * (y == "dyke")
    features[:, 2] += 3 * (y == "sill")
    scores = grouped_scores(features, y, world.groups)
    report = evaluate(y, scores, world.groups, draws=100)
    assert scores.shape == (600, 3)
    assert report.auroc.value > 0.7
    assert report.prevalence == pytest.approx(1 / 3)
    assert report.positives == world.y.sum()
    assert sum(report.counts.values()) == 600


def test_the_folds_of_the_report_are_stratified(world) -> None:
    rates = [world.y[test].mean() for _, test in grouped_folds(world.y, world.groups, 4)]
    assert max(rates) < 2.5 * min(rates)


def test_two_named_classes_are_scored_one_against_the_other(world) -> None:
    y = np.where(world.y == 1, "deforms", "quiet")
    named = grouped_scores(world.features, y, world.groups)
    plain = grouped_scores(world.features, world.y, world.groups)
    assert named.shape == (600, 2)
    np.testing.assert_array_equal(named[:, 0], -named[:, 1])
    report = evaluate(y, named, world.groups, draws=50)
    assert report.auroc.value == pytest.approx(auroc(world.y, named[:, 0]))
    assert report.auroc.value == pytest.approx(auroc(world.y, plain), abs=0.05)


def test_scores_of_folds_on_different_scales_can_be_ranked_together() -> None:
    """One fold's log-odds a thousand times another's, and shifted: neither may decide the ranking."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    signal = y + rng.normal(size=400)
    fold = rng.integers(0, 2, 400)
    odds = np.where(fold == 0, signal * 1e-3, signal * 1e3 + 3000)
    units = np.empty(400)
    for i in (0, 1):
        units[fold == i] = spread_units(odds[fold == i], odds[fold == i])
    assert auroc(y, odds) < 0.7
    assert auroc(y, units) == pytest.approx(auroc(y, signal), abs=0.01)
    assert spread_units(np.ones((3, 2)), np.ones((5, 2))).tolist() == [[0, 0]] * 3
