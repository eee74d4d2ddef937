"""The simulator's benchmark at a small size: both sides obey one law, and the table is told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy import stats

from evaluation import benchmark_synth as bench
from ssl_insar.synth.decorrelation import phase_noise
from ssl_insar.synth.turbulence import HANSSEN


def test_numpy_has_the_simulators_spectrum() -> None:
    frequency = np.concatenate([[0], np.geomspace(1e-6, 1e-2, 50)])
    theirs = HANSSEN.density(torch.from_numpy(frequency)).numpy()
    np.testing.assert_allclose(bench.three_regimes(frequency), theirs, rtol=1e-12)


def test_screens_of_both_sides_have_the_same_structure() -> None:
    made = bench.Simulator(64, 60, 5, "cpu").screens().numpy()
    plain = bench.Plain(64, 5)
    screens = np.stack([plain.screen() for _ in range(60)])
    for lag in (1, 4, 16):
        ours, theirs = (np.mean((f[:, lag:] - f[:, :-lag]) ** 2) for f in (made, screens))
        assert ours == pytest.approx(theirs, rel=0.25)


@pytest.mark.parametrize("way", [bench.two_draws, bench.sum_of_looks])
def test_noise_of_both_sides_has_one_distribution(way) -> None:
    noise = way(np.random.default_rng(0), np.full((120, 120), 0.6), 3)
    ours = phase_noise(torch.full((120, 120), 0.6), 3, generator=torch.Generator().manual_seed(1))
    assert stats.ks_2samp(noise.ravel(), ours.numpy().ravel()).pvalue > 0.01
    assert noise.mean() == pytest.approx(0, abs=0.03)


def test_filtered_scenes_are_alike() -> None:
    made = bench.Simulator(48, 20, 5, "cpu").scene().numpy()
    plain = bench.Plain(48, 5)
    scenes = np.stack([plain.scene(bench.two_draws) for _ in range(20)])
    ours, theirs = (np.abs(np.mean(np.exp(1j * np.diff(f)))) for f in (made, scenes))
    assert ours == pytest.approx(theirs, abs=0.05)


def test_the_table_and_the_figure(tmp_path: Path) -> None:
    words = ["--size", "32", "--scenes", "3", "--repeats", "1", "--threads", "2", "--out", str(tmp_path)]
    CliRunner().invoke(bench.main, words, catch_exceptions=False, standalone_mode=False)
    page = (tmp_path / "synth.md").read_text()
    assert "batches of 3 scenes, 2 at once, on cpu" in page
    rows = re.findall(r"^\| (turb.*|whole.*) \|$", page, re.MULTILINE)
    assert len(rows) == 2
    for row in rows:
        _, ours, *rest = row.split(" | ")
        slow, ratios = [float(x) for x in rest[:2]], [float(x) for x in rest[2:]]
        assert ratios == pytest.approx([float(ours) / x for x in slow], rel=0.05, abs=0.1)
    shares = [int(x) for x in re.findall(r"\((\d+)%\)", page)]
    assert len(shares) == 9
    assert sum(shares) >= 95, "the parts and the rest make up the whole"
    assert (tmp_path / "synth.png").read_bytes().startswith(b"\x89PNG")
