from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from made import TINY
from PIL import Image

from ssl_insar.archive import Archive
from ssl_insar.archive.groups import groups_of
from ssl_insar.augment import field as fd
from ssl_insar.pretrain import pictures
from ssl_insar.pretrain.data import TileDataset
from ssl_insar.pretrain.module import Pretraining
from ssl_insar.pretrain.recipe import load
from ssl_insar.pretrain.sources import make_sources
from ssl_insar.pretrain.stock import Stock


@pytest.fixture
def archive(archive_path: Path) -> Archive:
    return Archive.open(archive_path)


def prepared(archive: Archive, *, injected: float) -> Pretraining:
    recipe = load(TINY, [f"positives.injected={injected}", "positives.source_pairs=0"])
    stock = Stock()
    if injected:
        sources = make_sources("volcanoes", 4, 32, 200.0)
        stock = Stock(None, sources, torch.ones(len(archive), dtype=torch.bool))
    return Pretraining(recipe, archive.tile, 3, stock).prepare()


def test_pairs_shown_are_those_of_the_training_step(archive: Archive) -> None:
    module = prepared(archive, injected=0)
    batch = TileDataset(archive, module.recipe.views).__getitems__(list(range(16)))
    fields, titles = pictures.pairs_shown(module, batch, 4, archive.catalogue)
    assert module.views is not None
    trained = module.views(fd.from_counts(*batch[:2]), 4)
    stacks = [(x[:, 0] + 1j * x[:, 1]).numpy() for x, _ in trained]
    assert len(fields) == len(titles) == 2 * pictures.PAIRS
    for number, field in enumerate(fields):
        assert any(np.array_equal(field, each) for each in stacks[number % 2])
    coherent = archive.catalogue["coherent_fraction"].to_numpy()[:16]
    clearest = archive.catalogue["volcano"].iloc[int(coherent.argmax())]
    assert titles[:2] == [f"{clearest}, view 1", f"{clearest}, view 2"]


def test_sources_are_shown_where_there_are_any(archive: Archive) -> None:
    module = prepared(archive, injected=1)
    batch = TileDataset(archive, module.recipe.views).__getitems__(list(range(16)))
    _, titles = pictures.pairs_shown(module, batch, 4, archive.catalogue)
    assert [" rad" in title for title in titles] == [False] * 8 + [True] * 8
    assert module._sources is not None
    assert any(kind in titles[-1] for kind in module._sources.kinds)
    again = pictures.pairs_shown(module, batch, 4, archive.catalogue)[1]
    assert again == titles, "nothing is drawn at random"


def test_pictures_have_a_name_that_stays_and_go_with_a_fresh_run(archive: Archive, tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    every = np.arange(60)
    for epoch in (0, 5):
        path = pictures.save_neighbours(archive, every, features, "deformation", tmp_path, epoch)
        assert path == tmp_path / "pictures" / f"neighbours-{epoch:04d}.png"
    folder = tmp_path / "pictures"
    assert (folder / "neighbours.png").read_bytes() == (folder / "neighbours-0005.png").read_bytes()
    with Image.open(folder / "neighbours.png") as picture:
        assert np.asarray(picture.convert("RGB")).std() > 20, "something is drawn"
    (folder / "notes.txt").write_text("mine")
    pictures.clear(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_neighbours_are_the_nearest_of_other_volcanoes() -> None:
    features = np.array([[1, 0], [1, 0.01], [1, 0.2], [1, 0.1], [0, 1], [-1, 0]], np.float32)
    groups = np.array(["a", "a", "b", "c", "d", "e"])
    rows, cosine = pictures.nearest_elsewhere(features, groups, 0)
    assert rows.tolist() == [3, 2, 4]
    assert cosine[0] == pytest.approx(1 / np.hypot(1, 0.1))
    rows, _ = pictures.nearest_elsewhere(features, np.array(["a"] * 6), 0)
    assert len(rows) == 0


def test_positives_of_different_volcanoes_are_asked_first(archive: Archive) -> None:
    table = archive.catalogue
    groups = groups_of(table)
    rows = pictures.choose_queries(table, groups, "deformation", seed=0)
    assert table["label_deformation"].iloc[rows].tolist() == [1] * pictures.QUERIES
    assert len(set(groups[rows])) == pictures.QUERIES
    assert rows == pictures.choose_queries(table, groups, "deformation", seed=0)


def test_an_archive_of_one_volcano_still_has_a_picture(archive: Archive, tmp_path: Path) -> None:
    alone = np.flatnonzero(archive.catalogue["volcano"] == archive.catalogue["volcano"].iloc[0])
    features = np.eye(len(alone), 8, dtype=np.float32)
    assert pictures.save_neighbours(archive, alone, features, None, tmp_path, 0).exists()
