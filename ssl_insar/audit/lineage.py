"""What one tile is of any other of its group of copies, whichever of them were compared."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ssl_insar.audit.copies import EXACT, Copy
from ssl_insar.audit.transforms import TRANSFORMS, Transform, composed


class Lineage:
    """The steps by which copies go back to the first tile of their group."""

    def __init__(self, copies: Sequence[Copy]) -> None:
        self._of = {copy.tile: copy for copy in copies}

    def kind(self, tile: int, other: int) -> str:
        """What ``tile`` is of ``other``, a tile of the same group; one of `copies.COPY_KINDS`."""
        mine, theirs = self._steps(tile), self._steps(other)
        while mine and theirs and mine[-1] is theirs[-1]:
            mine.pop(), theirs.pop()
        if all(step.kind == EXACT for step in (*mine, *theirs)):
            return EXACT
        return composed(_made_by(theirs).inverse, _made_by(mine)).kind

    def _steps(self, tile: int) -> list[Copy]:
        """The tile's own step first, that from the first tile of the group last."""
        steps: list[Copy] = []
        while tile in self._of:
            steps.append(self._of[tile])
            tile = steps[-1].other
        return steps


def members(group: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows of each group of two or more.

    Shape:
        (N,) number of each tile's group -> a list of (n,)
    """
    order = np.argsort(group, kind="stable")
    _, starts, counts = np.unique(group[order], return_index=True, return_counts=True)
    many = counts > 1
    return [order[s : s + c] for s, c in zip(starts[many], counts[many], strict=True)]


def _made_by(steps: Sequence[Copy]) -> Transform:
    return reduce(composed, (step.transform for step in reversed(steps)), TRANSFORMS[0])
