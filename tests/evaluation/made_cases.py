"""Made labelled archives in which a plain statistic of the features tells deformation, for the protocols."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evaluation.labelled import Labelled
from evaluation.leaks import copy_groups
from evaluation.methods import Method

VOLCANOES, TILES = 16, 12


class MadeArchive:
    """What the protocols ask of an archive, without tiles."""

    def __init__(self, digest: str, catalogue: pd.DataFrame) -> None:
        self.digest = digest
        self.catalogue = catalogue
        self.path = Path(digest)

    def __len__(self) -> int:
        return len(self.catalogue)


def made_cases(
    digest: str = "here", prefix: str = "v", pairs: list[tuple[str, str]] | None = None
) -> Labelled:
    """192 tiles at 16 volcanoes, 8 of which deform in every other interferogram; dates run on for years."""
    number = np.arange(VOLCANOES * TILES)
    groups = np.array([f"{prefix}{n % VOLCANOES:02d}" for n in number])
    y = ((number % VOLCANOES < 8) & (number // VOLCANOES % 2 == 0)).astype(np.int64)
    first = pd.Timestamp("2016-01-01") + pd.to_timedelta(12 * (number // VOLCANOES) * 2, "D")
    catalogue = pd.DataFrame(
        {
            "id": [f"{prefix}tile{n}" for n in number],
            "source": [f"{prefix}file{n}" for n in number],
            "content": [f"{prefix}content{n}" for n in number],
            "volcano": groups,
            "frame": groups,
            "reference_date": first.date,
            "secondary_date": (first + pd.Timedelta("12D")).date,
        }
    )
    archive = MadeArchive(digest, catalogue)
    copies = copy_groups(catalogue["id"].to_numpy(object), catalogue["content"].to_numpy(object), pairs or [])
    return Labelled(archive, "deformation", number, y, groups, copies, catalogue)  # type: ignore[arg-type]  # made


def made_method(cases: Labelled, name: str = "ours", signal: float = 2.0, runs: int = 1) -> Method:
    """Six features, the first of which tells deformation as far as the signal goes; one matrix a run."""
    matrices = []
    for seed in range(runs):
        x = np.random.default_rng(seed).normal(size=(len(cases.archive), 6)).astype(np.float32)
        x[:, 0] += signal * cases.y
        matrices.append(x)
    return Method(name, tuple(matrices), hashes=tuple(f"{name}{seed}" for seed in range(runs)))
