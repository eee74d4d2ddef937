"""Which tiles of an archive do not deform: by their labels, or, without any, by their looks."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.augment import field as fd

Quiet = Literal["labelled", "presumed"]
"""``labelled``: a 0/1 label says so. ``presumed``: the phase is flat, no label is read."""

COHERENT = 0.5
"""Share of coherent pixels below which a tile shows too little to be called quiet."""
FLAT = 0.85
"""Least `flatness` of a tile that is presumed quiet.

On 2,405 real crops of 357 volcanoes 11.5 % of the coherent tiles deform; of those as flat as this 2.2 %
(4 of 184), from .8 4 %, from .7 8 %."""

_BLOCKS = 16
_PADDED = 64
_CHUNK = 256


def quiet_tiles(
    archive: Archive, how: Quiet, limit: int | None = None, seed: int | tuple[int, ...] = 0
) -> NDArray[np.intp]:
    """Find the coherent tiles that are known or presumed to be quiet.

    Args:
        archive: the tiles.
        how: whether labels or looks tell.
        limit: most tiles wanted; None: all. Phase is read in random order, and only until as many are found.
        seed: of that order.

    Returns:
        positions, (K,), ascending.
    """
    coherent = (archive.catalogue["coherent_fraction"] >= COHERENT).to_numpy(bool)
    labelled = how == "labelled"
    rows = np.flatnonzero(coherent & _labelled(archive) if labelled else coherent)
    if limit is not None:
        rows = np.random.default_rng(seed).permutation(rows)
    found = rows if labelled else _flat(archive, rows, limit)
    return np.sort(found[:limit])


def _flat(archive: Archive, rows: NDArray[np.intp], limit: int | None) -> NDArray[np.intp]:
    """Those of some tiles that are flat, in their order; no more are read once there are ``limit``."""
    found, count = [rows[:0]], 0
    for start in range(0, len(rows), _CHUNK):
        if limit is not None and count >= limit:
            break
        chunk = rows[start : start + _CHUNK]
        found.append(chunk[flatness(_fields(archive, chunk)).numpy() >= FLAT])
        count += len(found[-1])
    return np.concatenate(found)


def flatness(field: Tensor) -> Tensor:
    """How nearly the phase is a plane: length of the mean phasor of blocks behind the best ramp.

    1 for a plane; .85 for a smooth phase that leaves it by .57 rad RMS; fringes other than a ramp's
    bring it near 0. A peak of the padded Fourier transform is the best ramp (Spagnolini 1995, IEEE TGRS
    33, "2-D phase unwrapping and instantaneous frequency estimation").

    Shape:
        (B, 2, T, T) phasor -> (B,)
    """
    mean, _ = fd.multilook(field, max(1, field.shape[-1] // _BLOCKS))
    blocks = torch.complex(mean[:, 0], mean[:, 1])
    peak = torch.fft.fft2(blocks, s=(_PADDED, _PADDED)).abs().amax((1, 2))
    share: Tensor = peak / blocks.abs().sum((1, 2)).clamp_min(1e-6)
    return share


def _labelled(archive: Archive) -> NDArray[np.bool_]:
    """Tiles that a label calls negative and none positive; what is not labelled may deform."""
    table = archive.catalogue
    zero, one = np.zeros(len(table), bool), np.zeros(len(table), bool)
    for name in (name for name in table.columns if name.startswith(LABEL_PREFIX)):
        zero |= (table[name] == 0).fillna(False).to_numpy(bool)
        one |= (table[name] == 1).fillna(False).to_numpy(bool)
    return zero & ~one


def _fields(archive: Archive, rows: NDArray[np.intp]) -> Tensor:
    return fd.from_counts(torch.from_numpy(archive.phases(rows)), torch.from_numpy(archive.valid_bits(rows)))
