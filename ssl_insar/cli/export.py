"""``ssl-insar export``: the encoder for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from ssl_insar.cli.options import path_option


@click.command(
    "export",
    epilog="\b\nExample:\n  ssl-insar export run --onnx encoder.onnx --torch encoder.pt2\n"
    "\b\nHow to feed the files: docs/encoders.md.",
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@path_option("--onnx", "Write ONNX here; needs the extra ssl_insar[onnx].")
@click.option(
    "--torch",
    "program",
    type=click.Path(path_type=Path),
    help="Write a torch.export program here, which runs with PyTorch alone.",
)
@click.option(
    "--normalise", is_flag=True, help="Features of unit length, so that a dot product is the cosine."
)
def command(run: Path, onnx: Path | None, program: Path | None, normalise: bool) -> None:
    """Write the encoder of RUN as ONNX or as a torch.export program, for any size of batch.

    RUN is a finished pretraining run (or its encoder folder). A file is written only if it gives the
    same features as the encoder; the largest difference is printed.
    """
    if onnx is None and program is None:
        raise click.UsageError("nothing to write; give --onnx FILE, --torch FILE or both")

    from ssl_insar.models import Encoder
    from ssl_insar.models.export import export

    encoder = Encoder.load(run)
    written = export(encoder, onnx=onnx, program=program, normalise=normalise)
    size, channels = encoder.spec.size, len(encoder.spec.channels)
    for path, difference in written.items():
        click.echo(
            f"{path}: (B, {channels}, {size}, {size}) -> (B, {encoder.dimension}), "
            f"largest difference from the encoder {difference:.1e}"
        )
