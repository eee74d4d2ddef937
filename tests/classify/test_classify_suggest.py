"""What to label next: diverse, uncertain, and better than chance where it should be."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from ssl_insar.classify import LinearProbe, Prototypes
from ssl_insar.classify.suggest import FEW, STRATEGIES, gain_over_random, simulate, suggest


def clusters(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """One large cluster and five small ones far from it and from each other."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(6), [200, 4, 4, 4, 4, 4])
    return 20 * np.eye(6)[member] + rng.normal(size=(220, 6)), member


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_are_distinct_and_repeat_with_the_seed(strategy) -> None:
    x, _ = clusters()
    told = np.full((220, 2), 0.5)
    chosen = suggest(x, 30, None, told, strategy, seed=3)
    assert len(set(chosen.tolist())) == 30
    assert chosen.tolist() == suggest(x, 30, None, told, strategy, seed=3).tolist()
    assert sorted(suggest(x, 999, None, told, strategy)) == list(range(220))
    assert len(suggest(x[:0], 5, None, told[:0], strategy)) == 0
    assert sorted(suggest(np.ones((4, 2)), 4, None, np.full((4, 2), 0.5), strategy)) == [0, 1, 2, 3]


def test_k_center_visits_every_cluster_that_has_no_label() -> None:
    x, member = clusters()
    assert sorted(member[suggest(x, 6, strategy="k-center")]) == [0, 1, 2, 3, 4, 5]
    known = x[np.isin(member, [0, 2])]
    free = ~np.isin(member, [0, 2])
    assert sorted(member[free][suggest(x[free], 4, known, strategy="k-center")]) == [1, 3, 4, 5]


def test_uncertain_takes_the_smallest_margins() -> None:
    told = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.45, 0.55]])
    assert suggest(np.zeros((4, 2)), 3, None, told, "uncertain").tolist() == [1, 3, 2]
    with pytest.raises(ValueError, match="needs the probabilities"):
        suggest(np.zeros((4, 2)), 3, strategy="uncertain")


def test_badge_is_diverse_and_leaves_out_what_is_certain() -> None:
    x, member = clusters()
    positive = np.where(np.isin(member, [1, 2, 3]), 0.5, 0.999)
    told = np.stack([1 - positive, positive], axis=1)
    hits = [set(member[suggest(x, 4, None, told, "badge", seed)]) for seed in range(20)]
    assert np.mean([{1, 2, 3} <= hit for hit in hits]) > 0.9


@pytest.mark.parametrize("strategy", ["spread", "badge"])
def test_a_direction_that_all_tiles_share_changes_nothing(strategy) -> None:
    x, _ = clusters()
    told = np.random.default_rng(1).dirichlet([1, 1], len(x))
    plain, moved = (suggest(features, 20, None, told, strategy) for features in (x, x + 1000))
    assert plain.tolist() == moved.tolist()


def test_spread_goes_where_no_label_is_and_repeats_the_dense_places() -> None:
    rng = np.random.default_rng(0)
    # Seen from their mean, the directions of four places; two are labelled, one holds most tiles.
    member = np.repeat([0, 1, 2, 3], [50, 50, 120, 40])
    corners = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    x = 10 * corners[member] + rng.normal(size=(len(member), 2))
    known = np.flatnonzero(member < 2)[::5]
    drawn = [member[suggest(x, 2, x[known], strategy="spread", seed=seed)] for seed in range(60)]
    assert np.mean([set(places) == {2, 3} for places in drawn]) > 0.8
    first = [places[0] for places in drawn]
    assert first.count(2) > first.count(3) > 0


def test_auto_is_spread_until_the_rarest_class_has_a_few_labels() -> None:
    x, _ = clusters()
    told, known = np.random.default_rng(1).dirichlet([1, 1], len(x)), x[:20]

    def chosen(strategy, labels=None, told=told):
        return suggest(x, 10, known, told, strategy, 4, labels).tolist()

    few, enough = ([1] * count + [0] * (20 - count) for count in (FEW - 1, FEW))
    assert chosen("auto", few) == chosen("auto") == chosen("auto", enough, None) == chosen("spread")
    assert chosen("auto", enough) == chosen("badge") != chosen("spread")


def test_simulated_labelling_beats_random_where_positives_are_rare_and_far(world) -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([f"v{i:02d}" for i in range(20)], 20)
    y = (rng.random(400) < 0.05).astype(int)
    x = rng.normal(size=(400, 5)) + 6 * y[:, None] * np.eye(5)[rng.integers(0, 5, 400)]
    table = simulate(x, y, groups, partial(LinearProbe, 1.0), step=10, rounds=2, draws=5)
    assert set(table["strategy"]) == set(STRATEGIES)
    first = table[table["labels"] == 2].pivot(index="draw", columns="strategy", values="auroc")
    assert (first.nunique(axis=1) == 1).all()  # all begin alike
    told = gain_over_random(table).set_index(["strategy", "labels"])
    assert told.loc[("random", 22), "gain"] == 0
    assert told.loc[("k-center", 22), "rarest"] > told.loc[("random", 22), "rarest"] + 1
    assert told.loc[("badge", 22), "gain"] > 0


def test_simulated_labels_come_from_other_volcanoes_than_the_scores(world, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(
        Prototypes,
        "fit",
        lambda self, x, y, groups, around, plain=Prototypes.fit: (
            seen.append(set(groups)) or plain(self, x, y, groups, around)
        ),
    )
    scored = []
    monkeypatch.setattr(
        Prototypes, "scores", lambda self, x, plain=Prototypes.scores: scored.append(x) or plain(self, x)
    )
    simulate(world.features, world.y, world.groups, strategies=["random"], rounds=1, draws=1)
    place = {row.tobytes(): name for row, name in zip(world.features, world.groups, strict=True)}
    assert not seen[-1] & {place[row.tobytes()] for row in scored[-1]}
