"""What the protocols measure on made tiles, where it is known what they must find."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from made_cases import made_cases, made_method

from evaluation.few_shot import SHARES, SHOTS, few_shot_lines, hash_of, labels_of, part_of
from evaluation.forward_in_time import choose_day, dates_of, split_at
from evaluation.leave_one_volcano_out import MEAN, VOLCANO, by_volcano
from evaluation.methods import Method, named
from evaluation.scoring import (
    lines_of,
    outcome_elsewhere,
    outcomes_elsewhere,
    outcomes_over,
    prior_outcome,
    prior_over,
)
from ssl_insar.archive.groups import grouped_folds, leave_one_positive_group_out
from ssl_insar.classify.compare import PRIOR
from ssl_insar.classify.few_shot import draws_of
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.neighbours import Neighbours
from ssl_insar.errors import UserError

RATE = 2.0


def _value(lines, method, metric, part="all", column="value"):
    (line,) = [x for x in lines if (x["method"], x["metric"], x["part"]) == (method, metric, part)]
    return line[column]


@pytest.mark.parametrize("make", [lambda: LinearProbe(5.0), Neighbours], ids=["probe", "knn"])
def test_features_that_tell_are_told_from_shuffled_labels(make) -> None:
    cases = made_cases()
    splits = grouped_folds(cases.y, cases.groups)
    methods = [made_method(cases, signal=3, runs=2), made_method(cases, "nothing", 0)]
    lines = lines_of(cases, outcomes_over(cases, methods, splits, make, RATE), methods, draws=100)
    assert _value(lines, "ours", "auroc") > 0.9
    assert _value(lines, "ours", "recall_at_false_alarms") > 0.4
    assert _value(lines, "ours", "ece") < 0.15
    assert _value(lines, "nothing", "auroc_lead", column="low") > 0
    assert _value(lines, PRIOR, "auroc") == 0.5
    assert _value(lines, PRIOR, "mcc") == 0
    assert _value(lines, "ours", "ap", column="runs") == 2
    assert _value(lines, "ours", "ap", column="run_spread") > 0
    assert np.isnan(_value(lines, "nothing", "ap", column="run_spread"))

    shuffled = dataclasses.replace(cases, y=np.random.default_rng(1).permutation(cases.y))
    splits = grouped_folds(shuffled.y, shuffled.groups)
    found = outcomes_over(shuffled, methods, splits, make, RATE)
    lines = lines_of(shuffled, found, methods, draws=200)
    for metric, chance in (("auroc", 0.5), ("ap", 0.25), ("partial_auroc", 0.5), ("mcc", 0.0)):
        low, high = (_value(lines, "ours", metric, column=end) for end in ("low", "high"))
        assert low <= chance <= high + 0.02, metric


def test_ready_scores_stand_beside_features() -> None:
    cases = made_cases()
    splits = grouped_folds(cases.y, cases.groups)
    ready = Method("supervised", ready=(made_method(cases, signal=4).features[0][:, 0].astype(float),))
    methods = [made_method(cases), ready]
    lines = lines_of(
        cases, outcomes_over(cases, methods, splits, lambda: LinearProbe(5.0), RATE), methods, draws=50
    )
    assert _value(lines, "supervised", "auroc") > 0.97
    assert _value(lines, "supervised", "balanced_accuracy") > 0.9
    gaps = Method("supervised", ready=(np.full(len(cases), np.nan),))
    with pytest.raises(UserError, match="192 labelled tiles have no score"):
        outcomes_over(cases, [gaps], splits, LinearProbe, RATE)
    gaps.ready[0][1:] = 0.5
    with pytest.raises(UserError, match="supervised: 1 labelled tiles have no score"):
        few_shot_lines(cases, draws_of(cases.y, cases.groups, 20, 2), [gaps], 0)


def test_the_labels_that_are_scored_decide_nothing() -> None:
    cases = made_cases()
    splits = grouped_folds(cases.y, cases.groups)
    ready = Method("supervised", ready=(made_method(cases, signal=1).features[0][:, 0].astype(float),))
    by_turns = [(np.flatnonzero(cases.rows % 3 != n), np.flatnonzero(cases.rows % 3 == n)) for n in range(3)]
    for test, decide in (
        (splits[0][1], lambda c: outcomes_over(c, [ready], splits, LinearProbe, RATE)["supervised"][0]),
        (by_turns[0][1], lambda c: prior_over(c, by_turns, RATE)),
    ):
        changed = cases.y.copy()
        changed[test] = 1
        other = decide(dataclasses.replace(cases, y=changed))
        np.testing.assert_array_equal(decide(cases).decided[test], other.decided[test])
    later = cases.only(cases.rows % 3 == 0)
    most = dataclasses.replace(later, y=(np.arange(len(later)) > 0).astype(np.int64))
    earlier = cases.only(cases.rows % 3 != 0)
    plain, other = (prior_outcome(earlier, test, RATE) for test in (later, most))
    np.testing.assert_array_equal(plain.decided, other.decided)
    assert plain.decided.any()


def test_each_volcano_has_a_line_and_the_worst_is_the_one_that_is_hidden() -> None:
    cases = made_cases()
    method = made_method(cases, signal=4)
    method.features[0][(cases.groups == "v03") & (cases.y == 1), 0] -= 6
    splits = leave_one_positive_group_out(cases.y, cases.groups)
    found = outcomes_over(cases, [method], splits, lambda: LinearProbe(5.0), RATE)
    lines = [x for x in by_volcano(cases, found, splits, 100, 0) if x["method"] == "ours"]
    each = {x["part"]: x["value"] for x in lines if x["part"] != MEAN}
    assert sorted(each) == [f"{VOLCANO}v{n:02d}" for n in range(8)]
    assert min(each, key=each.__getitem__) == f"{VOLCANO}v03"
    assert {x["positives"] for x in lines if x["part"] != MEAN} == {6}
    mean = lines[-1]
    assert mean["value"] == pytest.approx(np.mean(list(each.values())))
    assert mean["low"] < mean["value"] < mean["high"]


def test_the_labels_of_a_draw_are_nested_and_the_same_for_all() -> None:
    cases = made_cases()
    for draw in draws_of(cases.y, cases.groups, 20):
        rows = labels_of(draw)
        for unit, numbers in (("a class", SHOTS), ("%", SHARES)):
            sets = [set(r.tolist()) for n in numbers if (r := rows[part_of(n, unit)]) is not None]
            assert all(few < more for few, more in pairwise(sets))
            assert all(not s & set(draw.query.tolist()) for s in sets)
        assert set(rows["100 %"].tolist()) == set(draw.support.tolist())
        assert {len(np.unique(cases.y[r])) for r in rows.values() if r is not None} == {2}


def test_few_shot_compares_draw_by_draw(monkeypatch) -> None:
    monkeypatch.setattr("evaluation.few_shot.SHARES", (100,))  # quick
    cases = made_cases()
    draws = draws_of(cases.y, cases.groups, 20, 2)
    ready = Method("supervised", ready=(cases.y + 0.0,))
    twin = made_method(cases, "twin", 3)
    methods = [made_method(cases, signal=3), twin, made_method(cases, "no", 0), ready]
    lines = few_shot_lines(cases, draws, methods, 0)
    for part in ("5 a class", "100 %"):
        # The same features on the same draws: every difference is nothing.
        assert _value(lines, "twin", "auroc_lead", part) == 0
        assert _value(lines, "twin", "auroc_lead", part, "high") == 0
        assert _value(lines, "no", "auroc_lead", part) > 0.2
        assert _value(lines, PRIOR, "auroc", part) == 0.5
    assert _value(lines, "ours", "auroc", "100 %") > _value(lines, "ours", "auroc", "1 a class")
    assert [x["part"] for x in lines if (x["method"], x["metric"]) == ("supervised", "auroc")] == ["100 %"]
    own = {x["method"]: x for x in lines if (x["metric"], x["part"]) == ("auroc", "100 %")}
    drawn = [float(value) for value in own["ours"]["draw_values"].split()]
    assert len(drawn) == 2
    assert np.mean(drawn) == pytest.approx(own["ours"]["value"], abs=1e-6)
    assert {line["draws_hash"] for line in own.values()} == {hash_of(cases, draws)}
    assert hash_of(cases, draws_of(cases.y, cases.groups, 20, 2, 1)) != hash_of(cases, draws)
    assert {(x["lead_over"], x["lead_over_hash"]) for x in lines} == {("ours", "ours0")}
    assert "50 a class" not in {x["part"] for x in lines}  # no half holds so many


def test_forward_in_time_shares_no_acquisition() -> None:
    cases = made_cases()
    day = choose_day(cases)
    train, test = split_at(cases, day)
    assert len(train) + len(test) <= len(cases)
    assert 0.2 < len(test) / len(cases) < 0.4
    assert dates_of(train).max() < day <= dates_of(test).min()
    assert not set(dates_of(train).ravel()) & set(dates_of(test).ravel())
    method = made_method(cases, signal=3)
    found = outcomes_elsewhere(train, test, [method], RATE, 0)
    lines = lines_of(test, found, [method], draws=50)
    assert _value(lines, "ours", "auroc") > 0.9
    assert _value(lines, PRIOR, "auroc") > 0.7  # the same volcanoes deform again
    with pytest.raises(UserError, match="a class is missing before the day"):
        split_at(cases, int(dates_of(cases).min()))


def test_a_probe_elsewhere_learns_nothing_of_the_test() -> None:
    train, test = made_cases(), made_cases("there", "w")
    x = made_method(train, signal=3).features[0], made_method(test, signal=3).features[0]
    outcome = outcome_elsewhere(train, test, x, RATE, 0)
    flipped = dataclasses.replace(test, y=1 - test.y)
    other = outcome_elsewhere(train, flipped, x, RATE, 0)
    np.testing.assert_array_equal(outcome.scores, other.scores)
    np.testing.assert_array_equal(outcome.probability, other.probability)
    lines = lines_of(test, {"ours": [outcome]}, [], draws=50)
    assert _value(lines, "ours", "auroc") > 0.9
    assert _value(lines, "ours", "ece") < 0.15
    one = train.only(~((train.y == 1) & (train.groups != "v00")))
    alone = outcome_elsewhere(one, test, (x[0][one.rows], x[1]), RATE, 0)
    assert alone.probability is not None
    assert np.isnan(alone.probability).all()  # one volcano cannot calibrate


def test_names_of_methods_and_seeds() -> None:
    found = named(["runs/a", "ours=b,c", "ours=d"], "encoder")
    assert {name: [str(p) for p in places] for name, places in found.items()} == {
        "encoder": ["runs/a"],
        "ours": ["b", "c", "d"],
    }
    for wrong, said in (
        (["=a"], "write NAME=FOLDER"),
        (["a="], "write NAME=FOLDER"),
        (["x=a,a"], "given twice"),
    ):
        with pytest.raises(UserError, match=said):
            named(wrong, "encoder")
