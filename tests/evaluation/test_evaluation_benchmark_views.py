"""The benchmark of views at a small size: every chain makes what it says, and the table is told."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from evaluation import benchmark_views as bench

SMALL = ["--size", "32", "--batch", "2", "--seconds", "0.02", "--turns", "2"]


def test_tiles_are_unit_phasors_with_no_data_in_a_corner() -> None:
    field = bench.tiles(3, 48)
    assert field.shape == (3, 2, 48, 48)
    length = torch.hypot(field[:, 0], field[:, 1])
    assert not length[:, :8, :12].any()
    assert ((length[:, 8:] - 1).abs() < 1e-5).all()


def test_every_chain_makes_the_views_it_counts() -> None:
    every = bench.chains(bench.tiles(2, 32), 32)
    assert {name: work(0) for name, work in every.items()} == {
        name: 4 if name.startswith(bench.OURS) else 2 for name in every
    }
    assert list(every)[-1] == bench.FLOOR


def test_the_peer_s_chain_changes_its_images() -> None:
    images = np.random.default_rng(0).integers(0, 255, (2, 32, 32), np.uint8)
    before = images.copy()
    assert bench.peer(images)(0) == 2
    np.testing.assert_array_equal(images, before)


def test_the_rates_are_medians_of_turns() -> None:
    lines = bench._table({bench.PEER: [10.0, 20.0, 30.0], bench.FLOOR: [100.0, 400.0, 300.0]})
    assert lines[-1].split("|")[2:6] == [" 300 ", " 3.333 ", " 10.0 ", " 1.0 "]
    assert lines[-2].split("|")[2:6] == [" 20 ", " 50.000 ", " 1.0 ", " 10.0 "]


def test_the_report(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    result = CliRunner().invoke(bench.main, [*SMALL, "--out", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    text = (tmp_path / "views.md").read_text()
    assert text in result.output
    assert text.startswith("32 px, 2 tiles at a time, cpu, 1 thread, median of 2 turns of 0.02 s")
    assert f"| {bench.OURS} |" in text
    assert "| turbulence |" in text
    assert ("kornia, the peer's chain |" in text) == (importlib.util.find_spec("kornia") is not None)
    shares = [int(line.split("|")[3].strip(" %")) for line in text.splitlines() if line.endswith("% |")]
    assert 90 <= sum(shares) <= 110
    assert torch.get_num_threads() == threads


def test_without_kornia(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    output = CliRunner().invoke(bench.main, SMALL, catch_exceptions=False).output
    assert "kornia is not installed: no rows of it." in output
    assert "kornia, the peer" not in output
