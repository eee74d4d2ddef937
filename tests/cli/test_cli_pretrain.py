from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ssl_insar.cli.pretrain import command
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.pretrain import processes
from ssl_insar.pretrain.processes import Processes


@pytest.mark.parametrize("rank", [0, 1])
def test_of_several_processes_the_first_one_speaks(
    rank: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder("resnet10t", InputSpec(32))
    monkeypatch.setattr("ssl_insar.pretrain.pretrain", lambda *args, **kwargs: encoder)
    monkeypatch.setattr(processes, "join", lambda: Processes(rank, world=2, local=2))
    out = tmp_path / "run"
    arguments = ["simclr-cpu", "--archive", str(tmp_path), "--out", str(out)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    said = f"{out}: encoder {encoder.hash}, {encoder.dimension} features a tile\n"
    assert result.output == ("" if rank else said)
