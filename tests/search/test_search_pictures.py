"""Pictures of tiles that come from several archives."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.archive import Archive, ingest
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings, Encoder
from ssl_insar.search import Index, Pictures, Store, as_table, find, make_gallery, resolve


@pytest.fixture
def two(world: Any, tmp_path: Path) -> tuple[Index, Archive]:
    """An index of two archives, and the second of them."""
    np.save(tmp_path / "other_20200101_20200113.npy", np.load(world.sources[0])[::-1])
    second = ingest(
        tmp_path / "other_20200101_20200113.npy", tmp_path / "second", tile=32, progress=False
    ).archive
    Encoder.load(world.encoder).embed(second, out=tmp_path / "embeddings", progress=False)
    store = Store.create(Embeddings.open(world.embeddings), tmp_path / "index")
    store.add(Embeddings.open(tmp_path / "embeddings"))
    return Index.open(store.folder), second


def test_tiles_of_both_archives_are_drawn(world: Any, two: tuple[Index, Archive], tmp_path: Path) -> None:
    index, second = two
    assert index.catalogue["archive"].value_counts().to_dict() == {
        str(world.archive.path): 48,
        str(second.path): 4,
    }
    ids = [second.catalogue["id"][1], world.archive.catalogue["id"][5], second.catalogue["id"][0]]
    expected = np.concatenate([second.phasors([1]), world.archive.phasors([5]), second.phasors([0])])
    np.testing.assert_array_equal(Pictures(index).phasors(ids), expected)
    Index.build(index.embeddings, tmp_path / "again")  # an index is embeddings too
    again = Index.open(tmp_path / "again")
    np.testing.assert_array_equal(Pictures(again).phasors(ids), expected)


def test_an_archive_out_of_reach_is_told_and_the_other_drawn(
    world: Any, two: tuple[Index, Archive], tmp_path: Path
) -> None:
    index, second = two
    moved = shutil.move(second.path, tmp_path / "moved")
    query = resolve(index, world.archive.catalogue["id"][5])
    table = as_table(index, query, find(index, query, 51, keep_same_pair=True, keep_overlapping=True))
    gallery = make_gallery(index, query, table, Pictures(index))
    assert len(gallery.neighbours) == 51
    assert [note for note in gallery.notes if "second: no such archive" in note and "--archive" in note]
    pictures = Pictures(index, [Archive.open(moved)])
    assert pictures.phasors(table["id"].tolist()).any(axis=(1, 2)).all()
    assert not pictures.missing
    gone = second.catalogue["id"].tolist()
    with pytest.raises(UserError, match=r"no such archive.*; pass --archive"):
        Pictures(index).phasors(gone)
    with pytest.raises(UserError, match="another archive: holds no tile of"):
        Pictures(Index.open(world.index), [Archive.open(moved)])
