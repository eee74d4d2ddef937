from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssl_insar.pretrain.shortcuts import explained, nearest_agrees, shortcuts


def catalogue(count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Ten volcanoes in five frames, a file a tile."""
    volcano = rng.integers(0, 10, count)
    return pd.DataFrame(
        {
            "volcano": [f"mt_{v}" for v in volcano],
            "frame": [f"frame_{v // 2}" for v in volcano],
            "source": [f"{i}.tif" for i in range(count)],
            "coherent_fraction": rng.random(count),
        }
    )


def test_features_of_noise_tell_nothing_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    table = catalogue(1500, rng)
    found = shortcuts(rng.normal(size=(1500, 16)).astype(np.float32), table)
    assert found["volcano_chance"] == pytest.approx(0.1, abs=0.01)
    assert found["frame_chance"] == pytest.approx(0.2, abs=0.01)
    assert found["volcano"] == pytest.approx(found["volcano_chance"], abs=0.03)
    assert found["frame"] == pytest.approx(found["frame_chance"], abs=0.03)
    assert abs(found["coherence_r2"]) < 0.05


def test_features_that_know_frame_and_coherence_are_found_out() -> None:
    rng = np.random.default_rng(1)
    table = catalogue(600, rng)
    frame = pd.get_dummies(table["frame"]).to_numpy(np.float32)
    features = np.concatenate([5 * frame, table[["coherent_fraction"]]], 1).astype(np.float32)
    features += 0.05 * rng.normal(size=features.shape).astype(np.float32)
    found = shortcuts(features, table)
    assert found["frame"] > 0.99
    assert found["volcano"] < 0.7, "two volcanoes share a frame and cannot be told apart"
    assert found["coherence_r2"] > 0.9


def test_what_the_archive_does_not_know_is_not_probed() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(40, 8)).astype(np.float32)
    table = pd.DataFrame({"volcano": [None, "unknown"] * 20, "source": [f"{i}.png" for i in range(40)]})
    assert shortcuts(features, table) == {}
    one = pd.DataFrame({"volcano": ["etna"] * 40, "coherent_fraction": 0.5, "source": "a.tif"})
    assert shortcuts(features, one) == {}, "one file, one volcano, one coherence"


def test_tiles_of_the_same_file_are_no_neighbours() -> None:
    # Each file is a tight cluster; another file of the same volcano lies across the sphere.
    centres = np.array([[1, 0, 0], [0, 1, 0], [0, 0.9, 0.1], [1, 0.1, 0]], np.float32)
    features = np.repeat(centres, 5, 0)
    names = np.repeat(["etna", "etna", "fuji", "fuji"], 5)
    files = np.repeat(["a", "b", "c", "d"], 5)
    found = nearest_agrees(features, names, files)
    assert found is not None
    assert found.share == 0
    assert found.chance == pytest.approx(5 / 15)


def test_r2_is_scored_on_other_groups() -> None:
    # Within a group the features tell the target, but with another sign in each.
    rng = np.random.default_rng(3)
    groups = np.repeat([f"v{i}" for i in range(20)], 30)
    sign = np.repeat(rng.permutation(np.resize([-1.0, 1.0], 20)), 30)
    target = rng.normal(size=600)
    features = np.stack([np.cos(sign * target / 3), np.sin(sign * target / 3)], 1).astype(np.float32)
    told = explained(features, target, groups)
    assert told is not None
    assert told < 0.1
    honest = explained(np.abs(features), np.abs(target), groups)
    assert honest is not None
    assert honest > 0.9
