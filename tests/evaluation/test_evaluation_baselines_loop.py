"""The baselines' training loop: resumed exactly, stopped between steps, honest about what it cannot do."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from evaluation.baselines.loop import Settings, seeded, train
from ssl_insar.errors import UserError

SETTINGS = Settings(epochs=3, batch_size=4, views=2, seed=5)
TILES = np.arange(10, 30)  # five batches an epoch


class _Task:
    """A regression whose batches and noise follow from the step, and that can press Ctrl-C."""

    def __init__(self, press_at: int = -1) -> None:
        with seeded(1):
            self.net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
        self.press_at = press_at
        self.seen: list[list[int]] = []

    def __call__(self, positions: list[int], step: int) -> Tensor:
        self.seen.append(positions)
        if step == self.press_at:
            signal.raise_signal(signal.SIGINT)
        generator = torch.Generator().manual_seed(step)
        x = torch.tensor(positions)[:, None] / 30 + 0.1 * torch.randn(4, 3, generator=generator)
        return (self.net(x).float() - x.sum(1, keepdim=True)).square().mean()

    def train(self, folder: Path, settings: Settings = SETTINGS) -> dict:
        return train(self.net, self, TILES, settings, folder, {"baseline": "made"}, shown=False)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path) -> None:
    whole, stopped, resumed = _Task(), _Task(press_at=6), _Task()
    state = whole.train(tmp_path / "whole")
    with pytest.raises(click.Abort):
        stopped.train(tmp_path / "run")
    assert len(stopped.seen) == 7  # the step was finished
    assert json.loads((tmp_path / "run" / "run.json").read_text())["finished"] is False
    assert resumed.train(tmp_path / "run")["images"] == state["images"] == 15 * 4 * 2
    assert stopped.seen + resumed.seen == whole.seen
    for a, b in zip(whole.net.parameters(), resumed.net.parameters(), strict=True):
        assert torch.equal(a, b)
    logs = [
        pd.read_csv(tmp_path / name / "loss.csv").drop(columns="images_per_s") for name in ("whole", "run")
    ]
    pd.testing.assert_frame_equal(*logs)
    assert logs[0]["loss"].iloc[-5:].mean() < logs[0]["loss"].iloc[:5].mean()
    assert sorted({tile for batch in whole.seen[:5] for tile in batch}) == TILES.tolist()

    again = _Task()
    assert again.train(tmp_path / "run")["finished"] is True
    assert again.seen == []  # what is finished is loaded
    assert torch.equal(again.net[0].weight, whole.net[0].weight)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # Ctrl-C is given back


def test_what_cannot_be_done_is_said(tmp_path) -> None:
    _Task().train(tmp_path / "run")
    longer = Settings(epochs=4, batch_size=4, views=2, seed=5)
    with pytest.raises(UserError, match=r"other settings \(epochs 3\); give --run a new folder"):
        _Task().train(tmp_path / "run", longer)
    with pytest.raises(UserError, match="20 usable tiles are less than a batch; give --batch-size 5"):
        _Task().train(tmp_path / "large", Settings(epochs=1, batch_size=21, views=1))
    (tmp_path / "run" / "last.pt").write_bytes(b"cut off")
    with pytest.raises(UserError, match="damaged checkpoint"):
        _Task().train(tmp_path / "run")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="holds something else"):
        _Task().train(tmp_path / "other")
    broken = _Task()
    with torch.no_grad():
        broken.net[0].weight.fill_(float("nan"))
    with pytest.raises(UserError, match="the loss became nan at step 0; lower"):
        broken.train(tmp_path / "nan")


def test_seeded_weights_leave_the_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    with seeded(0):
        first = torch.rand(1)
    assert torch.equal(torch.rand(1), expected)
    with seeded(0):
        assert torch.equal(torch.rand(1), first)
