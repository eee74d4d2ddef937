"""Queries by tile and by file, and what they find, on a tiny real archive with a random encoder."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from made import fringes
from made_rasters import write_tiff

from ssl_insar.archive import ingest
from ssl_insar.archive.tiling import cut
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings, Encoder
from ssl_insar.readers import read
from ssl_insar.search import Index, as_table, find, resolve


@pytest.fixture(scope="module")
def index(world: Any) -> Index:
    return Index.open(world.index)


def tile_of(index: Index, source: Path, row: int = 0, col: int = 0) -> str:
    c = index.catalogue
    return str(c.id[(c.file == source.name) & (c.row == row) & (c.col == col)].iloc[0])


def test_tile_query_leaves_out_its_pair_and_its_ground(index: Index, world: Any) -> None:
    name = tile_of(index, world.sources[5])
    query = resolve(index, name)
    c = index.catalogue
    mine = c[c.id == name].iloc[0]
    # Four tiles of the interferogram, and this corner in the frame's other three pairs.
    expected = c[(c.file != mine.file) & ~((c.frame == mine.frame) & (c.row == 0) & (c.col == 0))]
    found = find(index, query, 100)
    assert {m.id for m in found} == set(expected.id)
    kept = find(index, query, 100, keep_same_pair=True, keep_overlapping=True)
    assert {m.id for m in kept} == set(c.id) - {name}
    pair_kept = find(index, query, 100, keep_same_pair=True)
    assert {m.id for m in pair_kept} - set(expected.id) == set(c.id[c.file == mine.file]) - {name}


def test_best_first_with_the_cosine_of_the_embeddings(index: Index, world: Any) -> None:
    name = tile_of(index, world.sources[2], 32, 0)
    found = find(index, resolve(index, name), 5)
    unit = Embeddings.open(world.embeddings).normalised()
    cosine = unit @ unit[index.position(name)]
    assert [m.cosine for m in found] == pytest.approx([cosine[m.position] for m in found], abs=1e-5)
    allowed = [m.position for m in find(index, resolve(index, name), 100)]
    assert {m.position for m in found} == set(sorted(allowed, key=lambda p: -cosine[p])[:5])


def test_file_query_scores_by_the_best_of_its_tiles(index: Index, world: Any, tmp_path: Path) -> None:
    # A corner of a known tile inside an unknown, larger frame.
    known = np.load(world.sources[7])[:32, 32:]
    frame = np.exp(1j * np.linspace(0, 9, 64 * 96)).reshape(64, 96).astype(np.complex64)
    frame[16:48, 48:80] = known
    path = tmp_path / "strange.npy"
    np.save(path, frame)
    query = resolve(index, str(path))
    assert len(query.tiles) == len(query.vectors) == 3 * 5  # 32 px tiles in steps of 16
    found = find(index, query, 6)
    assert found[0].id == tile_of(index, world.sources[7], 0, 32)
    assert found[0].cosine == pytest.approx(1, abs=1e-3)
    assert len({m.id for m in found}) == 6  # ranked once, however many tiles they are like
    table = as_table(index, query, found)
    assert (table.query_row[0], table.query_col[0]) == (16, 48)
    assert table["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    every = index.vectors(np.arange(len(index))) @ query.vectors.T / np.linalg.norm(query.vectors, axis=1)
    best = np.sort(every.max(axis=1))[::-1][:6]
    assert [m.cosine for m in found] == pytest.approx(best.tolist(), abs=1e-5)


def test_file_of_the_archive_does_not_find_itself(index: Index, world: Any) -> None:
    source = world.sources[4]
    query = resolve(index, str(source))
    c = index.catalogue
    frame = c.frame[c.file == source.name].iloc[0]
    found = find(index, query, 100)
    # Its tiles cover the frame's pixel grid, so that none of that frame's pairs is left.
    assert {m.id for m in found} == set(c.id[c.frame != frame])
    kept = find(index, query, 100, keep_same_pair=True, keep_overlapping=True)
    assert {m.id for m in kept} == set(c.id[c.file != source.name])  # the query itself, tile by tile
    np.testing.assert_allclose(
        query.vectors[[0, 2, 6, 8]] / np.linalg.norm(query.vectors[[0, 2, 6, 8]], axis=1, keepdims=True),
        index.vectors(np.flatnonzero(c.file == source.name)),
        atol=2e-3,  # float16
    )


def test_renamed_copy_of_a_file_does_not_find_it(index: Index, world: Any, tmp_path: Path) -> None:
    copy = tmp_path / "renamed.npy"
    shutil.copy(world.sources[4], copy)
    query = resolve(index, str(copy))
    assert query.tiles[0].reference_date is None
    own = {i for i in index.catalogue.id if i.startswith(world.sources[4].stem)}
    assert not own & {m.id for m in find(index, query, 100)}


def test_neither_id_nor_file(index: Index, world: Any) -> None:
    name = tile_of(index, world.sources[5])
    with pytest.raises(UserError, match=r"neither a tile id of .* nor a file that exists") as caught:
        resolve(index, name.replace("hill1", "hil1"))
    assert name in str(caught.value)
    with pytest.raises(UserError, match="neither a tile id") as caught:
        resolve(index, "zzz")
    assert "closest" not in str(caught.value)
    for odd in ("", "a\0b", "x" * 5000):
        with pytest.raises(UserError):
            resolve(index, odd)


@pytest.mark.parametrize(("height", "width"), [(31, 200), (200, 31), (8, 8)])
def test_frame_smaller_than_a_tile(index: Index, tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "small.npy"
    np.save(path, np.exp(1j * np.ones((height, width))))
    with pytest.raises(
        UserError, match=f"{height} x {width} px, smaller than a tile of 32 x 32 px; .*--tile"
    ):
        resolve(index, str(path))


def test_file_without_data(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "empty.npy"
    np.save(path, np.zeros((64, 64), np.complex64))
    with pytest.raises(UserError, match="no tile of 32 x 32 px holds 5% or more valid pixels"):
        resolve(index, str(path))


def test_index_made_by_another_encoder(index: Index, world: Any, other_encoder: Path) -> None:
    file = str(world.sources[0])
    with pytest.raises(
        UserError, match=r"index was made by another encoder .*: embed and index again, or pass --encoder"
    ) as caught:
        resolve(index, file, other_encoder)
    assert index.provenance.encoder_hash in str(caught.value)
    assert Encoder.load(other_encoder).hash in str(caught.value)
    with pytest.raises(UserError, match="another encoder"):
        resolve(index, file, Encoder.load(other_encoder))
    # A tile of the index needs no encoder at all.
    assert resolve(index, tile_of(index, world.sources[0]), other_encoder)


def test_encoder_that_moved(index: Index, world: Any, tmp_path: Path) -> None:
    gone = dataclasses.replace(index.provenance, encoder=str(tmp_path / "gone"))
    moved = Index.build(dataclasses.replace(index.embeddings, provenance=gone), tmp_path / "index")
    with pytest.raises(UserError, match=r"gone: no encoder here.*pass --encoder RUN"):
        resolve(moved, str(world.sources[0]))
    found = find(moved, resolve(moved, str(world.sources[0]), world.encoder), 3)
    assert len(found) == 3
    unsaved = dataclasses.replace(index.provenance, encoder="")
    nowhere = Index.build(dataclasses.replace(index.embeddings, provenance=unsaved), tmp_path / "other")
    with pytest.raises(UserError, match="does not say where its encoder is; pass --encoder RUN"):
        resolve(nowhere, str(world.sources[0]))


def test_archive_out_of_reach_when_indexed(index: Index, world: Any, tmp_path: Path) -> None:
    gone = dataclasses.replace(index.provenance, archive=str(tmp_path / "gone"))
    made = Index.build(dataclasses.replace(index.embeddings, provenance=gone), tmp_path / "index")
    assert made.tile is None
    assert find(made, resolve(made, tile_of(index, world.sources[0])), 3)
    with pytest.raises(UserError, match="does not say how large its tiles are"):
        resolve(made, str(world.sources[0]))


def test_table_has_labels_and_survives_no_match(index: Index, world: Any) -> None:
    query = resolve(index, tile_of(index, world.sources[1]))
    table = as_table(index, query, find(index, query, 4))
    for _, row in table.iterrows():
        number = [s.name for s in world.sources].index(row.file)
        assert row.label_deformation == number % 2
    none = as_table(index, query, [])
    assert len(none) == 0
    assert list(none.columns) == list(table.columns)


def test_tiles_of_a_query_are_the_tiles_of_ingest(index: Index, world: Any) -> None:
    frame = read(world.sources[0])
    assert {(t.row, t.col) for t in cut(frame, 32)} <= {
        (t.row, t.col) for t in resolve(index, str(world.sources[0])).tiles
    }


def test_a_query_is_multilooked_as_the_archive_was(world: Any, tmp_path: Path) -> None:
    phase = fringes(128, np.random.default_rng(1), True).astype(np.float32)
    path = write_tiff(tmp_path / "20200101_20200113.geo.diff_pha.tif", phase)
    archive = ingest(path, tmp_path / "archive", tile=32, spacing=220, progress=False).archive
    Encoder.load(world.encoder).embed(archive, out=tmp_path / "embeddings", progress=False)
    made = Index.build(Embeddings.open(tmp_path / "embeddings"), tmp_path / "index")
    assert made.spacing == 220
    query = resolve(made, str(path), world.encoder)
    assert query.frame is not None
    assert query.frame.shape == (64, 64)
    first = query.vectors[0] / np.linalg.norm(query.vectors[0])
    assert made.vectors([0])[0] @ first == pytest.approx(1, abs=1e-3), "the corner tile of the same file"


def test_one_interferogram_of_a_stack_as_a_query(index: Index, world: Any, tmp_path: Path) -> None:
    path = tmp_path / "ifgramStack.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update({"FILE_TYPE": "ifgramStack", "WIDTH": "32", "LENGTH": "32", "WAVELENGTH": "0.056"})
        file["date"] = np.array([[b"20200101", b"20200113"], [b"20200113", b"20200125"]])
        file["dropIfgram"] = np.ones(2, bool)
        file["unwrapPhase"] = np.random.default_rng(0).normal(0, 5, (2, 32, 32)).astype(np.float32)
    with pytest.raises(UserError, match="holds 2 interferograms"):
        resolve(index, str(path))
    query = resolve(index, str(path), member="20200113_20200125")
    assert [str(tile.reference_date) for tile in query.tiles] == ["2020-01-13"]
