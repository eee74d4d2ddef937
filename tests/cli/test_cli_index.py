"""``ssl-insar index`` and what keeps an index up to date."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ssl_insar.archive.catalogue import COLUMNS, to_table
from ssl_insar.cli import index as index_command
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings
from ssl_insar.models.embeddings import Provenance
from ssl_insar.search import Index


def run(*arguments: object) -> Result:
    return CliRunner().invoke(index_command.command, [str(a) for a in arguments])


def said(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, UserError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def embeddings(path: Path, first: int, last: int, encoder: str = "hash") -> Path:
    rng = np.random.default_rng(first)
    fill = {"str": "x", "date": date(2020, 1, 1)}
    rows = [
        {name: fill.get(kind, 1) for name, kind in COLUMNS.items()} | {"id": f"t{i}", "geometry": None}
        for i in range(first, last)
    ]
    matrix = rng.normal(size=(last - first, 8)).astype(np.float16)
    Embeddings(matrix, to_table(rows), Provenance("run", encoder, "", "d")).save(path)
    return path


@pytest.fixture
def index(tmp_path: Path) -> Path:
    out = tmp_path / "index"
    said(embeddings(tmp_path / "e", 0, 20), "--out", out)
    return out


def test_life_of_an_index(index: Path, tmp_path: Path) -> None:
    text = said("add", index, embeddings(tmp_path / "more", 20, 25))
    assert "added 5 tiles" in text
    assert "25 tiles, dimension 8, Flat (exact)" in text
    assert f"ssl-insar index compact {index}" in text
    text = said("update", index, embeddings(tmp_path / "other", 24, 27))
    assert "replaced 1 tiles, added 2" in text
    (tmp_path / "ids.txt").write_text("t3\n\nt26\n")
    assert "removed 3 tiles" in said("remove", index, "t1", "--ids", tmp_path / "ids.txt")
    text = said("info", index)
    assert "24 tiles" in text
    assert "hash hash" in text
    assert "removed tiles not yet compacted" in text
    assert "pieces" not in said("compact", index)
    assert "in one piece already" in said("compact", index)
    assert "24 tiles" in said("compact", index, "--again")
    assert set(Index.open(index).catalogue["id"]) == {f"t{i}" for i in range(26)} - {"t1", "t3"}
    assert "24 tiles" in said("build", index, "--out", tmp_path / "copy")  # an index is embeddings too


def test_options_come_in_any_order_and_the_reason_is_told(tmp_path: Path) -> None:
    folder = embeddings(tmp_path / "e", 0, 20)
    text = said("--recall", ".9", "--memory", "4GB", "--fixed", "--out", tmp_path / "index", folder)
    assert "20 vectors are few enough to compare with every one" in text
    told = Index.open(tmp_path / "index").manifest
    assert (told["goal"], told["memory"], told["changing"]) == (0.9, 4 * 10**9, False)


def test_what_is_refused(index: Path, tmp_path: Path) -> None:
    assert "already there: t0" in refused("add", index, tmp_path / "e")
    assert "another encoder" in refused("add", index, embeddings(tmp_path / "x", 30, 40, "other"))
    assert "holds no tile ghost" in refused("remove", index, "ghost")
    assert "--ids" in refused("remove", index)
    assert "no such folder" in refused("info", tmp_path / "nothing")
    for options in (["--memory", "lots"], ["--memory", "-1GB"], ["--recall", "0"], ["--recall", "98"]):
        assert run(tmp_path / "e", "--out", tmp_path / "i", *options).exit_code == 2


@pytest.mark.parametrize("name", ["", "build", "add", "update", "remove", "compact", "info"])
def test_help_has_an_example(name: str) -> None:
    text = said(*filter(None, [name, "--help"]))
    assert "Example" in text
    assert "ssl-insar index " in text
