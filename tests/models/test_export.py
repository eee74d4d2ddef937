"""Exported graphs give the encoder's features, for any batch, and are not kept if they do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ssl_insar.archive import Archive
from ssl_insar.augment import field as fd
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models import export as module
from ssl_insar.models.export import export

SIZE = 32


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """Strides and statistics as after training."""
    torch.manual_seed(0)
    encoder = Encoder("resnet10t", InputSpec(SIZE), {"recipe": "made"}).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for _ in range(5):
            encoder.train()(torch.randn(8, 2, SIZE, SIZE))
    return encoder.eval()


@pytest.fixture(scope="module")
def program(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "encoder.pt2"
    assert export(encoder, program=path, normalise=True)[path] < 1e-6
    return path


@pytest.fixture
def x(encoder: Encoder, archive_path: Path) -> torch.Tensor:
    """Seven real inputs: a batch that export did not compare."""
    z = torch.from_numpy(Archive.open(archive_path).phasors(range(7)))
    return encoder.spec.prepare(fd.from_complex(z))


def test_a_program_gives_unit_features_of_tiles(encoder: Encoder, program: Path, x: torch.Tensor) -> None:
    told = {"encoder.json": ""}
    run = torch.export.load(program, extra_files=told).module()
    with torch.no_grad():
        features = run(x)
        expected = torch.nn.functional.normalize(encoder(x))
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-6)
    card = json.loads(told["encoder.json"])
    assert (card["hash"], card["channels"], card["size"]) == (encoder.hash, ["re", "im"], SIZE)


def test_onnx_gives_the_features_of_tiles(encoder: Encoder, x: torch.Tensor, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path / "encoder.onnx"
    difference = export(encoder, onnx=path)[path]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (features,) = session.run(["features"], {"phasor": x.numpy()})
    with torch.no_grad():
        expected = encoder(x).numpy()
    assert 0 <= difference < 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert np.abs(features).max() > 1.5 * np.linalg.norm(features, axis=1).min() / features.shape[1] ** 0.5
    card = json.loads(session.get_modelmeta().custom_metadata_map["ssl_insar"])
    assert card["about"]["recipe"] == "made"
    assert [p.name for p in tmp_path.iterdir()] == ["encoder.onnx"], "one file, weights inside"


@pytest.mark.parametrize("wrong", [lambda f: f + 0.01 * f.abs().max(), lambda f: f * float("nan")])
def test_a_graph_with_other_features_is_not_kept(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong
) -> None:
    path = tmp_path / "encoder.pt2"
    path.write_text("an earlier file")
    real = module._to_program

    def spoilt(*arguments):
        run = real(*arguments)
        return lambda x: wrong(run(x))

    monkeypatch.setattr(module, "_to_program", spoilt)
    with pytest.raises(UserError, match="not written, as its features differ"):
        export(encoder, program=path)
    assert path.read_text() == "an earlier file"
    assert [p.name for p in tmp_path.iterdir()] == ["encoder.pt2"]


def test_without_the_extra_onnx_says_what_to_install(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(UserError, match=r"needs onnxruntime; pip install 'ssl_insar\[onnx\]'"):
        export(encoder, onnx=tmp_path / "e.onnx")
    assert not list(tmp_path.iterdir())


def test_a_backbone_without_a_graph_is_told_in_one_line(tmp_path: Path) -> None:
    class Branches(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3)) if x.sum() > 0 else x.amax((2, 3))

    encoder = Encoder("resnet10t", InputSpec(SIZE))
    encoder.backbone = Branches()
    with pytest.raises(UserError, match="resnet10t cannot be exported") as told:
        export(encoder, program=tmp_path / "e.pt2")
    assert "\n" not in str(told.value)
