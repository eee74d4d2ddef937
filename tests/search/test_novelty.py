"""Novelty, anomalies in time and duplicates, where they were planted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ssl_insar.cli import index as index_command
from ssl_insar.models import Embeddings
from ssl_insar.search import Index, duplicate_groups, novelty_table

COUNT, PLACES, SPIKE, COPY = 120, 3, 100, 7


@pytest.fixture(scope="module")
def index(
    made: Callable[..., Embeddings],
    catalogue: Callable[..., pd.DataFrame],
    tmp_path_factory: pytest.TempPathFactory,
) -> Index:
    """Three volcanoes with forty tiles each in time; one tile is like nothing, one is a copy."""
    rng = np.random.default_rng(0)
    matrix = made(COUNT, clusters=1).matrix.astype(np.float32)
    matrix = matrix[0] + 0.1 * rng.normal(size=matrix.shape) * np.linalg.norm(matrix[0]) / 5
    matrix[SPIKE] = rng.normal(size=24)
    matrix[COPY] = 3 * matrix[80]
    table = catalogue(
        *(
            {
                "volcano": f"v{n % PLACES}", "frame": f"f{n % PLACES}",
                "reference_date": date(2016, 1, 1) + timedelta(days=n),
                "secondary_date": date(2016, 1, 13) + timedelta(days=n),
            }
            for n in range(COUNT)
        )
    )  # fmt: skip
    held = made(COUNT)
    given = dataclasses.replace(held, matrix=matrix.astype(np.float16), catalogue=table)
    return Index.build(given, tmp_path_factory.mktemp("novelty") / "index")


def test_novelty_is_the_distance_to_the_kth_elsewhere(index: Index) -> None:
    table = novelty_table(index, 3).set_index("id")
    assert table.index[0] == f"tile{SPIKE:05d}"
    unit = index.vectors(np.arange(COUNT))
    place = np.arange(COUNT) % PLACES
    cosines = np.where(place[:, None] == place, -2, unit @ unit.T)
    third = 1 - np.sort(cosines, axis=1)[:, -3]
    ids = [f"tile{n:05d}" for n in range(COUNT)]
    np.testing.assert_allclose(table.novelty.loc[ids], third, atol=1e-5)
    assert table.like.loc[ids].tolist() == [ids[row] for row in cosines.argmax(axis=1)]


def test_a_place_larger_than_the_neighbours_asked_for(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = novelty_table(index, 3)
    monkeypatch.setattr("ssl_insar.search.novelty._MORE", 0)
    pd.testing.assert_frame_equal(novelty_table(index, 3), expected, atol=1e-6)


def test_anomaly_is_told_by_the_own_past_alone(index: Index) -> None:
    table = novelty_table(index, 3).set_index("id")
    spike = table.loc[f"tile{SPIKE:05d}"]
    assert spike.earlier == SPIKE // PLACES
    assert spike.anomaly == table.anomaly.max()
    assert spike.anomaly > 5 > table.anomaly.drop(spike.name).median()
    first = table.loc["tile00000"]
    assert first.earlier == 0
    assert np.isnan(first.anomaly)
    # What comes later does not change what was told.
    order = np.arange(SPIKE + 1)
    held = index.embeddings
    past = Index.build(
        dataclasses.replace(held, matrix=held.matrix[order], catalogue=held.catalogue.iloc[order]),
        index.path.with_name("past"),
    )
    assert novelty_table(past, 3).set_index("id").anomaly[spike.name] == pytest.approx(
        spike.anomaly, rel=1e-3
    )


def test_copies_are_grouped(index: Index) -> None:
    found = duplicate_groups(index, 0.9999)
    assert found.id.tolist() == [f"tile{COPY:05d}", "tile00080"]
    assert found.group.tolist() == [1, 1]
    assert found["size"].tolist() == [2, 2]
    assert (found.cosine > 0.9999).all()
    every = duplicate_groups(index, -0.999)
    assert len(every) == COUNT
    assert every.group.max() == 1
    with pytest.raises(ValueError, match=r"cosine 1\.5"):
        duplicate_groups(index, 1.5)


@pytest.mark.parametrize("command", ["novelty", "duplicates"])
def test_the_commands_write_tables(index: Index, tmp_path: Path, command: str) -> None:
    out = tmp_path / "table.csv"
    words: list[Any] = [command, index.path, "--out", out]
    result = CliRunner().invoke(index_command.command, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert "wrote" in result.output
    assert len(pd.read_csv(out)) == (COUNT if command == "novelty" else 2)
