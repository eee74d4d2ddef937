"""Where results may go: nothing that is written may lie in, around or on something else of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from ssl_insar.errors import UserError


def check_apart(places: Sequence[tuple[str, Path]]) -> None:
    """Refuse places of which one is another, inside of it or around it, before the long work.

    Folders are replaced as wholes, so that a result inside another one would be lost.

    Args:
        places: each with what it is called, such as ``--out``.

    Raises:
        UserError: names the two.
    """
    for (name, path), (other, there) in combinations(places, 2):
        if _overlap(path, there):
            raise UserError(f"{name} {path}: overlaps {other} {there}; give each a place of its own")


def _overlap(one: Path, two: Path) -> bool:
    """Whether two places are one, or one lies in the other."""
    here, there = one.resolve(), two.resolve()
    return here == there or here in there.parents or there in here.parents
