"""Invariance: cosines, what each nuisance does to an encoder that cannot see it, the protocol end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from evaluation.backgrounds import backgrounds
from evaluation.injected import draw_sources
from evaluation.invariance import OTHER, REMOVED, UNTOUCHED, command, cosines, embed, nuisances, summary
from evaluation.methods import RANDOM
from ssl_insar.archive import Archive
from ssl_insar.models import Encoder, InputSpec


class Means(nn.Module):
    """Means of the input over blocks, of its length alone or with its direction."""

    def __init__(self, directed: bool) -> None:
        super().__init__()
        self.spec = InputSpec(32)
        self.directed = directed

    def forward(self, x: Tensor) -> Tensor:
        seen = x if self.directed else torch.linalg.vector_norm(x, dim=1, keepdim=True)
        return nn.functional.adaptive_avg_pool2d(seen, 4).flatten(1)


def test_the_protocol_runs_from_end_to_end(archive_path: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    Encoder("resnet10t", InputSpec(32)).save(tmp_path / "run")
    out = tmp_path / "out"
    words = ["--encoder", str(tmp_path / "run"), "--archive", str(archive_path), "--out", str(out)]
    command.main([*words, "--sources", "4", "--draws", "20"], standalone_mode=False)
    assert {path.name for path in out.iterdir()} == {f"invariance.{end}" for end in ("csv", "md", "png")}
    table = pd.read_csv(out / "invariance.csv")
    names = [*nuisances(100.0), REMOVED, OTHER]
    for which in ("encoder", RANDOM):
        assert table[table["encoder"] == which]["nuisance"].tolist() == names
    assert table[["raw", "centred"]].abs().max().max() <= 1 + 1e-6
    assert (table["raw_low"] <= table["raw_high"]).all()
    page = (out / "invariance.md").read_text()
    assert "40 quiet tiles (labelled) of 10 volcanoes" in page
    assert "the encoder may have been trained on these volcanoes" in page


def test_an_encoder_that_sees_no_phase_ignores_what_changes_the_phase_alone(archive_path: Path) -> None:
    tiles = backgrounds(Archive.open(archive_path), "labelled", None, 12, 0)
    injection = draw_sources(tiles, "volcanoes", 4, (0.01, 0.1), 1, 0).at_ratio(5.0)
    blind, seeing = Means(directed=False), Means(directed=True)
    done = embed({"blind": blind, "seeing": seeing}, tiles, injection, 0)  # type: ignore[dict-item]
    assert list(done["blind"]) == [UNTOUCHED, *nuisances(100.0), REMOVED]
    blinded, seen = cosines(done["blind"]), cosines(done["seeing"])
    phase_only = [name for name in nuisances(100.0) if "mirrored" not in name and "decorrelation" not in name]
    for name in phase_only:
        assert blinded[name]["raw"] == pytest.approx(1, abs=1e-5)
        assert seen[name]["raw"].mean() < 0.999
    stronger = [seen[f"atmosphere of {rms} rad"]["raw"].mean() for rms in ("0.5", "1", "2")]
    assert stronger[0] > stronger[1] > stronger[2]
    assert seen[REMOVED]["raw"].mean() < 0.999


def test_cosines_are_raw_and_from_the_mean() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(300, 5))
    features = {UNTOUCHED: base + 100, REMOVED: 100 - base, "nothing": base + 100}
    found = cosines({name: values.astype(np.float32) for name, values in features.items()})
    assert found["nothing"]["centred"] == pytest.approx(1, abs=1e-4)
    assert found[REMOVED]["raw"].min() > 0.99
    assert found[REMOVED]["centred"] == pytest.approx(-1, abs=1e-4)
    assert abs(found[OTHER]["centred"].mean()) < 0.1


def test_a_summary_says_which_nuisances_move_less_than_the_source() -> None:
    groups = np.array(["a", "a", "b", "b"])
    removed = np.array([0.5, 0.5, 0.5, 0.5])
    done = {
        "mild": {"raw": np.ones(4), "centred": np.array([0.9, 0.8, 0.9, 0.2])},
        REMOVED: {"raw": np.ones(4), "centred": removed},
    }
    table = summary({"encoder": done}, groups, 20, 0).set_index("nuisance")
    assert table.loc["mild", "kept"] == 0.75
    assert table.loc["mild", "kept_low"] == 0.5
    assert table.loc["mild", "kept_high"] == 1.0
    assert np.isnan(table.loc[REMOVED, "kept"])
    assert table.loc[REMOVED, "centred"] == 0.5
