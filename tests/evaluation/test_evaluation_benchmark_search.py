"""The scale benchmark, small: its vectors are as clustered as it says, its engines find what they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from evaluation.benchmark_search import command, on_paper, page, recall_of
from evaluation.made_embeddings import BETWEEN, MEAN_COSINE, PLACE, MadeEmbeddings, collection, queries
from evaluation.search_engines import BareLists, OurLists
from ssl_insar.search import exact


def test_made_vectors_are_clustered_as_told(tmp_path: Path) -> None:
    made = MadeEmbeddings(2000, 64)
    places = np.arange(4000) % made.places
    vectors = np.concatenate([made.draw(part, places[:1000]) for part in range(4)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    mean = vectors.mean(axis=0)
    assert float(mean @ mean) == pytest.approx(MEAN_COSINE, abs=0.06)
    # Of the variance half is of places: a tile's nearest is of its own place far oftener than by chance.
    variance = ((vectors - mean) ** 2).sum(axis=1).mean()
    nearest = np.sort(1 - vectors[:500] @ vectors.T, axis=1)[:, 1 : 1 + PLACE].mean()
    assert nearest < (1 - BETWEEN / 2) * variance
    held = collection(tmp_path / "v.npy", 2000, 64)
    np.testing.assert_allclose(held[:5], made.draw(0, np.arange(2000) // PLACE)[:5], atol=1e-3)
    again = collection(tmp_path / "v.npy", 2000, 64)
    np.testing.assert_array_equal(held, again)
    assert not np.isclose(queries(3, 2000, 64) @ held.T.astype(np.float32), 1, atol=1e-4).any()


def test_recall() -> None:
    assert recall_of(np.array([[1, 2, 9], [4, 5, 6]]), np.array([[1, 2, 3], [6, 5, 4]])) == pytest.approx(
        5 / 6
    )


def test_lists_of_both_kinds_are_searched(tmp_path: Path) -> None:
    matrix = collection(tmp_path / "vectors.npy", 1200, 16)
    asked = queries(50, 1200, 16)
    true = exact.nearest(matrix, asked, 10)
    ours, bare = OurLists(tmp_path / "ours"), BareLists(tmp_path / "bare")
    what, same = ours.build(matrix), bare.build(matrix)
    assert what.startswith("IVF")
    assert what.split(";")[0] == same
    assert recall_of(ours.search(asked, 10, 0), true) > 0.9
    few, many = (recall_of(bare.search(asked, 10, effort), true) for effort in (1, 256))
    assert few < many
    assert many > 0.9
    assert recall_of(ours.bare(asked, 10)[:, :10], true) > 0.8
    assert ours.size() > 1200 * 16 * 3  # float16 and one byte a number


def test_the_command_writes_table_and_page(tmp_path: Path) -> None:
    words = ["--tiles", "1500", "--dimension", "32", "--queries", "20", "--out", str(tmp_path)]
    result = CliRunner().invoke(command, [*words, "--engine", "ours", "--engine", "faiss"])
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "benchmark_search.csv")
    assert table.engine.tolist() == ["ours", "FAISS, same factory"]
    assert (table.recall_at_10 == 1).all()
    assert not (tmp_path / "scratch").exists()
    row = table.iloc[0].copy()
    assert {"single_overhead_ms", "batched_overhead"} <= set(table)
    row["engine"], row["what"] = "ours, inverted lists", "IVF100,SQ8; effort 8, rescores 2 k"
    text = page(pd.concat([table, row.to_frame().T], ignore_index=True))
    assert "| FAISS, same factory | Flat |" in text
    assert "On paper, 100,000,000 vectors of 32: IVF40000_HNSW32,SQ8, 4 GB" in on_paper(row)
    assert on_paper(row) in text
