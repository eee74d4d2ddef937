"""Principal components of the multilooked phasor: what a linear, label-free code of the pixels knows.

    python -m evaluation.baselines.pca --archive A --out EMB [--components K]

Every tile is multilooked to ``--size`` px as for an encoder (real and imaginary part of the phasor, whose
length is the local coherence; 0 = no data), and coded by its first components. They are found a batch at a
time, so that memory does not grow with the archive (Ross et al., 2008, "Incremental Learning for Robust
Visual Tracking", IJCV 77, 125). Nothing is drawn at random.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import IncrementalPCA

from evaluation.baselines import options
from evaluation.baselines.embedding import digest_of, embed
from evaluation.running import run
from ssl_insar.archive import Archive
from ssl_insar.augment import field as fd
from ssl_insar.errors import UserError
from ssl_insar.models import InputSpec
from ssl_insar.pretrain.data import usable_tiles
from ssl_insar.pretrain.recipe import DataConfig
from ssl_insar.progress import bar

NAME = "pca"
_CHUNK = 1024


def pixels(archive: Archive, positions: NDArray[np.int64], size: int) -> NDArray[np.float32]:
    """Real and imaginary parts of multilooked tiles.

    Shape:
        (n,) positions -> (n, 2 * size * size)
    """
    counts = torch.from_numpy(archive.phases(positions))
    field = fd.from_counts(counts, torch.from_numpy(archive.valid_bits(positions)))
    result: NDArray[np.float32] = InputSpec(size).prepare(field).flatten(1).numpy()
    return result


def fit(archive: Archive, size: int, components: int, *, shown: bool = True) -> IncrementalPCA:
    """Components of an archive's usable tiles; no label is seen.

    Args:
        archive: the tiles.
        size: side that they are multilooked to, px.
        components: number of components.
        shown: draw a progress bar.

    Raises:
        UserError: more components than tiles or pixels.
    """
    tiles = usable_tiles(archive, DataConfig(batch_size=2))
    most = min(len(tiles), 2 * size * size)
    if components > most:
        raise UserError(f"--components {components}: {len(tiles)} tiles of {size} px have {most} at most")
    model = IncrementalPCA(components)
    # Equal shares, because none may be smaller than the number of components.
    shares = np.array_split(tiles, max(1, len(tiles) // max(_CHUNK, components)))
    with bar(len(tiles), "fit", "tile", shown=shown) as progress:
        for share in shares:
            model.partial_fit(pixels(archive, share, size))
            progress.update(len(share))
    return model


@click.command()
@options.archives
@options.trained_on
@options.seed
@click.option("--size", default=32, show_default=True, type=click.IntRange(2), help="Multilooked to, px.")
@click.option("--components", default=64, show_default=True, type=click.IntRange(1))
def command(archive: Path, out: Path, trained_on: Path | None, seed: int, size: int, components: int) -> None:
    """Fit principal components to an archive, without labels, and embed one with them.

    --seed is taken for the sake of scripts that give it to every baseline, and changes nothing.
    """
    tiles = Archive.open(archive)
    source, elsewhere = options.source(trained_on, tiles)
    model = fit(source, size, components)
    arrays = {"components": model.components_, "mean": model.mean_}
    name = f"{NAME} ({components} components of {size} px{elsewhere})"
    found = embed(
        tiles,
        lambda index: model.transform(pixels(tiles, index, size)).astype(np.float32),
        name,
        digest_of(f"{NAME} {size}", arrays),
        out,
    )
    share = float(model.explained_variance_ratio_.sum())
    click.echo(f"{out}: {len(found):,} tiles, {components} features each, {share:.0%} of the variance")


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
