"""Pictures of a run: the pairs that the network was shown, and what it finds alike."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.archive.groups import groups_of
from ssl_insar.atomic import replacing
from ssl_insar.augment import Extras
from ssl_insar.augment import field as fd
from ssl_insar.maps.contact_sheet import save_sheet
from ssl_insar.pretrain.module import Pretraining

FOLDER = "pictures"
PAIRS = 8
"""Pairs drawn, half of them with a simulated source where there are any."""
QUERIES = 4
NEIGHBOURS = 3
"""With the query they fill a row of the sheet."""

_LETTERS = 30
_COHERENT = 0.5


def save_views(shown: tuple[list[NDArray[np.complex64]], list[str]], folder: Path, epoch: int) -> Path:
    """Draw pairs of one training step.

    Args:
        shown: fields and titles, see `pairs_shown`.
        folder: run folder.
        epoch: for the name.

    Returns:
        the picture.
    """
    return _save(*shown, folder, "views", epoch)


@torch.no_grad()
def pairs_shown(
    module: Pretraining, batch: tuple[Tensor, Tensor, Tensor, Extras], step: int, catalogue: pd.DataFrame
) -> tuple[list[NDArray[np.complex64]], list[str]]:
    """Fields and titles of up to `PAIRS` pairs of one training step, exactly as the network gets them.

    First and second view in turn. Views follow from the step, so nothing is drawn at random here and
    training goes on as if nobody had looked. If several processes share a run, all have to call this, and
    each sees pairs of its own.

    The last ones hold a source, as far as there are any; those without are of all degrees of coherence, the
    clearest first.

    Args:
        module: prepared.
        batch: of that step: counts, packed validity, positions, extras.
        step: of the run.
        catalogue: of the archive.
    """
    counts, bits, positions, extras = batch
    pairs, sides = module.sides(fd.from_counts(counts, bits), positions, step, extras)
    holding = torch.nonzero(pairs.injected)[:, 0].tolist()[: PAIRS // 2]
    table = catalogue.iloc[positions.cpu().numpy()]
    plain = torch.nonzero(~pairs.injected)[:, 0].cpu().numpy()
    coherent = table["coherent_fraction"].to_numpy()[pairs.first.cpu().numpy()[plain]]
    wanted = min(PAIRS - len(holding), len(plain))
    steps = np.linspace(0, len(plain) - 1, wanted).round().astype(np.int64)
    without = plain[np.argsort(-coherent, kind="stable")[steps]].tolist()
    names = _names(table)
    fields, titles = [], []
    for row in [*without, *holding]:
        what = ""
        if row in holding and module.sources is not None:
            kind = module.sources.kinds[int(module.sources.kind[pairs.source[row]])]
            what = f" + {kind}, {float(pairs.peak[row]):+.1f} rad"
        for number, (tile, side) in enumerate(zip((pairs.first, pairs.second), sides, strict=True), 1):
            x, y = side.phasor[row].float().cpu().numpy()
            fields.append((x + 1j * y).astype(np.complex64))
            titles.append(f"{names[int(tile[row])]}, view {number}{what}")
    return fields, titles


def save_neighbours(
    archive: Archive,
    sample: NDArray[np.int64],
    features: NDArray[np.float32],
    label: str | None,
    folder: Path,
    epoch: int,
    seed: int = 0,
) -> Path:
    """Draw a few tiles, and beside each the tiles of other volcanoes whose features are nearest.

    Args:
        archive: the tiles.
        sample: positions of those that were embedded, (n,).
        features: of them, (n, D).
        label: 0/1 label whose positives are asked first; None: coherent tiles are.
        folder: run folder.
        epoch: for the name.
        seed: of the choice, the same at every look.

    Returns:
        the picture.
    """
    table = archive.catalogue.iloc[sample]
    groups = groups_of(table)
    queries = choose_queries(table, groups, label, seed)
    names = _names(table)
    marked = (
        (table[LABEL_PREFIX + label] == 1).fillna(False).to_numpy(bool)
        if label is not None
        else np.zeros(len(table), bool)
    )
    rows: list[int] = []
    titles: list[str] = []
    for query in queries:
        index, cosine = nearest_elsewhere(features, groups, query)
        # A sheet is filled row by row: where neighbours are too few, the query fills the gap.
        gap = NEIGHBOURS - len(index)
        rows += [query, *index.tolist(), *([query] * gap)]
        told = [f"{names[i]}, cosine {c:.2f}" for i, c in zip(index, cosine, strict=True)]
        titles += [f"asked: {names[query]}", *told, *(["(no other volcano)"] * gap)]
    titles = [f"{title}, {label}" if marked[row] else title for row, title in zip(rows, titles, strict=True)]
    return _save(list(archive.phasors(sample[rows])), titles, folder, "neighbours", epoch)


def choose_queries(table: pd.DataFrame, groups: NDArray[np.str_], label: str | None, seed: int) -> list[int]:
    """Rows to ask for, of as many volcanoes: positives first, then coherent tiles, then any."""
    order = np.random.default_rng((seed, 11)).permutation(len(table))
    worth = (table["coherent_fraction"] >= _COHERENT).to_numpy(np.int64)
    if label is not None:
        worth = worth + 2 * (table[LABEL_PREFIX + label] == 1).fillna(False).to_numpy(np.int64)
    order = order[np.argsort(worth[order], kind="stable")[::-1]]
    _, first = np.unique(groups[order], return_index=True)
    return [int(row) for row in order[np.sort(first)[:QUERIES]]]


def nearest_elsewhere(
    features: NDArray[np.float32], groups: NDArray[np.str_], query: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows of other groups most like one row, best first, and their cosines; up to `NEIGHBOURS`.

    Shape:
        (n, D), (n,) -> (k,), (k,)
    """
    unit = F.normalize(torch.from_numpy(features), dim=1)
    cosine = (unit @ unit[query]).numpy()
    others = np.flatnonzero(groups != groups[query])
    best = others[np.argsort(cosine[others], kind="stable")[::-1][:NEIGHBOURS]]
    return best, cosine[best]


def clear(folder: Path) -> None:
    """Remove the pictures of an earlier run in the same folder."""
    for kind in ("views", "neighbours"):
        for path in (folder / FOLDER).glob(f"{kind}*.png"):
            path.unlink()


def _save(
    fields: list[NDArray[np.complex64]], titles: list[str], folder: Path, kind: str, epoch: int
) -> Path:
    """Write a sheet under the number of its epoch, and again under a name that stays."""
    path = folder / FOLDER / f"{kind}-{epoch:04d}.png"
    # A dollar in a name is a dollar, not the start of a formula.
    save_sheet(fields, [title.replace("$", r"\$") for title in titles], path)
    with replacing(folder / FOLDER / f"{kind}.png") as scratch:
        shutil.copyfile(path, scratch)
    return path


def _names(table: pd.DataFrame) -> list[str]:
    """Volcano of each tile, else its id."""
    known = table["volcano"].where(table["volcano"].notna(), table["id"])
    return [name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}" for name in known.astype(str)]
