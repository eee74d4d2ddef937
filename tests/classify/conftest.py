from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ssl_insar.models.embeddings import Embeddings, Provenance


def make_catalogue(volcanoes: list[str], folder: str = "/data/frames") -> pd.DataFrame:
    """A catalogue with a tile a file, at the given volcanoes."""
    files = [f"{volcano}_{i:04d}.png" for i, volcano in enumerate(volcanoes)]
    return pd.DataFrame(
        {
            "id": [f"{name[:-4]}_r0_c0" for name in files],
            "source": [f"{folder}/{name}" for name in files],
            "file": files,
            "reference_date": [date(2020, 1, 1)] * len(files),
            "secondary_date": [date(2020, 1, 13)] * len(files),
            "track": ["079D"] * len(files),
            "frame": ["079D_07894_131313"] * len(files),
            "volcano": volcanoes,
            "region": ["africa"] * len(files),
        }
    )


class World:
    """Volcanoes with a look of their own; at some of them some tiles deform.

    Every volcano has a random signature that dominates the features and one feature direction says
    whether a tile deforms, so that a split by file and a split by volcano differ.
    """

    def __init__(self, volcanoes: int = 24, positive: int = 8, tiles: int = 25, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        names = np.repeat([f"volcano_{i:02d}" for i in range(volcanoes)], tiles)
        place = np.repeat(np.arange(volcanoes), tiles)
        self.y = ((place < positive) & (rng.random(len(place)) < 0.5)).astype(int)
        signature = rng.normal(size=(volcanoes, 32))[place]
        self.features = (signature + 0.5 * rng.normal(size=(len(place), 32))).astype(np.float32)
        self.features[:, 0] += 1.5 * self.y
        self.catalogue = make_catalogue(names.tolist())
        self.groups = names

    def embeddings(self, encoder_hash: str = "abc") -> Embeddings:
        return Embeddings(
            self.features.astype(np.float16),
            self.catalogue,
            Provenance("run", encoder_hash, "archive", "digest"),
        )

    def write_labels(self, path: Path, **more: Any) -> Path:
        table = pd.DataFrame({"file": self.catalogue["file"], "deformation": self.y, **more})
        table.to_csv(path, index=False)
        return path


@pytest.fixture(scope="session")
def world() -> World:
    return World()
