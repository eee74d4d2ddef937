from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ssl_insar.pretrain.health import feature_std, knn_scores, rank_me


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
