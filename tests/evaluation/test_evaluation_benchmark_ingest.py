"""The ingest benchmark at a small size: the two sides read the same windows, and the table is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation import benchmark_ingest as bench
from ssl_insar.archive import ingest


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "FRAME", (300, 500))
    monkeypatch.setattr(bench, "STACK", (2, 230, 460))
    monkeypatch.setattr(bench, "CROPS", 110)
    monkeypatch.setattr(bench, "MANY_CROPS", 105)


@pytest.mark.usefixtures("small")
def test_both_sides_read_the_same_windows(tmp_path: Path) -> None:
    for case in bench.cases(tmp_path / "files"):
        held = ingest(case.sources, tmp_path / case.name, min_valid=0, progress=False).archive.catalogue
        if "PNG" in case.name:
            assert len(held) == bench.CROPS
            continue
        shape = tuple(held[["height", "width"]].iloc[0])
        rows = held[held["source"] == held["source"][0]].drop_duplicates(["row", "col"])
        expected = {(r.start, c.start) for r, c in bench.windows(shape)}
        assert set(zip(rows["row"], rows["col"], strict=True)) == expected, case.name
        for path in case.sources[:1]:
            case.bare(path)


@pytest.mark.usefixtures("small")
def test_the_table_and_the_figure(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        bench.main, ["--out", str(tmp_path), "--repeats", "1"], catch_exceptions=False
    )
    assert result.exit_code == 0
    text = (tmp_path / "ingest.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| LiCSAR") or "(h5py)" in line]
    assert len(rows) == 3
    assert all(0 < float(row.split("|")[6]) < 9 for row in rows)
    assert "| 105 crops |" in text, "names the number that was measured"
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")
