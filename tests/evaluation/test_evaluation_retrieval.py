"""What a search is scored by, where it is known what it must find."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_cases import made_cases, made_method
from sklearn.metrics import average_precision_score

from evaluation import records
from evaluation.results import page
from evaluation.retrieval import ALL, PARAMETER, PLACE, RANDOM_ORDER, by_kind, retrieval_lines
from evaluation.retrieval_measures import chance_scores, macro_mean, ranking_scores, weighted_median
from evaluation.retrieval_tiles import KIND, SOURCES, Tiles, parameter_errors
from ssl_insar.errors import UserError


def test_average_precision_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    cosines, relevant, allowed = (
        rng.normal(size=(9, 50)),
        rng.random((9, 50)) < 0.2,
        rng.random((9, 50)) < 0.7,
    )
    average, precision = ranking_scores(cosines, relevant, allowed, 10)
    for row in range(9):
        free = allowed[row]
        truth = relevant[row][free]
        assert average[row] == pytest.approx(average_precision_score(truth, cosines[row][free]))
        assert precision[row] == truth[np.argsort(-cosines[row][free])[:10]].mean()
    none = ranking_scores(cosines[:1], np.zeros((1, 50), bool), allowed[:1], 10)
    assert np.isnan(none).all()


def test_chance_is_the_mean_over_random_orders() -> None:
    rng = np.random.default_rng(1)
    relevant, allowed = (np.arange(30) < 4)[None], (np.arange(30) % 5 > 0)[None]
    drawn = [ranking_scores(rng.normal(size=(1, 30)), relevant, allowed, 5) for _ in range(4000)]
    expected = np.array(chance_scores(relevant, allowed))[:, 0]
    np.testing.assert_allclose(np.mean(drawn, axis=0)[:, 0], expected, atol=0.01)


def test_weighted_measures() -> None:
    weights = np.array([[1.0, 1, 1, 1], [0, 0, 3, 1], [0, 0, 0, 0]])
    values = np.array([1.0, 3, 5, np.nan])
    np.testing.assert_allclose(weighted_median(values, weights), [3, 5, np.nan])
    np.testing.assert_allclose(macro_mean(values, weights, np.array(list("aabb"))), [3.5, 5, np.nan])


def test_strikes_are_half_a_turn_apart_at_most() -> None:
    assert parameter_errors("strike", np.array([[350.0]]), np.array([[10.0, 100, 170, 350]])).tolist() == [
        [20, 70, 0, 0]
    ]
    assert parameter_errors("depth", np.array([[1.0]]), np.array([[3.0]])) == 2


def _value(lines, method, metric, part=ALL):
    (line,) = [x for x in lines if (x["method"], x["metric"], x["part"]) == (method, metric, part)]
    return line["value"]


def test_features_that_tell_find_the_like_elsewhere(tmp_path) -> None:
    cases = made_cases()
    methods = [made_method(cases, signal=6, runs=2), made_method(cases, "nothing", 0)]
    lines = retrieval_lines(cases, methods, draws=50)
    chance = _value(lines, RANDOM_ORDER, "precision_at_10")
    assert chance == pytest.approx(42 / 180)  # 48 deform; 180 of 192 tiles are elsewhere, 42 of them
    assert _value(lines, "ours", "map") > 0.8
    assert _value(lines, "ours", "precision_at_10") > 0.8
    assert _value(lines, "nothing", "map") == pytest.approx(_value(lines, RANDOM_ORDER, "map"), abs=0.1)
    assert _value(lines, "nothing", "map_lead") == pytest.approx(
        _value(lines, "ours", "map") - _value(lines, "nothing", "map")
    )
    assert _value(lines, RANDOM_ORDER, "same_volcano", PLACE) == pytest.approx(11 / 191)

    records.append([{"protocol": "retrieval", "archive_digest": "abc", "test_digest": "", "seed": 0} | line
                    for line in lines], tmp_path)  # fmt: skip
    text = page(records.read(tmp_path), tmp_path / "RESULTS.md")
    assert "## Retrieval" in text
    assert "| ours | 0." in text
    assert "times that of the best other method, nothing" in text


def test_place_is_told_before_exclusion() -> None:
    cases = made_cases()
    place = made_method(cases, "place", 0)
    place.features[0][:] = np.eye(16, 6, dtype=np.float32)[np.unique(cases.groups, return_inverse=True)[1]]
    lines = retrieval_lines(cases, [place], draws=10)
    # Six of the sixteen volcanoes are told apart, eleven others each, the rest all look alike.
    assert _value(lines, "place", "same_volcano", PLACE) > 0.3
    assert (~Tiles(cases).allowed(np.array([0]))[0]).sum() == 12


def test_kinds_and_parameters_of_simulated_tiles() -> None:
    cases = made_cases()
    rng = np.random.default_rng(2)
    depth = 10 ** rng.uniform(3, 4, len(cases))
    kind = np.where(cases.y == 1, np.where(rng.random(len(cases)) < 0.5, "mogi", "dyke"), "none")
    facts = [
        [{"kind": k, "share": -0.5, "negative": False,
          "parameters": {"depth": d, "volume_change": -2e6} if k == "mogi"
          else {"depth": d, "opening": 1.0, "length": 2e3, "width": 1e3, "strike": 30.0, "dip": 80.0}}]
        if k != "none" else []
        for k, d in zip(kind, depth, strict=True)
    ]  # fmt: skip
    cases.catalogue[KIND], cases.catalogue[SOURCES] = kind, [json.dumps(each) for each in facts]
    told = by_kind(cases)
    assert told.target == "kind of source"
    tiles = Tiles(told)
    deforms = kind != "none"
    np.testing.assert_array_equal(tiles.queries, np.flatnonzero(deforms))
    np.testing.assert_allclose(tiles.parameters["volume"][deforms], np.log(1e6))
    assert tiles.parameters["strike"].notna().sum() == (kind == "dyke").sum()

    method = made_method(cases, signal=0)
    angle = np.log(depth) / np.log(10)
    method.features[0][:, :] = 0
    method.features[0][:, 0], method.features[0][:, 1] = np.cos(angle), np.sin(angle)
    lines = retrieval_lines(told, [method], draws=10)
    assert _value(lines, "ours", "depth", PARAMETER) < 0.5 * _value(lines, RANDOM_ORDER, "depth", PARAMETER)
    assert _value(lines, "ours", "volume", PARAMETER) == pytest.approx(0, abs=1e-9)
    assert {line["part"] for line in lines} == {ALL, "mogi", "dyke", PLACE, PARAMETER}


def test_one_volcano_cannot_answer_itself() -> None:
    cases = made_cases()
    alone = cases.only((cases.y == 0) | (cases.groups == "v00"))
    with pytest.raises(UserError, match="two volcanoes or more"):
        retrieval_lines(alone, [made_method(cases)], draws=2)
