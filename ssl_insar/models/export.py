"""The backbone as a graph for other programs: ONNX, and `torch.export` for PyTorch without this package.

Both come from one `torch.export.export` graph with a dynamic batch, and neither is kept unless it gives the
same features as the encoder when it is read back. Reference: Ansel et al. (2024), "PyTorch 2", ASPLOS;
https://onnx.ai.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional as F

from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.models.encoder import CARD, Encoder

INPUT, OUTPUT = "phasor", "features"
"""Names of the graph's input and output."""
_BATCHES = (1, 2, 5)
"""Sizes of the batches that are compared; the graph is traced with another."""
_TOLERANCE = 1e-4
"""Largest difference, as a share of the largest feature: float32 sums in another order, and no more."""


class _Graph(nn.Module):
    """What is exported: the backbone, and the normalisation if asked for."""

    def __init__(self, encoder: Encoder, normalise: bool) -> None:
        super().__init__()
        self.backbone = encoder.backbone
        self.normalise = normalise

    def forward(self, phasor: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, D)."""
        features: Tensor = self.backbone(phasor)
        return F.normalize(features) if self.normalise else features


def export(
    encoder: Encoder, *, onnx: Path | None = None, program: Path | None = None, normalise: bool = False
) -> dict[Path, float]:
    """Write an encoder as ONNX, as a `torch.export` program, or both.

    The graph's input ``phasor`` is (B, C, S, S) float32, any B: what `InputSpec.prepare` makes of
    tiles, channels in the order of the card. Its output ``features`` is (B, D) float32. The card
    travels inside the file: metadata of ONNX, extra file ``encoder.json`` of the program.

    Args:
        encoder: with its trained weights; it is moved to the CPU and into eval mode.
        onnx: file to write, ``.onnx`` by custom; needs the extra ssl_insar[onnx].
        program: file to write, ``.pt2`` by custom; read it with `torch.export.load`.
        normalise: features of unit length, so that a dot product is the cosine; else as they are.

    Returns:
        for each file the largest absolute difference from the encoder's features, over batches of 1, 2 and
        5 random phasor fields.

    Raises:
        UserError: the extra is absent, the backbone has no such graph, or the file gives other features.
    """
    if onnx is not None:
        _check_extra()
    encoder.eval().cpu()
    # The memory format of training would be baked into the graph as strides that callers do not have.
    graph = _Graph(encoder.to(memory_format=torch.contiguous_format), normalise).eval()
    card = encoder.card.to_json(encoder.hash, encoder.dimension)
    generator = torch.Generator().manual_seed(0)
    try:
        traced = torch.export.export(
            graph,
            (_phasors(encoder, 3, generator),),
            dynamic_shapes={INPUT: {0: Dim("batch")}},
        )
    except Exception as error:  # torch raises many kinds for code that it cannot trace
        raise UserError(f"backbone {encoder.card.backbone} cannot be exported ({_line(error)})") from error
    inputs = [_phasors(encoder, count, generator) for count in _BATCHES]
    written = {}
    if onnx is not None:
        written[onnx] = _write(onnx, graph, inputs, lambda path: _to_onnx(traced, path, card))
    if program is not None:
        written[program] = _write(program, graph, inputs, lambda path: _to_program(traced, path, card))
    return written


def _write(
    path: Path, graph: _Graph, inputs: list[Tensor], make: Callable[[Path], Callable[[Tensor], Tensor]]
) -> float:
    """Make a file aside, compare what it computes, and only then give it its name."""
    with replacing(path) as scratch, torch.no_grad():
        run = make(scratch)
        pairs = [(graph(x), run(x)) for x in inputs]
        difference = max(float((a - b).abs().max()) for a, b in pairs)
        largest = max(float(a.abs().max()) for a, _ in pairs)
        if not difference <= _TOLERANCE * largest:  # NaN must not pass
            raise UserError(
                f"{path}: not written, as its features differ by {difference:.2g} from the encoder's "
                f"(largest {largest:.2g}); try another version of torch or onnxruntime"
            )
    return difference


def _to_program(traced: ExportedProgram, path: Path, card: str) -> Callable[[Tensor], Tensor]:
    torch.export.save(traced, path, extra_files={CARD: card})
    module: Callable[[Tensor], Tensor] = torch.export.load(path).module()
    return module


def _to_onnx(traced: ExportedProgram, path: Path, card: str) -> Callable[[Tensor], Tensor]:
    import onnxruntime

    try:
        made = torch.onnx.export(
            traced, input_names=[INPUT], output_names=[OUTPUT], dynamo=True, verbose=False
        )
    except Exception as error:  # the exporter raises many kinds for operators that ONNX has not
        raise UserError(f"{path}: this backbone cannot be written as ONNX ({_line(error)})") from error
    assert made is not None
    made.model.metadata_props["ssl_insar"] = card
    made.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(x: Tensor) -> Tensor:
        (features,) = session.run([OUTPUT], {INPUT: x.numpy()})
        return torch.from_numpy(np.asarray(features))

    return run


def _phasors(encoder: Encoder, count: int, generator: torch.Generator) -> Tensor:
    """Input of random phase and coherence, as `InputSpec.assemble` makes it."""
    size = encoder.spec.size
    angle = 2 * torch.pi * torch.rand(count, 1, size, size, generator=generator)
    coherence = torch.rand(count, 1, size, size, generator=generator)
    return encoder.spec.assemble(torch.cat([angle.cos(), angle.sin()], 1), coherence)


def _check_extra() -> None:
    absent = [name for name in ("onnxscript", "onnxruntime") if find_spec(name) is None]
    if absent:
        raise UserError(f"ONNX needs {' and '.join(absent)}; pip install 'ssl_insar[onnx]'")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
