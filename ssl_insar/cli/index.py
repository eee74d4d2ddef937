"""``ssl-insar index``: make embeddings searchable."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    "index",
    epilog="\b\nExample:\n  ssl-insar index embeddings --out index\n  ssl-insar search index QUERY",
)
@click.argument("embeddings", metavar="EMB", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder to write; an index there is replaced.",
)
def command(embeddings: Path, out: Path) -> None:
    """Index the embeddings in EMB for search by cosine similarity.

    The index compares with every tile up to 200,000 tiles; beyond, it looks through the nearest
    inverted lists and reports the recall it measured. It needs one of the extras
    ssl_insar[cpu] or ssl_insar[gpu].
    """
    from ssl_insar.models.embeddings import Embeddings
    from ssl_insar.search import Index

    index = Index.build(Embeddings.open(embeddings), out)
    kind = "exact" if index.exact else f"recall at 10 of {index.manifest['recall_at_10']:.3f}"
    click.echo(
        f"{out}: {len(index)} tiles, dimension {index.dimension}, {index.manifest['factory']} ({kind})"
    )
