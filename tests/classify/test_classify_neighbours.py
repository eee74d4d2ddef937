"""The vote of neighbours: against scikit-learn, no own volcano, no volcano with more than its say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier

from ssl_insar.classify import Neighbours
from ssl_insar.classify.metrics import auroc
from ssl_insar.classify.neighbours import FALLBACK_K, K_GRID


@pytest.mark.parametrize("classes", [2, 3])
def test_plain_votes_are_those_of_scikit_learn(classes) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 6)), rng.integers(0, classes, 200)
    query = rng.normal(size=(50, 6))
    centre = x.mean(axis=0)
    theirs = KNeighborsClassifier(
        15, metric="cosine", algorithm="brute", weights=lambda d: np.exp(-d / 0.1)
    ).fit(x - centre, y)
    ours = Neighbours(15, 0.1, per_group=None, balanced=False, smoothing=0).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(query), theirs.predict_proba(query - centre), atol=1e-5)


def test_a_volcano_votes_with_no_more_tiles_than_it_may() -> None:
    # Five tiles of one volcano lie nearest; one each of two others, of the other class, follow.
    angle = np.deg2rad([1, 2, 3, 4, 5, 20, 21, 180, 181])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    y, groups = [0, 0, 0, 0, 0, 1, 1, 0, 0], ["a"] * 5 + ["b", "c", "d", "d"]

    def vote(per_group: int | None) -> float:
        model = Neighbours(3, 1e6, per_group, balanced=False, smoothing=0)
        model.fit(x, y, groups, population=np.concatenate([x, -x]))
        return float(model.predict_proba([[1.0, 0.0]])[0, 1])

    assert vote(None) == pytest.approx(0)
    assert vote(1) == pytest.approx(2 / 3, abs=1e-5)
    assert vote(2) == pytest.approx(1 / 3, abs=1e-5)


def test_neighbours_of_the_own_volcano_do_not_vote(world) -> None:
    model = Neighbours(5, smoothing=0, per_group=None, balanced=False).fit(
        world.features, np.unique(world.groups, return_inverse=True)[1], world.groups
    )
    codes = np.unique(world.groups, return_inverse=True)[1]
    own = np.arange(600), codes
    assert np.exp(model.decision_function(world.features))[own].mean() > 0.9
    assert (np.exp(model.decision_function(world.features, world.groups))[own] <= 1.001e-12).all()


def test_what_is_not_sorted_does_not_count(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 3)), rng.integers(0, 2, 300)
    x[100:200] = x[:100]  # ties
    # Half of the tiles are of one volcano, which may vote with five: most rows need more than the first few.
    groups = np.where(np.arange(300) < 150, "big", np.arange(300) % 20)
    x[groups == "big", 0] += 3

    def votes() -> tuple[np.ndarray, np.ndarray]:
        model = Neighbours(8).fit(x, y, groups)
        return model.decision_function(x), model.decision_function(x, groups)

    few = votes()
    monkeypatch.setattr("ssl_insar.classify.neighbours._BEGIN", 300)
    for one, other in zip(few, votes(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_votes_weigh_by_class_and_are_smoothed() -> None:
    x = np.array([[1.0, 0.001 * i] for i in range(10)])
    y = [0] * 8 + [1] * 2
    settings = {"k": 10, "temperature": 1e6, "per_group": None}
    around = np.concatenate([x, -x])

    def positive(**more) -> float:
        model = Neighbours(**settings, **more).fit(x, y, population=around)
        return float(model.predict_proba([[1.0, 0.0]])[0, 1])

    assert positive(balanced=False, smoothing=0) == pytest.approx(0.2, abs=1e-5)
    assert positive(balanced=True, smoothing=0) == pytest.approx(0.5, abs=1e-5)
    assert positive(balanced=False, smoothing=2) == pytest.approx(3 / 12, abs=1e-5)


def test_k_is_chosen_without_the_own_volcano(world) -> None:
    assert Neighbours().fit(world.features, world.y, world.groups).k_ in K_GRID
    alone = (world.groups == "volcano_03").astype(int)
    assert Neighbours().fit(world.features, alone, world.groups).k_ == FALLBACK_K
    assert Neighbours().fit(world.features[:2], [0, 1]).k_ <= 2
    assert Neighbours(7).fit(world.features, world.y).k_ == 7


def test_unseen_volcanoes_are_told_and_shuffled_labels_are_chance(world) -> None:
    other = np.isin(world.groups, [f"volcano_{i:02d}" for i in (0, 1, 2, 3, 8, 9, 10, 11, 12, 13)])
    x = world.features.copy()
    x[:, 0] += 8 * world.y
    area = []
    for y in (world.y, np.random.default_rng(0).permutation(world.y)):
        model = Neighbours().fit(x[~other], y[~other], world.groups[~other])
        area.append(auroc(y[other], model.scores(x[other])))
    assert area[0] > 0.9
    assert area[1] == pytest.approx(0.5, abs=0.1)


def test_saved_and_cloned(tmp_path, world) -> None:
    model = Neighbours(per_group=None, smoothing=0.5).fit(world.embeddings(), world.y)
    model.save(tmp_path / "clf")
    again = Neighbours.load(tmp_path / "clf")
    np.testing.assert_array_equal(again.predict_proba(world.features), model.predict_proba(world.features))
    assert again.k_ == model.k_
    assert clone(model).get_params()["smoothing"] == 0.5
    with pytest.raises(ValueError, match="k and per_group"):
        Neighbours(0)
    with pytest.raises(ValueError, match="temperature"):
        Neighbours(temperature=0)
