"""`ssl-insar export`: the files it writes, what it says of them, what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from ssl_insar.cli import group
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run") / "encoder"
    Encoder("resnet10t", InputSpec(32)).save(folder)
    return folder.parent


def test_both_files_of_a_run(saved: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    onnx, program = tmp_path / "e.onnx", tmp_path / "e.pt2"
    result = CliRunner().invoke(
        group, ["export", str(saved), "--onnx", str(onnx), "--torch", str(program), "--normalise"]
    )
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line.startswith(str(tmp_path))]
    assert len(lines) == 2
    for path, line in zip((onnx, program), lines, strict=True):
        assert line.startswith(f"{path}: (B, 2, 32, 32) -> (B, 512), largest difference from the encoder ")
        told = re.search(r"encoder (\S+)$", line)
        assert told is not None
        assert float(told[1]) < 1e-4
    x = torch.randn(4, 2, 32, 32)
    with torch.no_grad():
        features = torch.export.load(program).module()(x)
        expected = torch.nn.functional.normalize(Encoder.load(saved)(x))
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-5)


def test_it_asks_what_to_write(saved: Path) -> None:
    result = CliRunner().invoke(group, ["export", str(saved)])
    assert result.exit_code == 2
    assert "give --onnx FILE, --torch FILE or both" in result.output


def test_a_folder_without_an_encoder_writes_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["export", str(tmp_path), "--torch", str(tmp_path / "e.pt2")])
    assert isinstance(result.exception, UserError)
    assert "no encoder here" in str(result.exception)
    assert not list(tmp_path.iterdir())
