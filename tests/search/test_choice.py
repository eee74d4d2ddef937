"""The choice of index, and tuning it by measuring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ssl_insar.models import Embeddings
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search import Store, backend, exact
from ssl_insar.search.building import fill
from ssl_insar.search.choice import Choice, choose
from ssl_insar.search.tuning import tune

Make = Callable[..., Embeddings]
GB = 10**9


@pytest.mark.parametrize(
    ("count", "dimension", "memory", "changing", "factory", "on_disk"),
    [
        (200_000, 512, 4 * GB, True, "Flat", False),
        (200_001, 512, 4 * GB, True, "IVF1789,SQ8", False),
        (200_001, 512, 4 * GB, False, "HNSW32,SQ8", False),
        (200_000, 512, GB // 5, True, "IVF1789,SQ8", False),  # too little memory to compare with all
        (10**7, 128, 4 * GB, True, "IVF12649,SQ8", False),
        (10**7, 128, 4 * GB, False, "IVF12649,SQ8", False),  # too many for a graph
        (10**7, 128, GB, True, "IVF12649,RaBitQ4", False),
        (10**8, 128, 4 * GB, True, "IVF40000_HNSW32,RaBitQ", False),
        (10**8, 128, 2 * GB, True, "IVF40000_HNSW32,PQ8", False),
        (10**8, 128, GB, True, "IVF40000_HNSW32,RaBitQ4", True),
        (50, 8, 10**9, True, "Flat", False),
    ],
)
def test_choice(count: int, dimension: int, memory: int, changing: bool, factory: str, on_disk: bool) -> None:
    choice = choose(count, dimension, memory=memory, changing=changing)
    assert (choice.factory, choice.on_disk) == (factory, on_disk)
    assert choice.reason
    assert on_disk or count * choice.bytes_per_vector <= memory


@pytest.fixture(scope="module")
def matrix(made: Make) -> np.ndarray:  # type: ignore[type-arg]
    return made(4000, dimension=32).matrix


@pytest.mark.parametrize(
    ("factory", "kind", "on_disk"),
    [
        ("IVF60,SQ8", "ivf", False),
        ("IVF60,RaBitQ4", "ivf", False),
        ("IVF60,RaBitQ", "ivf", False),
        ("IVF60_HNSW32,SQ8", "ivf", False),
        ("IVF60,RaBitQ4", "ivf", True),
        ("HNSW32,SQ8", "hnsw", False),
    ],
)
def test_every_kind_reaches_its_goal(
    matrix: np.ndarray,  # type: ignore[type-arg]
    tmp_path: Path,
    factory: str,
    kind: str,
    on_disk: bool,
) -> None:
    store = fill(matrix, Choice(factory, kind, 1, "", on_disk, 1500), tmp_path)
    assert store.ntotal == 4000
    tuned = tune(store, kind, matrix, goal=0.95)
    assert tuned.reached
    assert tuned.effort is not None
    assert tuned.milliseconds is not None
    # The same recall on other tiles than those it was tuned on.
    queries = unit_rows(matrix[np.arange(0, 4000, 13)])
    truth = exact.nearest(matrix, queries, 10)
    from ssl_insar.search.tuning import parameters

    fetch = 10 * tuned.rescore
    found = store.search(
        queries, fetch, params=parameters(kind, max(tuned.effort, fetch if kind == "hnsw" else 0))
    )[1]
    rows, cosines = exact.rescored(matrix, queries, found, 10)
    recall = np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(rows, truth, strict=True)])
    assert recall > 0.93
    assert (np.diff(cosines, axis=1) <= 0).all()


def test_a_goal_out_of_reach_is_told(made: Make) -> None:
    matrix = made(3000, dimension=32, clusters=1).matrix  # one bit an element tells little here
    store = fill(matrix, Choice("IVF20,PQ1", "ivf", 1, ""))
    tuned = tune(store, "ivf", matrix, goal=1.0, rescores=(1,))
    assert not tuned.reached
    assert tuned.recall is not None
    assert tuned.recall < 0.5


def test_more_recall_takes_more_effort(matrix: np.ndarray) -> None:  # type: ignore[type-arg]
    store = fill(matrix, Choice("IVF60,SQ8", "ivf", 1, ""))
    low, high = (tune(store, "ivf", matrix, goal=g, rescores=(2,)) for g in (0.5, 0.99))
    assert (low.effort or 0) < (high.effort or 0)
    assert 0.5 <= (low.recall or 0) < (high.recall or 0)


def test_in_memory_index_finds_what_it_says(made: Make) -> None:
    matrix = made(2000, clusters=1).matrix
    built = backend.build(matrix, 100)
    assert 0.9 < (built.recall or 0) < 1  # 8-bit codes alone, without the true cosines
    assert backend.build(matrix, 2000).recall is None


@pytest.mark.parametrize("memory", [10**9, 20_000])
def test_filtered_search_is_exact_at_any_selectivity(made: Make, tmp_path: Path, memory: int) -> None:
    embeddings = made(4000)
    store = Store.create(embeddings, tmp_path / "index", exact_up_to=500, memory=memory)
    assert store.manifest.main.kind == "ivf"
    assert (store.manifest.main.lists is not None) == (memory < 10**5)
    keys = store.catalogue()["key"].to_numpy()
    queries = np.random.default_rng(1).normal(size=(5, 24)).astype(np.float32)
    vectors = unit_rows(embeddings.matrix)
    for share in (0.001, 0.01, 0.1, 0.5, 0.9):
        allowed = np.random.default_rng(2).random(4000) < share
        truth = unit_rows(queries) @ vectors[allowed].T
        best = np.flatnonzero(allowed)[np.argsort(-truth, axis=1)[:, :10]]
        found, _ = store.search(queries, 10, allowed)
        np.testing.assert_array_equal(found, keys[best])


def test_lists_on_disk_move_with_the_folder(made: Make, tmp_path: Path) -> None:
    embeddings = made(4000)
    store = Store.create(embeddings, tmp_path / "index", exact_up_to=500, memory=20_000)
    queries = unit_rows(embeddings.matrix[:20])
    before = store.search(queries, 5)
    (tmp_path / "index").rename(tmp_path / "moved")
    after = Store.open(tmp_path / "moved").search(queries, 5)
    np.testing.assert_array_equal(before[0], after[0])
