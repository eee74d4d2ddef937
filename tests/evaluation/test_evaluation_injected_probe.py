"""Encoders compared by injected sources: what is seen is told, and what is not is chance."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GroupKFold

from evaluation.injected_probe import ALL, RATIOS, command, compare, scores
from ssl_insar.classify import LinearProbe
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.embeddings import unit_rows


def known(strength: float, seed: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    """Features of 120 tiles, one of which grows with the source."""
    made = np.random.default_rng(seed).normal(size=(120, 1 + len(RATIOS), 6)).astype(np.float32)
    made[:, :, 0] += strength * np.array([0.0, *RATIOS])
    return unit_rows(made.reshape(-1, 6)).reshape(made.shape)


def test_what_is_seen_is_told_and_the_rest_is_chance() -> None:
    groups = np.repeat(np.arange(12), 10)
    found = {name: scores(known(x, 1), groups, 0) for name, x in {"blind": 0.0, "seeing": 0.3}.items()}
    table = compare(found, groups, draws=50, seed=0).set_index(["encoder", "snr"])
    seeing = [table.loc[("seeing", f"{ratio:g}"), "auroc"] for ratio in RATIOS]
    assert seeing == sorted(seeing), "a stronger source is told better"
    assert seeing[-1] > 0.9
    assert abs(table.loc[("blind", ALL), "auroc"] - 0.5) < 0.1
    assert table.loc[("blind", ALL), "change"] == 0
    assert table.loc[("seeing", ALL), "change_low"] > 0.1
    assert (table["low"] <= table["auroc"]).all()
    assert (table["auroc"] <= table["high"]).all()


def test_folds_that_choose_other_strengths_are_ranked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    strengths = cycle((1e-3, 1e3))
    monkeypatch.setattr(
        "evaluation.injected_probe.LinearProbe", lambda seed: LinearProbe(next(strengths), seed)
    )
    groups = np.repeat(np.arange(12), 10)
    found = scores(known(0.3, 1), groups, 0)
    spreads = [found[test].std() for _, test in GroupKFold(4).split(groups, groups=groups)]
    assert max(spreads) < 1.5 * min(spreads), "the scale of a fold follows its regularisation"


def test_two_encoders_from_end_to_end(archive_path: Path, tmp_path: Path) -> None:
    words = []
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        Encoder("resnet10t", InputSpec(32)).save(tmp_path / name)
        words += ["--encoder", f"{name}={tmp_path / name}"]
    words += ["--archive", str(archive_path), "--quiet", "labelled", "--out", str(tmp_path / "out")]
    command.main([*words, "--sources", "4", "--draws", "20"], standalone_mode=False)
    table = pd.read_csv(tmp_path / "out" / "injected_probe.csv")
    assert table["encoder"].unique().tolist() == ["first", "second"]
    assert len(table) == 2 * (len(RATIOS) + 1)
    page = (tmp_path / "out" / "injected_probe.md").read_text()
    assert "40 quiet tiles (labelled) of 10 volcanoes" in page
    assert "| second |" in page
