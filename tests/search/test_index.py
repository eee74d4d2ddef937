"""The index: exact where it says so, whole on disk, and clear about what is wrong."""

from __future__ import annotations

import builtins
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings
from ssl_insar.search import Index, backend

Make = Callable[..., Embeddings]


def by_hand(
    embeddings: Embeddings, query: NDArray[np.floating[Any]], k: int, excluded: NDArray[np.bool_]
) -> list[int]:
    """The k nearest rows by a plain scan in double precision."""
    m = embeddings.matrix.astype(np.float64)
    cosine = m @ query / np.linalg.norm(m, axis=1) / np.linalg.norm(query)
    cosine[excluded] = -np.inf
    best = np.argsort(-cosine)[:k]
    return [int(i) for i in best if np.isfinite(cosine[i])]


@pytest.fixture(scope="module")
def embeddings(made: Make) -> Embeddings:
    return made(3000)


@pytest.fixture(scope="module")
def index(embeddings: Embeddings, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index.build(embeddings, tmp_path_factory.mktemp("flat") / "index")


@pytest.fixture(scope="module")
def inverted(embeddings: Embeddings, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index.build(embeddings, tmp_path_factory.mktemp("ivf") / "index", exact_up_to=1000)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_exact_search_equals_a_scan_whatever_is_excluded(
    index: Index, embeddings: Embeddings, share: float
) -> None:
    rng = np.random.default_rng(3)
    queries = rng.normal(size=(7, 24))
    masks = rng.random((7, len(index))) < share
    # The nearest of all are excluded too: over-fetching a little would not be enough.
    for mask, query in zip(masks, queries, strict=True):
        mask[by_hand(embeddings, query, 300, np.zeros(len(index), bool))] = share > 0
    for form in (masks, lambda number: masks[number]):
        for query, mask, found in zip(queries, masks, index.search(queries, 10, exclude=form), strict=True):
            assert [n.position for n in found] == by_hand(embeddings, query, 10, mask)
            assert all(n.id == embeddings.ids[n.position] for n in found)


def test_one_mask_for_all_queries(index: Index, embeddings: Embeddings) -> None:
    queries = np.random.default_rng(4).normal(size=(5, 24))
    mask = np.arange(len(index)) % 3 != 0
    for query, found in zip(queries, index.search(queries, 8, exclude=mask), strict=True):
        assert [n.position for n in found] == by_hand(embeddings, query, 8, mask)


def test_cosine_is_free_of_length_and_a_tile_is_most_like_itself(index: Index) -> None:
    vectors = index.vectors([5, 1200])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    short, long = index.search(0.01 * vectors, 3), index.search(300 * vectors, 3)
    assert [[n.position for n in f] for f in short] == [[n.position for n in f] for f in long]
    assert [found[0].position for found in short] == [5, 1200]
    assert all(found[0].cosine == pytest.approx(1, abs=1e-5) for found in short)


def test_more_asked_for_than_there_are(made: Make, tmp_path: Path) -> None:
    index = Index.build(made(6), tmp_path / "index")
    (found,) = index.search(index.vectors([0]), 100)
    assert sorted(n.position for n in found) == list(range(6))
    cosines = [n.cosine for n in found]
    assert cosines == sorted(cosines, reverse=True)
    (left,) = index.search(index.vectors([0]), 100, exclude=np.arange(6) < 4)
    assert sorted(n.position for n in left) == [4, 5]
    assert index.search(index.vectors([0]), 5, exclude=np.ones(6, bool)) == [[]]


def test_equal_cosines_come_in_the_order_of_the_catalogue(made: Make, tmp_path: Path) -> None:
    embeddings = made(50)
    embeddings.matrix[[40, 7, 23]] = embeddings.matrix[3]
    index = Index.build(embeddings, tmp_path / "index")
    (found,) = index.search(index.vectors([23]), 4)
    assert [n.position for n in found] == [3, 7, 23, 40]


def test_inverted_lists_find_nearly_all_and_give_true_cosines(
    inverted: Index, embeddings: Embeddings
) -> None:
    assert inverted.manifest["factory"].startswith("IVF")
    assert not inverted.exact
    assert inverted.manifest["recall_at_10"] > 0.9
    queries = inverted.vectors(np.arange(0, 3000, 30))
    hits = 0
    for query, found in zip(queries, inverted.search(queries, 10), strict=True):
        truth = by_hand(embeddings, query, 10, np.zeros(3000, bool))
        hits += len(set(truth) & {n.position for n in found})
        m = embeddings.matrix[found[0].position].astype(np.float64)
        assert found[0].cosine == pytest.approx(m @ query / np.linalg.norm(m), abs=1e-5)
    assert hits / (10 * len(queries)) > 0.9


def test_inverted_lists_reach_on_until_enough_are_left(inverted: Index, embeddings: Embeddings) -> None:
    query = inverted.vectors([17])
    allowed = np.random.default_rng(5).choice(3000, 12, replace=False)
    mask = np.ones(3000, bool)
    mask[allowed] = False
    (found,) = inverted.search(query, 10, exclude=mask)
    assert [n.position for n in found] == by_hand(embeddings, query[0], 10, mask)
    (all_left,) = inverted.search(query, 50, exclude=mask)
    assert {n.position for n in all_left} == set(allowed.tolist())


def test_round_trip_and_rebuild_from_the_truth_inside(embeddings: Embeddings, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    Index.build(embeddings, folder)
    opened = Index.open(folder)
    np.testing.assert_array_equal(opened.embeddings.matrix, embeddings.matrix)
    assert opened.embeddings.ids == embeddings.ids
    assert opened.provenance == embeddings.provenance
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["metric"] == "cosine"
    assert (manifest["count"], manifest["dimension"]) == (3000, 24)
    before = opened.search(opened.vectors([9]), 5)
    again = Index.build(opened.embeddings, folder)  # replaces the folder that it reads from
    assert again.search(again.vectors([9]), 5) == before


def test_failed_build_leaves_the_old_index(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    Index.build(made(20), folder)

    def full_disk(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("ssl_insar.search.segment.write_catalogue", full_disk)
    with pytest.raises(OSError, match="no space"):
        Index.build(made(30), folder)
    assert len(Index.open(folder)) == 20
    assert os.listdir(tmp_path) == ["index"]  # noqa: PTH208 - hidden names count too


@pytest.mark.parametrize(
    ("value", "positions"), [(np.nan, [2]), (np.inf, [0, 9]), (-np.inf, [19]), (0.0, [1, 2, 3, 4, 5, 6, 7])]
)
def test_unusable_embeddings_are_named(
    made: Make, tmp_path: Path, value: float, positions: list[int]
) -> None:
    embeddings = made(20)
    embeddings.matrix[positions, :] = value
    with pytest.raises(UserError, match="NaN, infinite or zero") as caught:
        Index.build(embeddings, tmp_path / "index")
    for position in positions[:5]:
        assert embeddings.ids[position] in str(caught.value)
    assert ("2 more" in str(caught.value)) == (len(positions) == 7)
    assert not (tmp_path / "index").exists()


def test_one_broken_element_is_enough(made: Make, tmp_path: Path) -> None:
    embeddings = made(20)
    embeddings.matrix[4, 11] = np.nan
    embeddings.matrix[6, 0] = 0  # a zero among others is fine
    with pytest.raises(UserError, match=r"1 of 20 embeddings .* tile00004"):
        Index.build(embeddings, tmp_path / "index")


def test_repeated_ids_and_empty_embeddings(made: Make, tmp_path: Path) -> None:
    embeddings = made(5)
    embeddings.catalogue.loc[3, "id"] = "tile00001"
    with pytest.raises(UserError, match="more than once: tile00001"):
        Index.build(embeddings, tmp_path / "index")
    nothing = Embeddings(embeddings.matrix[:0], embeddings.catalogue.iloc[:0], embeddings.provenance)
    with pytest.raises(UserError, match="nothing to index"):
        Index.build(nothing, tmp_path / "index")


def test_other_peoples_folders_are_not_overwritten(made: Make, tmp_path: Path) -> None:
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter1.tex").write_text("...")
    with pytest.raises(UserError, match="holds something else"):
        Index.build(made(5), precious)
    assert (precious / "chapter1.tex").exists()
    with pytest.raises(UserError, match="is a file"):
        Index.build(made(5), precious / "chapter1.tex")
    made(5).save(tmp_path / "embeddings")
    with pytest.raises(UserError, match="holds something else"):
        Index.build(made(5), tmp_path / "embeddings")


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _cut_one_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text(("hello " * path.stat().st_size)[: path.stat().st_size])


def _edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


PART = "segment-000001"

DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (lambda f: shutil.rmtree(f), "no such folder; make an index with: ssl-insar index"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "no manifest.json"),
    "half a manifest": (lambda f: _truncate(f / "manifest.json"), "damaged manifest.json"),
    "manifest lacks a key": (
        lambda f: (f / "manifest.json").write_text('{"format": 1, "kind": "index"}'),
        "damaged index",
    ),
    "newer format": (lambda f: _edit(f / "manifest.json", index_format=99), "newer ssl_insar; upgrade"),
    "embeddings only": (lambda f: _edit(f / "manifest.json", kind=None), "holds no index"),
    "count differs": (lambda f: _edit(f / "manifest.json", count=29), "segments hold 30, not 29"),
    "dimension differs": (lambda f: _edit(f / "manifest.json", dimension=23), "says 30 x 23"),
    "no segment": (lambda f: shutil.rmtree(f / PART), "damaged index"),
    **{
        f"{harm.__name__} {name}": (lambda f, n=name, h=harm: h(f / PART / n), "damaged index")
        for name in ("index.faiss", "embeddings.npy", "catalogue.parquet", "keys.npy")
        for harm in (_truncate, _cut_one_byte, _empty, _text, Path.unlink)
    },
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_told_in_one_line(made: Make, tmp_path: Path, kind: str) -> None:
    harm, message = DAMAGE[kind]
    folder = tmp_path / "index"
    Index.build(made(30), folder)
    harm(folder)
    with pytest.raises(UserError) as caught:
        Index.open(folder)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_index_of_another_size_is_noticed(made: Make, tmp_path: Path) -> None:
    Index.build(made(30), tmp_path / "a")
    Index.build(made(31), tmp_path / "b")
    shutil.copy(tmp_path / "b" / PART / "index.faiss", tmp_path / "a" / PART / "index.faiss")
    with pytest.raises(UserError, match=r"index\.faiss has 3.* bytes"):
        Index.open(tmp_path / "a")


@pytest.mark.parametrize("bad", [np.full((1, 24), np.nan), np.zeros((1, 24)), np.full((1, 24), np.inf)])
def test_unusable_query_vector(index: Index, bad: NDArray[np.float64]) -> None:
    with pytest.raises(UserError, match="NaN, infinite or zero"):
        index.search(bad, 3)


def test_query_of_another_dimension(index: Index) -> None:
    with pytest.raises(UserError, match="dimension 25 searched in an index of dimension 24"):
        index.search(np.ones((1, 25)), 3)


def test_mask_of_another_length(index: Index) -> None:
    with pytest.raises(ValueError, match="exclude has shape"):
        index.search(np.ones((1, 24)), 3, exclude=np.zeros(10, bool))


def test_without_faiss_the_error_names_both_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match=r"exactly one of: .*ssl_insar\[cpu\].*ssl_insar\[gpu\]"):
        backend.import_faiss()


def test_faiss_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(name: str, *args: Any, **more: Any) -> Any:
        if name.startswith("numpy"):
            raise ImportError("libfoo.so is missing", name="numpy")
        return real(name, *args, **more)

    for name in [name for name in sys.modules if name.split(".")[0] == "faiss"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(UserError, match=r"does not load \(libfoo"):
        backend.import_faiss()


def test_large_batches_take_the_fast_path_and_agree(index: Index) -> None:
    queries = index.vectors(np.arange(300))
    batch = index.search(queries, 5)
    for number in (0, 150, 299):
        (single,) = index.search(queries[number : number + 1], 5)
        assert [n.position for n in single] == [n.position for n in batch[number]]
