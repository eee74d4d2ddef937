"""Out-of-fold scores, and planted leaks that must be refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ssl_insar.archive.groups import grouped_folds
from ssl_insar.classify import LeakError, LinearProbe, Neighbours, Prototypes, grouped_scores, held_out_scores
from ssl_insar.classify.metrics import auroc
from ssl_insar.classify.nulls import splits_by_file

MAKERS = [lambda: LinearProbe(c=1.0), Prototypes, lambda: Prototypes("mahalanobis"), lambda: Neighbours(10)]


def test_scores_are_those_of_the_report(world) -> None:
    x, y, groups = world.features[:300], world.y[:300], world.groups[:300]
    held = held_out_scores(LinearProbe, x, y, groups, grouped_folds(y, groups, 3))
    np.testing.assert_allclose(held.scores, grouped_scores(x, y, groups, 3), atol=1e-9)
    np.testing.assert_allclose(held.raw.sum(axis=1), 1)
    for others, own in held.parts():
        assert not set(groups[others]) & set(groups[own])


@pytest.mark.parametrize("make", MAKERS)
def test_shuffled_labels_score_chance(world, make) -> None:
    areas = []
    for seed in range(6):
        y = np.random.default_rng(seed).permutation(world.y)
        held = held_out_scores(make, world.features, y, world.groups, grouped_folds(y, world.groups))
        areas.append(auroc(y, held.scores))
    assert np.mean(areas) == pytest.approx(0.5, abs=0.07)


def test_a_volcano_on_both_sides_is_refused_by_name(world) -> None:
    with pytest.raises(LeakError, match=r"leak: volcano volcano_0\d is learned from and scored"):
        held_out_scores(
            Prototypes, world.features, world.y, world.groups, splits_by_file(world.y, np.arange(600))
        )
    splits = grouped_folds(world.y, world.groups)
    train, test = splits[2]
    splits[2] = (np.append(train, test[0]), test)
    with pytest.raises(LeakError, match=f"volcano {world.groups[test[0]]} "):
        held_out_scores(Prototypes, world.features, world.y, world.groups, splits)


def test_a_copied_tile_on_both_sides_is_refused_by_id(world) -> None:
    splits = grouped_folds(world.y, world.groups)
    content = np.array([f"hash{i}" for i in range(600)], object)
    content[:3] = None  # unknown is no copy of unknown
    content[-2:] = None
    catalogue = world.catalogue.assign(content=content)
    held_out_scores(Prototypes, world.features, world.y, world.groups, splits, catalogue=catalogue)
    train, test = splits[0]
    content[train[5]] = content[test[7]] = "same"
    with pytest.raises(LeakError, match=r"leak: copied tile volcano_\d+_\d+_r0_c0 "):
        held_out_scores(
            Prototypes,
            world.features,
            world.y,
            world.groups,
            splits,
            catalogue=catalogue.assign(content=content),
        )


def test_scores_of_a_classifier_that_knew_the_volcano_cannot_be_passed_off(world) -> None:
    splits = grouped_folds(world.y, world.groups)
    held = held_out_scores(Prototypes, world.features, world.y, world.groups, splits)
    knew = (frozenset(world.groups.tolist()), *held.learned_from[1:])
    with pytest.raises(LeakError, match="volcano"):
        replace(held, learned_from=knew)
    with pytest.raises(ValueError, match="scored by no fold"):
        held_out_scores(Prototypes, world.features, world.y, world.groups, splits[1:])
