"""Filtered search against brute force: in pieces, through an approximate index, with tiles removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssl_insar.models import Embeddings
from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search import Store, exact
from ssl_insar.search.backend import import_faiss
from ssl_insar.search.segment import Segment

Make = Callable[..., Embeddings]
COUNT = 3000


def part(embeddings: Embeddings, first: int, last: int) -> Embeddings:
    return Embeddings(
        embeddings.matrix[first:last], embeddings.catalogue.iloc[first:last], embeddings.provenance
    )


def nearest(store: Store, queries: np.ndarray, allowed: np.ndarray, k: int) -> list[list[int]]:
    """Keys by a plain scan in double precision."""
    table = store.snapshot.matrix().astype(np.float64)
    cosines = queries @ table.T / np.linalg.norm(table, axis=1)
    cosines[:, ~allowed] = -np.inf
    best = np.argsort(-cosines, axis=1, kind="stable")[:, : min(k, int(allowed.sum()))]
    return [[int(key) for key in row] for row in store.snapshot.keys[best]]


@pytest.fixture(scope="module")
def everything(made: Make) -> Embeddings:
    return made(COUNT, clusters=1)  # no clusters: inverted lists miss much


@pytest.fixture(scope="module")
def store(everything: Embeddings, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three pieces, two of them of inverted lists that find but a part."""
    path = tmp_path_factory.mktemp("filtered") / "index"
    made = Store.create(part(everything, 0, 2000), path, exact_up_to=300, recall=0.5)
    made.add(part(everything, 2000, 2800))
    made.add(part(everything, 2800, COUNT))
    assert [about.kind for about in made.manifest.segments] == ["ivf", "ivf", "flat"]
    return made


def test_exact_at_every_selectivity(store: Store) -> None:
    rng = np.random.default_rng(1)
    queries = rng.normal(size=(20, 24)).astype(np.float32)
    approximate = [row.tolist() for row in store.search(queries, 10)[0]]
    assert approximate != nearest(store, queries, np.ones(COUNT, bool), 10), "the index misses some"
    left_out = (0, 1, 5, 100, 256, 257, COUNT // 2, COUNT - 30, COUNT - 3)
    for count in left_out:
        allowed = np.ones(COUNT, bool)
        allowed[rng.choice(COUNT, count, replace=False)] = False
        truth = nearest(store, queries, allowed, 10)
        for some in (queries, queries[:1]):
            found = store.search(some, 10, allowed)[0]
            assert [row[row >= 0].tolist() for row in found] == truth[: len(some)]


def test_exact_when_few_tiles_were_removed(everything: Embeddings, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "index"
    made = Store.create(part(everything, 0, 1500), path, exact_up_to=100, recall=0.5)
    made.add(part(everything, 1500, 2200))
    made.remove(everything.ids[3:8])  # of the first piece alone
    queries = np.random.default_rng(2).normal(size=(20, 24)).astype(np.float32)
    every = np.ones(len(made), bool)
    assert made.search(queries, 10)[0].tolist() == nearest(made, queries, every, 10)
    every[::9] = False
    assert made.search(queries, 10, every)[0].tolist() == nearest(made, queries, every, 10)


def test_many_candidates_go_through_the_index(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssl_insar.search.segment.EXACT_AMONG", 100)
    monkeypatch.setattr("ssl_insar.search.snapshot.EXACT_AMONG", 100)
    used: list[int] = []
    real = Segment._search_among

    def noted(segment: Segment, *arguments: Any) -> Any:
        used.append(len(segment))
        return real(segment, *arguments)

    monkeypatch.setattr(Segment, "_search_among", noted)
    queries = np.random.default_rng(3).normal(size=(20, 24)).astype(np.float32)
    allowed = np.arange(COUNT) % 2 == 0
    found = store.search(queries, 10, allowed)[0]
    truth = nearest(store, queries, allowed, 10)
    assert used == [2000, 800]
    assert np.isin(found, store.snapshot.keys[allowed]).all()
    assert np.mean([np.isin(a, b).mean() for a, b in zip(found, truth, strict=True)]) > 0.4


def test_compiled_code_finds_what_numpy_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(500, 40)).astype(np.float16)
    matrix[:, :4] *= np.float16(1e-6)  # subnormal
    matrix[100:110] = matrix[:10]  # of equal cosines the first row comes first
    queries = unit_rows(rng.normal(size=(600, 40)))
    rows = np.stack([rng.permutation(500)[:60] for _ in queries])
    rows[:, 50:] = -1
    for k in (1, 7, 60):
        monkeypatch.setattr(exact, "_COMPILED_FROM", 10**12)
        expected = exact.rescored(matrix, queries, rows, k)
        monkeypatch.setattr(exact, "_COMPILED_FROM", 0)
        for threads in (1, 2):
            monkeypatch.setattr(import_faiss(), "omp_get_max_threads", lambda n=threads: n)
            found = exact.rescored(matrix, queries, rows, k)
            np.testing.assert_allclose(found[1], expected[1], atol=1e-6)
            assert (found[0] == expected[0]).mean() > 0.999, "but for cosines that differ by rounding"
    cosines = np.einsum("qd,nd->qn", queries[:3], unit_rows(matrix))
    truth = np.argsort(-cosines, axis=1, kind="stable")[:, :9]
    np.testing.assert_array_equal(exact.nearest(matrix, queries[:3], 9), truth)
