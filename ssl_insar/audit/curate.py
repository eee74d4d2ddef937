"""Which tiles of an archive are worth keeping, by rules that are written down with the result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.atomic import replacing
from ssl_insar.audit.copies import Copies
from ssl_insar.audit.quality import Quality
from ssl_insar.errors import UserError


@dataclass(frozen=True)
class Curation:
    """What is kept.

    Attributes:
        keep: (N,) True for tiles that stay.
        reason: (N,) why a tile goes, "" for those that stay.
        rules: the rules, sentences.
    """

    keep: NDArray[np.bool_]
    reason: NDArray[np.str_]
    rules: list[str]

    def counts(self) -> dict[str, int]:
        """How many tiles go, by kind of reason."""
        kinds = (str(reason).partition(" of ")[0] for reason in self.reason[~self.keep])
        return dict(sorted(Counter(kinds).items()))


def curate(
    catalogue: pd.DataFrame, quality: Quality, copies: Copies, *, drop_noise: bool = False
) -> Curation:
    """Decide which tiles stay.

    Args:
        catalogue: N tiles.
        quality: which of them are empty, constant or noise.
        copies: which of them are copies.
        drop_noise: leave out tiles of noise, too.
    """
    count = len(catalogue)
    reason = np.full(count, "", dtype=object)
    reason[quality.empty] = "no-data"
    reason[quality.constant] = "constant"
    if drop_noise:
        reason[quality.noise] = "noise"
    labels = [name for name in catalogue if str(name).startswith(LABEL_PREFIX)]
    told = catalogue[labels].notna().sum(axis=1).to_numpy(np.int64) if labels else np.zeros(count, np.int64)
    ids = catalogue["id"].tolist()
    kinds = {copy.tile: copy.kind for copy in copies.found}
    for members in _groups(copies.group):
        stay = members[reason[members] == ""]
        if not len(stay):
            continue
        # argmax takes the first of those that know most labels.
        kept = int(stay[np.argmax(told[stay])])
        for row in stay.tolist():
            if row != kept:
                # The first of a group is told as what the kept one is of it.
                reason[row] = f"{kinds.get(row, kinds.get(kept))} of {ids[kept]}"
    keep = reason == ""
    return Curation(keep, reason.astype(str), _rules(copies, drop_noise))


def write_mask(path: Path, catalogue: pd.DataFrame, curation: Curation) -> None:
    """Write ``id``, ``curated`` and ``curation`` (why not) for every tile, as Parquet or CSV.

    Raises:
        UserError: another kind of file is asked for.
    """
    check_mask(path)
    table = pd.DataFrame(
        {"id": catalogue["id"].to_numpy(), "curated": curation.keep, "curation": curation.reason}
    )
    with replacing(path) as scratch:
        if path.suffix == ".csv":
            table.to_csv(scratch, index=False, errors="replace", lineterminator="\n")
        else:
            table.to_parquet(scratch, index=False)


def check_mask(path: Path) -> None:
    """Refuse a name that a mask cannot be written under, before the long work.

    Raises:
        UserError: not a ``.parquet`` or ``.csv`` file.
    """
    if path.suffix not in (".parquet", ".csv") or path.is_dir():
        raise UserError(f"{path}: a mask is written as .parquet or .csv; give --write mask such a file")


def _groups(group: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows of each group of two or more."""
    order = np.argsort(group, kind="stable")
    _, starts, counts = np.unique(group[order], return_index=True, return_counts=True)
    many = counts > 1
    return [order[s : s + c] for s, c in zip(starts[many], counts[many], strict=True)]


def _rules(copies: Copies, drop_noise: bool) -> list[str]:
    return [
        "tiles without data are left out",
        "tiles of one constant phase are left out",
        "tiles of noise alone are left out" if drop_noise else "tiles of noise are kept",
        "of tiles that are copies of each other one is kept: of those with most labels the first",
        f"copies hold the same pixels, or correlate by {copies.threshold:g} or more after transposing, "
        "flipping, rotating, shifting by up to 2 px or swapping the dates",
    ]
