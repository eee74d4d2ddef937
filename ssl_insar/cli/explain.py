"""``ssl-insar explain``: why tiles were flagged, as pictures, outlines and a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ssl_insar.cli.options import archive_argument, out_option, path_option

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ssl_insar.archive import Archive
    from ssl_insar.explain.saliency import Method
    from ssl_insar.models import Encoder


@click.command(
    "explain",
    epilog="\b\nExamples:\n"
    "  ssl-insar explain CLF archive --encoder run --top 20 --out why\n"
    "  ssl-insar explain run archive --ids TILE --ids TILE --out why     (a run with a detector)\n"
    "  ssl-insar explain run archive --ids TILE --method eigencam --out why     (any encoder)",
)
@click.argument("model", metavar="CLF|RUN", type=click.Path(path_type=Path))
@archive_argument
@out_option("Folder for what is made.")
@click.option("--ids", multiple=True, metavar="TILE", help="Explain this tile; may be repeated.")
@click.option(
    "--top", default=20, show_default=True, type=click.IntRange(1), help="Without --ids: the highest scores."
)
@path_option("--encoder", "Run whose encoder CLF was fitted on.")
@path_option("--embeddings", "Of ARCHIVE by that encoder; else they are made.")
@path_option("--labels", "CSV; default: labels in the archive, if any.")
@click.option("--target", help="Label column of the neighbours; default: what CLF was fitted on.")
@click.option("--class", "wanted", metavar="CLASS", help="Class to explain; default: not the quiet one.")
@click.option(
    "--method",
    type=click.Choice(["gradcam", "hirescam", "eigencam"]),
    help="Default: hirescam, or eigencam where the model has no linear head.",
)
@click.option(
    "--stride",
    type=click.IntRange(1),
    help="Side of a map's cell in px of the network's input; less is finer and knows less. Default: 16.",
)
def command(
    model: Path,
    archive: Path,
    out: Path,
    ids: tuple[str, ...],
    top: int,
    encoder: Path | None,
    embeddings: Path | None,
    labels: Path | None,
    target: str | None,
    wanted: str | None,
    method: Method | None,
    stride: int | None,
) -> None:
    """Show why tiles of ARCHIVE were flagged.

    CLF is a classifier of ssl-insar classify, RUN a finished run with a detector, or any encoder. Writes a
    PNG a tile (phase, saliency, coherence, nearest labelled tiles), explained.gpkg with the outline of the
    salient part, and index.html.
    """
    import numpy as np

    from ssl_insar.archive import Archive
    from ssl_insar.errors import UserError
    from ssl_insar.explain import Evidence, explain, open_judge
    from ssl_insar.explain.saliency import METHOD, STRIDE
    from ssl_insar.models.embeddings import unit_rows

    judge = open_judge(model, encoder, wanted)
    tiles = Archive.open(archive)
    chosen = [tiles.position(name) for name in ids]
    if not ids and judge.score is None:
        raise UserError(f"{model}: an encoder alone gives no scores to rank by; name tiles with --ids")
    held = _labels(tiles, labels, target or judge.target)
    scores = evidence = None
    if judge.score is not None or held is not None:
        features = _features(judge.encoder, tiles, embeddings)
        scores = None if judge.score is None else judge.score(features)
        evidence = None if held is None else Evidence(unit_rows(features), held, tiles.catalogue)
    if scores is not None and not ids:
        chosen = np.argsort(-scores, kind="stable")[:top].tolist()
    told = explain(
        judge,
        tiles,
        chosen,
        out,
        scores=scores,
        evidence=evidence,
        method=method or (METHOD if judge.graded else "eigencam"),
        stride=stride or STRIDE,
    )
    without = sum(one.salient is None for one in told)
    click.echo(f"explained {len(told)} tiles in {out / 'index.html'}")
    if without:
        click.echo(f"in {without} of them no part speaks for the class")


def _features(encoder: Encoder, tiles: Archive, path: Path | None) -> NDArray[np.float32]:
    """Features of all tiles, in the order of the archive."""
    import numpy as np

    from ssl_insar.errors import UserError
    from ssl_insar.models.embeddings import Embeddings

    if path is None:
        return encoder.embed(tiles).matrix.astype(np.float32)
    held = Embeddings.open(path)
    known = held.provenance
    if (known.encoder_hash, known.archive_digest) != (encoder.hash, tiles.digest):
        raise UserError(
            f"{path}: embeddings of another archive or by another encoder; leave --embeddings out, or make "
            "them again with ssl-insar embed"
        )
    return held.matrix.astype(np.float32)


def _labels(tiles: Archive, path: Path | None, target: str | None) -> pd.Series[Any] | None:
    """Labels of the tiles; None where there are none."""
    from ssl_insar.archive.catalogue import label_names
    from ssl_insar.classify import attach, labels_in

    if path is not None:
        return attach(tiles.catalogue, path, target)
    names = label_names(tiles.catalogue)
    if not names or (target is not None and target not in names):
        return None
    return labels_in(tiles.catalogue, target)
