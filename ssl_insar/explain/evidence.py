"""The labelled tiles nearest to a tile: what a verdict rests on, shown rather than told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.groups import groups_of
from ssl_insar.archive.labels import known


@dataclass(frozen=True)
class Neighbour:
    """A labelled tile.

    Attributes:
        position: in the archive.
        cosine: to the tile in question.
        label: its label.
        same_place: whether it shows the same volcano.
    """

    position: int
    cosine: float
    label: str
    same_place: bool


class Evidence:
    """Labelled tiles of an archive, to be searched by cosine.

    Attributes:
        target: name of the labels.

    Args:
        unit: (N, D) float32 features of unit length, of all tiles.
        labels: (N,), with their name; missing where unknown.
        catalogue: N rows.
    """

    def __init__(self, unit: NDArray[np.float32], labels: pd.Series[Any], catalogue: pd.DataFrame) -> None:
        mask, values = known(labels)
        self.target = str(labels.name)
        self._rows = np.flatnonzero(mask)
        self._values = [str(value) for value in values]
        self._unit = unit
        self._groups = groups_of(catalogue)
        self._content = catalogue["content"].to_numpy(str)

    def nearest(self, position: int, count: int = 6, per_place: int = 2) -> list[Neighbour]:
        """The nearest labelled tiles, but for the tile itself and copies of it.

        Args:
            position: of the tile in the archive.
            count: at most.
            per_place: at most so many of one volcano: looks at one event are one piece of evidence.
        """
        cosine = self._unit[self._rows] @ self._unit[position]
        found: list[Neighbour] = []
        seen: dict[str, int] = {}
        for place in np.argsort(-cosine, kind="stable"):
            row = int(self._rows[place])
            group = str(self._groups[row])
            if row == position or self._content[row] == self._content[position]:
                continue
            if seen.get(group, 0) >= per_place:
                continue
            seen[group] = seen.get(group, 0) + 1
            same = group == self._groups[position]
            found.append(Neighbour(row, float(cosine[place]), self._values[place], bool(same)))
            if len(found) == count:
                break
        return found
