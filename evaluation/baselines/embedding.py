"""Features of a baseline as the folder that ``ssl-insar embed`` writes, so that every protocol takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.models import Embeddings
from ssl_insar.models.embeddings import Provenance
from ssl_insar.progress import bar

_CHUNK = 256

Features = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Positions of tiles, (n,) -> (n, D)."""


def embed(
    archive: Archive,
    features: Features,
    name: str,
    digest: str,
    out: Path,
    *,
    shown: bool = True,
) -> Embeddings:
    """Features of every tile, saved.

    Args:
        archive: the tiles.
        features: of some of its tiles.
        name: of the baseline and what it was made with; stands in the provenance for the encoder's path.
        digest: of what computes the features.
        out: folder to write.
        shown: draw a progress bar.

    Raises:
        UserError: ``out`` holds something else.
    """
    parts = []
    with bar(len(archive), "embed", "tile", shown=shown) as progress:
        for start in range(0, len(archive), _CHUNK):
            index = np.arange(start, min(start + _CHUNK, len(archive)))
            parts.append(features(index).astype(np.float16))
            progress.update(len(index))
    provenance = Provenance(f"baseline: {name}", digest, str(archive.path.resolve()), archive.digest)
    embeddings = Embeddings(np.concatenate(parts), archive.catalogue, provenance)
    embeddings.save(out)
    return embeddings


def digest_of(name: str, arrays: Mapping[str, Tensor | NDArray[Any]]) -> str:
    """Hash of a baseline: two that agree embed alike.

    Args:
        name: of the baseline, and whatever else than the arrays decides.
        arrays: weights by name.
    """
    digest = hashlib.sha256(name.encode())
    for key, value in sorted(arrays.items()):
        digest.update(key.encode())
        digest.update(torch.as_tensor(value).detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
