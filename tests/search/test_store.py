"""The store: changes that are whole, keys that stay, one writer, and what it refuses."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from ssl_insar.archive import store as archive_store
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings
from ssl_insar.search import Index, Store, VectorStore
from ssl_insar.search.lock import LOCK, writing
from ssl_insar.search.snapshot import stacked

Make = Callable[..., Embeddings]


def part(embeddings: Embeddings, rows: Any, **provenance: str) -> Embeddings:
    """Some rows as embeddings of their own."""
    told = dataclasses.replace(embeddings.provenance, **provenance)
    rows = np.asarray(rows)
    return Embeddings(embeddings.matrix[rows], embeddings.catalogue.iloc[rows].reset_index(drop=True), told)


@pytest.fixture(scope="module")
def everything(made: Make) -> Embeddings:
    return made(600)


@pytest.fixture
def store(everything: Embeddings, tmp_path: Path) -> Store:
    return Store.create(part(everything, range(400)), tmp_path / "index")


def check(store: Store, everything: Embeddings, rows: Any) -> None:
    """Embeddings, catalogue and index agree, and hold these rows of everything."""
    rows = np.asarray(rows)
    table = store.catalogue()
    assert sorted(table["id"]) == sorted(everything.catalogue["id"].iloc[rows])
    assert len(store) == len(rows)
    assert table["key"].is_unique
    place = {name: i for i, name in enumerate(everything.catalogue["id"])}
    matrix = everything.matrix[[place[name] for name in table["id"]]]
    np.testing.assert_array_equal(store.snapshot.matrix(), matrix)
    assert (
        table["source"].tolist()
        == everything.catalogue["source"].iloc[[place[n] for n in table["id"]]].tolist()
    )
    keys, cosines = store.search(matrix.astype(np.float32), 1)
    assert (keys[:, 0] == table["key"]).all()
    np.testing.assert_allclose(cosines[:, 0], 1, atol=1e-5)


def test_add_joins_small_pieces_and_keeps_keys(store: Store, everything: Embeddings) -> None:
    before = store.catalogue().set_index("id")["key"]
    store.add(part(everything, range(400, 450)))
    assert [a.count for a in store.manifest.segments] == [400, 50]
    store.add(part(everything, range(450, 460)))
    assert [a.count for a in store.manifest.segments] == [400, 50, 10]
    store.add(part(everything, range(460, 515)))  # no smaller than 10, nor than 50 with them
    assert [a.count for a in store.manifest.segments] == [400, 115]
    check(store, everything, range(515))
    after = store.catalogue().set_index("id")["key"]
    assert (after[before.index] == before).all()
    assert {p.name for p in store.folder.iterdir()} == {
        *(a.name for a in store.manifest.segments),
        "manifest.json",
        LOCK,
    }


def test_remove_compact_and_add_again(store: Store, everything: Embeddings) -> None:
    keys = store.catalogue().set_index("id")["key"]
    gone = [everything.ids[i] for i in (0, 7, 399)]
    assert store.remove(gone) == 3
    left = np.setdiff1d(np.arange(400), [0, 7, 399])
    check(store, everything, left)
    check(Store.open(store.folder), everything, left)
    assert store.compact()
    assert not store.compact()
    check(store, everything, left)
    assert (store.folder / store.manifest.main.name / "embeddings.npy").stat().st_size < 400 * 24 * 2
    store.add(part(everything, [7]))
    now = store.catalogue().set_index("id")["key"]
    assert (now[everything.ids[8]], now[everything.ids[7]]) == (keys[everything.ids[8]], 400)  # never again 7


def test_update_replaces_and_keeps_keys(store: Store, everything: Embeddings, made: Make) -> None:
    other = made(600, seed=9)
    keys = store.catalogue().set_index("id")["key"]
    assert store.update(part(other, [3, 5, 402])) == 2
    mixed = Embeddings(everything.matrix.copy(), everything.catalogue, everything.provenance)
    mixed.matrix[[3, 5, 402]] = other.matrix[[3, 5, 402]]
    check(store, mixed, [*range(400), 402])
    now = store.catalogue().set_index("id")["key"]
    assert (now[keys.index] == keys).all()
    store.update(part(everything, [3]))  # a tile of a small piece, replaced again
    mixed.matrix[3] = everything.matrix[3]
    check(store, mixed, [*range(400), 402])
    store.compact()
    check(store, mixed, [*range(400), 402])


def test_a_reader_sees_the_index_as_it_was(store: Store, everything: Embeddings) -> None:
    reader, index = Store.open(store.folder), Index.open(store.folder)
    store.remove(everything.ids[:100])
    store.compact()
    check(reader, everything, range(400))
    assert len(index.search(index.vectors([5]), 3)[0]) == 3
    reader.refresh()
    check(reader, everything, range(100, 400))


def test_a_reader_whose_files_are_swept_reads_again(
    store: Store, everything: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ssl_insar.search import snapshot

    real, stale = snapshot.manifests.read, store.manifest
    store.remove(everything.ids[:10])
    store.compact()
    answers = [stale]
    monkeypatch.setattr(snapshot.manifests, "read", lambda f: answers.pop() if answers else real(f))
    check(Store.open(store.folder), everything, range(10, 400))


def test_allowed_by_key_and_by_mask(store: Store, everything: Embeddings) -> None:
    store.remove(everything.ids[:50])
    store.add(part(everything, range(400, 420)))
    assert isinstance(store, VectorStore)
    keys = store.catalogue()["key"].to_numpy()
    vectors = store.vectors(keys)
    chosen = keys[::7]
    for allowed in (chosen, np.isin(keys, chosen), np.append(chosen, [3, 10**9])):  # 3 was removed
        found, cosines = store.search(vectors[:30], 5, allowed)
        truth = vectors[:30] @ vectors[::7].T
        np.testing.assert_array_equal(found, chosen[np.argsort(-truth, axis=1)[:, :5]])
        np.testing.assert_allclose(cosines, -np.sort(-truth, axis=1)[:, :5], atol=1e-5)
    found, cosines = store.search(vectors[:2], 1000, chosen)  # more than there are
    assert (found >= 0).sum(axis=1).tolist() == [len(chosen)] * 2
    found, _ = store.search(vectors[:2], 3, np.empty(0, np.int64))
    assert not (found >= 0).any()
    with pytest.raises(ValueError, match="allowed has shape"):
        store.search(vectors[:2], 3, np.ones(3, bool))
    with pytest.raises(ValueError, match="k is 0"):
        store.search(vectors[:2], 0)
    with pytest.raises(KeyError):
        store.vectors(np.array([3]))


def test_second_writer_is_told_who_the_first_is(store: Store, everything: Embeddings) -> None:
    with writing(store.folder), pytest.raises(UserError, match=f"process {os.getpid()} on .* is changing it"):
        store.remove(everything.ids[:1])
    with FileLock(store.folder / LOCK), pytest.raises(UserError, match="another process is changing it"):
        Store.create(everything, store.folder)
    store.remove(everything.ids[:1])
    check(store, everything, range(1, 400))


def test_a_file_system_without_locks(
    store: Store, everything: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(file: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", missing)
    for _ in range(2):  # with the lock's file there, as locks leave it, and without
        with pytest.raises(UserError, match=r"no file locks; keep the index on another"):
            store.add(everything)
        (store.folder / LOCK).unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"no file locks"):
        store.add(everything)
    assert not (store.folder / LOCK).exists(), "nothing is left that would lock others out"


def test_lock_of_a_killed_writer_is_free(store: Store, everything: Embeddings) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from ssl_insar.search.lock import writing\n"
        "with writing(pathlib.Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(store.folder)], check=False)
    assert done.returncode == -9
    assert (store.folder / ".writer.json").exists()
    assert store.remove(everything.ids[:1]) == 1


def test_refused_additions_change_nothing(store: Store, everything: Embeddings, made: Make) -> None:
    before = (store.folder / "manifest.json").read_bytes()
    new = part(everything, range(400, 420))
    broken = Embeddings(new.matrix.copy(), new.catalogue, new.provenance)
    broken.matrix[2] = np.nan
    refused: list[tuple[Embeddings, str]] = [
        (part(everything, range(390, 410)), "already there: tile00390, .* and 5 more; .*index update"),
        (part(everything, range(400, 420), encoder_hash="b"), "another encoder .hash a hash, .* by b.*"),
        (made(5, dimension=25), "vectors of dimension 24, not 25"),
        (broken, "1 of 20 embeddings are NaN, infinite or zero: tile00402"),
        (Embeddings(new.matrix[:0], new.catalogue.iloc[:0], new.provenance), "nothing to index"),
    ]
    for embeddings, message in refused:
        with pytest.raises(UserError, match=message) as caught:
            store.add(embeddings)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="holds no tile ghost, tile00400; nothing was removed"):
        store.remove([everything.ids[0], "ghost", everything.ids[400]])
    with pytest.raises(UserError, match="every tile"):
        store.remove(everything.ids[:400])
    assert (store.folder / "manifest.json").read_bytes() == before
    check(Store.open(store.folder), everything, range(400))


def test_tiles_of_another_size_are_refused(everything: Embeddings, tmp_path: Path) -> None:
    manifest = {"format": archive_store.FORMAT, "stride": 64, "spacing": None, "tiles": 9, "digest": "d"}
    for name, tile in (("a", 64), ("b", 32)):
        (tmp_path / name).mkdir()
        told = manifest | {"tile": tile}
        (tmp_path / name / "archive.json").write_text(json.dumps(told))
    store = Store.create(part(everything, range(10), archive=str(tmp_path / "a")), tmp_path / "index")
    assert store.manifest.tile == 64
    with pytest.raises(UserError, match="tiles of tile 64 px, these have 32"):
        store.add(part(everything, range(10, 20), archive=str(tmp_path / "b")))


def test_float32_embeddings_that_float16_cannot_hold(made: Make, tmp_path: Path) -> None:
    embeddings = made(5)
    large = embeddings.matrix.astype(np.float32)
    large[1] = 1e6
    with pytest.raises(UserError, match="tile00001"):
        Store.create(Embeddings(large, embeddings.catalogue, embeddings.provenance), tmp_path / "i")  # type: ignore[arg-type]


def test_moved_folder_still_opens(store: Store, everything: Embeddings, tmp_path: Path) -> None:
    shutil.move(store.folder, tmp_path / "elsewhere")
    check(Store.open(tmp_path / "elsewhere"), everything, range(400))


def test_leftovers_of_a_crash_are_swept(store: Store, everything: Embeddings) -> None:
    (store.folder / "segment-000002").mkdir()
    (store.folder / "segment-000002" / "embeddings.npy").write_bytes(b"half")
    (store.folder / "removed-000002.npz").write_bytes(b"half")
    (store.folder / ".manifest.1.json").write_bytes(b"half")
    (store.folder / "notes.txt").write_text("mine")
    check(Store.open(store.folder), everything, range(400))
    store.remove(everything.ids[:1])
    assert sorted(p.name for p in store.folder.iterdir()) == [
        LOCK,
        "manifest.json",
        "notes.txt",
        "removed-000002.npz",
        "segment-000001",
    ]
    check(Store.open(store.folder), everything, range(1, 400))


def test_damaged_index_is_made_again_and_a_newer_one_is_not(store: Store, everything: Embeddings) -> None:
    path = store.folder / "manifest.json"
    told = json.loads(path.read_text())
    path.write_text("{")
    check(Store.create(part(everything, range(20)), store.folder), everything, range(20))
    assert len([p for p in store.folder.iterdir() if p.is_dir()]) == 1
    path.write_text(json.dumps(told | {"index_format": 99}))
    with pytest.raises(UserError, match="newer ssl_insar"):
        Store.create(everything, store.folder)


def test_half_a_list_of_removed_rows_is_told(store: Store, everything: Embeddings) -> None:
    store.remove(everything.ids[:3])
    path = store.folder / "removed-000002.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="damaged index"):
        Store.open(store.folder)


def test_index_of_format_1_is_read_and_carried_over(
    store: Store, everything: Embeddings, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    shutil.copytree(store.folder / "segment-000001", old)
    (old / "keys.npy").unlink()
    told = {
        "format": 1,
        "kind": "index",
        "index_format": 1,
        "count": 400,
        "dimension": 24,
        **dataclasses.asdict(everything.provenance),
        "tile": None,
        "spacing": None,
        "metric": "cosine",
        "factory": "IDMap2,Flat",
        "probes": None,
        "recall_at_10": None,
        "faiss": "1.15.1",
    }
    (old / "manifest.json").write_text(json.dumps(told))
    opened = Store.open(old)
    check(opened, everything, range(400))
    opened.add(part(everything, range(400, 410)))
    opened.remove(everything.ids[:2])
    check(opened, everything, range(2, 410))
    opened.compact()
    check(opened, everything, range(2, 410))
    assert not (old / "embeddings.npy").exists()


def test_stacked_catalogues_keep_their_kinds(everything: Embeddings) -> None:
    first = everything.catalogue.iloc[:3].assign(label_deformation=[1, 0, 1])
    table = stacked([pd.DataFrame(first), pd.DataFrame(everything.catalogue.iloc[3:5])])
    assert table["row"].dtype == first["row"].dtype
    assert table["reference_date"].tolist() == everything.catalogue["reference_date"].iloc[:5].tolist()
    assert table["label_deformation"].isna().tolist() == [False] * 3 + [True] * 2


def test_changed_bytes_are_found_by_a_check(store: Store, everything: Embeddings) -> None:
    store.add(part(everything, range(400, 410)))
    assert store.check() == 2
    path = store.folder / store.manifest.segments[1].name / "embeddings.npy"
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"bytes of segment-000002/embeddings.npy have changed.; make it"):
        Store.open(store.folder).check()
    path.unlink()
    with pytest.raises(UserError, match="damaged index"):
        store.check()
