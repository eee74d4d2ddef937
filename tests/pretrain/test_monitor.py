from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from ssl_insar.archive import Archive
from ssl_insar.archive.groups import groups_of
from ssl_insar.augment import Views, ViewsConfig
from ssl_insar.augment.alone import silent
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.pretrain.logs import read_rows
from ssl_insar.pretrain.monitor import COLUMNS, Monitor, describe, probe_scores
from ssl_insar.pretrain.recipe import MonitorConfig


@pytest.fixture
def archive(archive_path: Path) -> Archive:
    return Archive.open(archive_path)


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder("resnet10t", InputSpec(32)).eval()


def monitor(archive: Archive, folder: Path, **values: int) -> Monitor:
    return Monitor(archive, MonitorConfig(**{"neighbours": 5, **values}), folder, seed=0, shown=False)


def test_a_look_measures_all_that_there_is(archive: Archive, encoder: Encoder, tmp_path: Path) -> None:
    watching = monitor(archive, tmp_path)
    watching.open(0)
    views = Views(ViewsConfig(), archive.tile, 32, rank=-1)
    row, features = watching.look(encoder, 0, 0.0, views)
    watching.look(encoder, 3, 1.0, views, probe=False)
    watching.close()
    assert features.shape == (60, 512)
    assert set(row) == set(COLUMNS)
    assert all(math.isfinite(value) for value in row.values())
    first, second = read_rows(tmp_path / "monitor.csv")
    assert first["alignment"] == second["alignment"], "the same views at every look"
    assert first["probe_ap"]
    assert not second["probe_ap"]
    assert watching.before == (float(first["feature_std"]), float(first["rank_me"]))
    told = describe(row).splitlines()
    assert len(told) == 3
    assert "probe AP" in told[1]
    assert "coherence R2" in told[2]


def test_a_look_draws_no_random_number_of_the_training(
    archive: Archive, encoder: Encoder, tmp_path: Path
) -> None:
    before = torch.get_rng_state()
    monitor(archive, tmp_path).look(encoder, 0, 0.0, Views(ViewsConfig(), archive.tile, 32, rank=-1))
    assert torch.equal(torch.get_rng_state(), before)


def test_without_views_or_labels_the_rest_is_measured(
    archive: Archive, encoder: Encoder, tmp_path: Path
) -> None:
    watching = monitor(archive, tmp_path, pairs=0)
    watching.label = None
    views = Views(ViewsConfig(), archive.tile, 32, rank=-1)
    for given in (None, views):
        row, _ = watching.look(encoder, 0, 0.0, given)
        assert not {"alignment", "uniformity", "knn_ap", "probe_ap", "prevalence"} & set(row)
        assert {"feature_std", "rank_me", "volcano", "coherence_r2"} <= set(row)
        assert "AP" not in describe(row)


def test_views_without_effects_are_aligned(archive: Archive, encoder: Encoder, tmp_path: Path) -> None:
    found = [
        monitor(archive, tmp_path).look(encoder, 0, 0.0, Views(config, archive.tile, 32, rank=-1)).row
        for config in (silent(ViewsConfig()), ViewsConfig())
    ]
    assert found[0]["alignment"] < 1e-6
    assert found[1]["alignment"] > 1e-3


def test_the_probe_is_scored_on_volcanoes_it_has_not_seen() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([f"v{i}" for i in range(20)], 10)
    positive = rng.random(200) < 0.3
    place = np.repeat(np.eye(20), 10, 0)
    shows = rng.normal(size=(200, 8)) + 2 * positive[:, None]
    honest = probe_scores(np.concatenate([place, shows], 1).astype(np.float32), positive, groups)
    assert honest is not None
    assert honest[positive].mean() > honest[~positive].mean() + 1
    # What holds at one volcano alone can be fitted there and tells nothing elsewhere.
    everywhere = np.repeat(np.arange(20) < 10, 10)
    by_place = probe_scores(place.astype(np.float32), everywhere, groups)
    assert by_place is not None
    assert np.ptp(by_place) < 3
    assert not by_place[everywhere].mean() > by_place[~everywhere].mean()


def test_a_class_of_one_volcano_cannot_be_probed(archive: Archive) -> None:
    groups = groups_of(archive.catalogue)
    features = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    assert probe_scores(features, groups == groups[0], groups) is None
