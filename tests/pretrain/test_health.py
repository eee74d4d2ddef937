from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from ssl_insar.pretrain.health import alignment, collapse, feature_std, knn_scores, rank_me, uniformity


def test_std_and_rank_of_known_clouds() -> None:
    rng = np.random.default_rng(0)
    isotropic = rng.normal(size=(4000, 16)).astype(np.float32)
    assert feature_std(isotropic) == pytest.approx(1, abs=0.02)
    assert rank_me(isotropic) == pytest.approx(16, abs=0.1)
    collapsed = np.ones((100, 16), np.float32) + 1e-4 * rng.normal(size=(100, 16)).astype(np.float32)
    assert feature_std(collapsed) < 0.01
    assert rank_me(collapsed) < 1.2
    plane = isotropic[:, :2] @ rng.normal(size=(2, 16)).astype(np.float32)
    assert 1.5 < rank_me(plane) <= 2.01


def test_knn_never_asks_the_own_volcano() -> None:
    # Each volcano is a tight cluster; only within it do labels agree.
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 12))
    features = np.repeat(centres, 10, 0) + 0.01 * rng.normal(size=(80, 12))
    groups = np.repeat([f"v{i}" for i in range(8)], 10)
    positive = np.repeat(np.arange(8) < 1, 10)
    scores = knn_scores(features.astype(np.float32), positive, groups, k=5)
    assert scores[positive].max() == 0, "the one positive volcano finds no positive elsewhere"


def test_knn_finds_what_volcanoes_share() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(200) < 0.3
    features = rng.normal(size=(200, 8)) + 6 * positive[:, None]
    groups = rng.integers(0, 10, 200).astype(str)
    scores = knn_scores(features.astype(np.float32), positive, groups, k=7)
    assert roc_auc_score(positive, scores) > 0.99


def test_alignment_is_the_squared_chord_between_views() -> None:
    angle = torch.tensor([0.0, 0.5, torch.pi])
    first = torch.tensor([[3.0, 0.0]]).expand(3, 2)  # lengths do not count
    second = torch.stack([angle.cos(), angle.sin()], 1)
    assert alignment(first, second) == pytest.approx(float((2 - 2 * angle.cos()).mean()), abs=1e-6)
    assert alignment(first, first) == 0


def test_uniformity_of_known_clouds() -> None:
    generator = torch.Generator().manual_seed(0)
    even = torch.randn(1500, 512, generator=generator)
    # In many dimensions all pairs are about orthogonal, at a squared distance of 2.
    assert uniformity(even) == pytest.approx(-4, abs=0.02)
    assert uniformity(torch.ones(50, 8)) == pytest.approx(0, abs=1e-6)
    two = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert uniformity(two) == pytest.approx(-8)


HEALTHY = (0.1, 10.0)


def test_a_collapse_is_told_with_its_kind_and_cure() -> None:
    whole = collapse(0.01, 1.1, HEALTHY, "vicreg")
    assert whole is not None
    assert whole.startswith("all tiles embed alike (std 0.01, healthy about 1, 0.1 before")
    assert "objective.variance" in whole
    line = collapse(0.5, 1.3, HEALTHY, "simclr")
    assert line is not None
    assert line.startswith("they vary along one direction alone")
    assert "data.batch_size" in line
    assert collapse(0.5, 1.3, HEALTHY, "simclr", whole=False) is None, "enough for a head of presence"


@pytest.mark.parametrize(("std", "rank"), [(0.6, 90.0), (0.06, 2.1)])
def test_what_lives_is_no_collapse(std: float, rank: float) -> None:
    assert collapse(std, rank, HEALTHY, "byol") is None


def test_an_encoder_that_began_low_and_rises_is_no_collapse() -> None:
    assert collapse(0.03, 1.8, (0.01, 1.2), "byol") is None
    assert collapse(0.005, 1.8, (0.01, 1.2), "byol") is not None
