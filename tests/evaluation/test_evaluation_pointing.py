"""The pointing game: whose share counts, and the protocol end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_detector import write_run

from evaluation import pointing
from evaluation.detection_limit import Scores
from evaluation.pointing import CENTRE, CHANCE, WHERE, Pointed, analyse, command


def test_only_detected_sources_count() -> None:
    quiet = np.linspace(-1, 1, 40)
    holding = np.where(np.arange(40) < 10, 5.0, -5.0)  # the first ten are found
    hit = np.where(np.arange(40) < 8, 1.0, 0.0)
    error = np.where(np.arange(40) < 10, np.arange(40.0), 1e6)
    overlap = np.where(np.arange(40) < 10, 0.25, 1.0)
    pointed = Pointed({"x": hit}, {"x": error}, {"x": overlap}, Scores(quiet, holding[:, None]))
    groups, folds = np.repeat([str(i) for i in range(8)], 5), np.repeat(np.arange(8), 5)
    (row,) = analyse(pointed, groups, folds, 0, 50).to_dict("records")
    assert (row["detected"], row["injected"], row["hit"]) == (10, 40, pytest.approx(0.8))
    assert row["error_km"] == 4
    assert row["iou"] == pytest.approx(0.25)
    assert row["hit_low"] <= row["hit"] <= row["hit_high"]


def test_the_protocol_runs_from_end_to_end(archive_path: Path, tmp_path: Path, monkeypatch) -> None:
    caught = []
    monkeypatch.setattr(pointing, "analyse", lambda *given: caught.append(given[0]) or analyse(*given))
    run, out = write_run(tmp_path / "run", where=True), tmp_path / "pointing"
    words = ["--detector", run, "--archive", archive_path, "--out", out, "--sources", 4, "--draws", 20]
    command.main([str(word) for word in (*words, "--stride", 16, "--snr", 60)], standalone_mode=False)
    table = pd.read_csv(out / "pointing.csv").set_index("pointed by")
    for way, overlap in caught[0].overlap.items():
        assert np.isnan(overlap).all() if way in (CENTRE, CHANCE) else (overlap <= 1).all()
    assert caught[0].overlap[WHERE].any()
    assert set(table.index) == {
        WHERE,
        CENTRE,
        CHANCE,
        *(f"{m}cam, stride 16" for m in ("grad", "hires", "eigen")),
    }
    assert (table["injected"] == 40).all()
    page = (out / "pointing.md").read_text()
    assert "of 40 sources detected at 1% false alarms" in page
    assert "preset volcanoes, SNR 60" in page
