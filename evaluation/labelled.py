"""The labelled tiles of an archive, and what must not be torn apart by a split of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.leaks import Pairs, copy_groups, refuse_leaks
from ssl_insar.archive import Archive
from ssl_insar.archive.groups import Fold, assign_groups, groups_holding, is_binary
from ssl_insar.archive.labels import attach, known, labels_in


@dataclass(frozen=True)
class Labelled:
    """n labelled tiles of an archive of N.

    Attributes:
        archive: the archive.
        target: name of the label.
        rows: (n,) their positions.
        y: (n,) labels.
        groups: (n,) volcanoes, or what stands for them.
        copies: (n,) of `leaks.copy_groups`.
        catalogue: n rows.
    """

    archive: Archive
    target: str
    rows: NDArray[np.intp]
    y: NDArray[Any]
    groups: NDArray[np.str_]
    copies: NDArray[Any]
    catalogue: pd.DataFrame

    @classmethod
    def of(
        cls,
        place: Path,
        labels: Path | None = None,
        target: str | None = None,
        *,
        ignore_absent: bool = False,
        pairs: Pairs | None = None,
    ) -> Labelled:
        """Open an archive and its labels.

        Args:
            place: of the archive.
            labels: table of labels; None: those in the archive.
            target: label column; None: the only one.
            ignore_absent: let the table name tiles that are not in the archive.
            pairs: copies that an audit found.

        Raises:
            UserError: no archive, or no labels for it.
        """
        archive = Archive.open(place)
        table = archive.catalogue
        series = (
            attach(table, labels, target, ignore_absent=ignore_absent, tile=archive.tile)
            if labels
            else labels_in(table, target)
        )
        mask, y = known(series)
        groups = assign_groups(table)
        if groups.fallbacks:
            told = groups.describe_fallbacks()
            click.echo(f"note: {groups.fallbacks:,} tiles of no known volcano: {told}", err=True)
        rows = np.flatnonzero(mask)
        here = table.iloc[rows].reset_index(drop=True)
        content = here["content"].to_numpy(object) if "content" in here else np.full(len(here), None)
        copies = copy_groups(here["id"].to_numpy(object), content, pairs or [])
        return cls(archive, str(series.name), rows, y, groups.names[rows], copies, here)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def ids(self) -> NDArray[Any]:
        """(n,) tile ids."""
        return self.catalogue["id"].to_numpy(object)

    @property
    def codes(self) -> NDArray[np.intp]:
        """(n,) classes 0 ... K - 1."""
        codes: NDArray[np.intp] = np.unique(self.y, return_inverse=True)[1]
        return codes

    @property
    def binary(self) -> bool:
        """Whether the labels are 0 and 1."""
        return is_binary(self.y)

    def only(self, keep: NDArray[np.bool_]) -> Labelled:
        """Some of them."""
        return Labelled(
            self.archive,
            self.target,
            self.rows[keep],
            self.y[keep],
            self.groups[keep],
            self.copies[keep],
            self.catalogue[keep].reset_index(drop=True),
        )

    def refuse_torn(self, splits: list[Fold]) -> None:
        """Refuse folds that tear a volcano, or a group of copies, apart; see `leaks.refuse_leaks`."""
        refuse_leaks(splits, "volcano", self.groups, self.copies, self.ids)

    def facts(self) -> dict[str, Any]:
        """What a line of results says of the tiles that are scored."""
        holding = groups_holding(self.y, self.groups)
        values, counts = np.unique(self.y, return_counts=True)
        return {
            "target": self.target,
            "tiles": len(self),
            "volcanoes": len(np.unique(self.groups)),
            "positive_volcanoes": min(len(where) for where in holding.values()),
            "classes": ", ".join(f"{v}: {n:,}" for v, n in zip(values, counts, strict=True)),
            "chance_ap": float(counts[1] / len(self)) if self.binary else 1 / len(values),
        }
