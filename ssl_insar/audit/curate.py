"""Which tiles of an archive are worth keeping, by rules that are written down with the result."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.atomic import replacing
from ssl_insar.audit.contradictions import contradicted
from ssl_insar.audit.copies import Copies
from ssl_insar.audit.lineage import Lineage, members
from ssl_insar.audit.quality import Quality
from ssl_insar.errors import UserError


@dataclass(frozen=True)
class Curation:
    """What is kept.

    Attributes:
        keep: (N,) True for tiles that stay.
        reason: (N,) why a tile goes, "" for those that stay.
        rules: the rules, sentences.
        contradicted: label -> (N,) tiles whose copies contradict it, see `contradictions.contradicted`.
    """

    keep: NDArray[np.bool_]
    reason: NDArray[np.str_]
    rules: list[str]
    contradicted: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many tiles go, by kind of reason."""
        kinds = (str(reason).partition(" of ")[0] for reason in self.reason[~self.keep])
        return dict(sorted(Counter(kinds).items()))

    def labels_made_unknown(self) -> dict[str, int]:
        """How many tiles stay that a curated archive holds without a label, by label."""
        return {name: int((self.keep & which).sum()) for name, which in self.contradicted.items()}


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
    # Labels first; an unwrapped tile holds all that its wrapped version does, and the cycles besides.
    worth = 2 * told + ~catalogue["wrapped"].to_numpy(bool)
    lineage = Lineage(copies.found)
    for rows in members(copies.group):
        stay = rows[reason[rows] == ""]
        if not len(stay):
            continue
        kept = int(stay[np.argmax(worth[stay])])  # the first of the best
        for row in stay.tolist():
            if row != kept:
                reason[row] = f"{lineage.kind(row, kept)} of {ids[kept]}"
    keep = reason == ""
    unsure = contradicted(catalogue, copies.group)
    return Curation(keep, reason.astype(str), _rules(copies, drop_noise), unsure)


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


def _rules(copies: Copies, drop_noise: bool) -> list[str]:
    return [
        "tiles without data are left out",
        "tiles of one constant phase are left out",
        "tiles of noise alone are left out" if drop_noise else "tiles of noise are kept",
        "of tiles that are copies of each other one is kept: of those with most labels an unwrapped one, "
        "else the first",
        "a label that copies contradict each other in becomes unknown: the curated archive holds the tile "
        "without it, a mask does not tell",
        f"copies hold the same pixels, or correlate by {copies.threshold:g} or more after transposing, "
        "flipping, rotating, shifting by up to 2 px or swapping the dates",
    ]
