"""Features of an archive, computed once and kept by hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.atomic import replacing


class FeatureCache:
    """A folder of matrices, one for each thing that makes features and each archive.

    Args:
        folder: made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def features(
        self, archive: Archive, maker: str, compute: Callable[[], NDArray[np.floating[Any]]]
    ) -> NDArray[np.float32]:
        """Features of every tile, from the folder where they are there.

        Args:
            archive: N tiles.
            maker: hash of whatever makes the features: of weights and settings.
            compute: makes them, (N, D).

        Returns:
            (N, D).
        """
        path = self.folder / f"{maker}-{archive.digest[:16]}.npy"
        held = _read(path, len(archive))
        if held is not None:
            return held
        made = np.asarray(compute(), np.float32)
        with replacing(path) as scratch:
            np.save(scratch, made)
        return made


def _read(path: Path, count: int) -> NDArray[np.float32] | None:
    """What is kept; None where nothing is, or what is damaged and made again."""
    try:
        held: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return held if held.ndim == 2 and len(held) == count else None
