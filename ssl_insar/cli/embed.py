"""``ssl-insar embed``: turn every tile of an archive into a feature vector."""

from __future__ import annotations

from pathlib import Path

import click

from ssl_insar.cli.options import archive_argument, batch_size_option, out_option


@click.command(
    "embed",
    epilog="\b\nExample:\n  ssl-insar embed run archive --out embeddings\n"
    "\b\nThe same command again goes on where it was interrupted.",
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@archive_argument
@out_option("Folder for the embeddings.")
@batch_size_option
def command(run: Path, archive: Path, out: Path, batch_size: int) -> None:
    """Turn every tile of an archive into a feature vector.

    RUN is a finished pretraining run (or its encoder folder). The result is a float16 matrix
    (embeddings.npy), the tiles it belongs to (catalogue.parquet) and its origin (manifest.json).
    """
    from ssl_insar.archive import Archive
    from ssl_insar.models import Encoder

    embeddings = Encoder.load(run).embed(Archive.open(archive), out=out, batch_size=batch_size)
    click.echo(f"{out}: {len(embeddings):,} tiles, {embeddings.matrix.shape[1]} features each")
