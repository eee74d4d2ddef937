"""What would let a protocol know the tiles that it scores; each is refused by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.groups import Fold
from ssl_insar.audit.copies import COPY_KINDS
from ssl_insar.classify.held_out import LeakError, refuse_shared
from ssl_insar.errors import UserError
from ssl_insar.models.card import Card

Pairs: TypeAlias = "list[tuple[str, str]]"
_NO_LABELS = ("", "none", "no", "false")


def copied_pairs(folder: Path | None) -> Pairs:
    """Ids of tiles that the audit found to show the same, from its ``findings.csv``.

    Args:
        folder: what ``ssl-insar audit --out`` wrote; None: no pairs.

    Raises:
        UserError: no audit there.
    """
    if folder is None:
        return []
    try:
        table = pd.read_csv(folder / "findings.csv", dtype=str)
        copies = table[table["kind"].isin(COPY_KINDS)]
        return list(zip(copies["tile"], copies["other"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder}: no audit ({error}); make one with: ssl-insar audit ARCHIVE") from error


def copy_groups(ids: NDArray[Any], content: NDArray[Any], pairs: Pairs) -> NDArray[Any]:
    """Name of what each tile shows: the same for tiles with the same pixels, and for an audit's copies.

    Args:
        ids: (n,) of the tiles.
        content: (n,) digests of their pixels, None where not known.
        pairs: ids of copies; tiles that are not here count too, as links in a chain.

    Returns:
        (n,) names; tiles that no other repeats have one of their own.
    """
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.get(name, name) != name:
            name = root[name]
        return name

    known = [(str(i), f"content:{c}") for i, c in zip(ids, content, strict=True) if not pd.isna(c)]
    for one, other in [*known, *pairs]:
        root[find(one)] = find(other)
    return np.array([find(str(i)) for i in ids], dtype=object)


def refuse_leaks(
    splits: Iterable[Fold],
    what: str,
    groups: NDArray[Any],
    copies: NDArray[Any],
    ids: NDArray[Any],
) -> None:
    """Refuse folds of which a group, or a copy of a tile, is on both sides.

    Args:
        splits: row numbers to learn from and to score.
        what: the groups are, for the message.
        groups: (n,) what must not be on both sides.
        copies: (n,) of `copy_groups`.
        ids: (n,) of the tiles.

    Raises:
        LeakError: naming the first one.
    """
    for train, test in splits:
        refuse_shared(set(groups[train].tolist()), groups[test], what)
        refuse_shared(set(copies[train].tolist()), copies[test], "a copy of tile", ids[test])


def refuse_labelled(card: Card, where: Path) -> None:
    """Refuse an encoder whose card says, under ``labels``, that labels had a part in its training.

    Raises:
        LeakError: it does.
    """
    refuse_labels(card.about.get("labels"), where)


def refuse_labels(labels: object, where: Path) -> None:
    """Refuse what was trained with labels: an encoder, or the embeddings that it made.

    Args:
        labels: what its card, or the manifest of the embeddings, says under ``labels``; None: nothing.
        where: its folder, for the message.

    Raises:
        LeakError: they had a part in its training.
    """
    said = str(labels or "none").strip()
    if said.casefold() not in _NO_LABELS:
        raise LeakError(
            f"leak: {where} was pretrained with labels ({said}), perhaps of tiles that are scored here; "
            "give an encoder that has seen none, or scores out of fold as --baseline NAME=SCORES.csv"
        )


def refuse_choice_on_test(chosen: dict[str, set[str]], test: dict[str, set[str]]) -> None:
    """Refuse tiles by which settings are chosen that are among those scored.

    Args:
        chosen: what is known of the tiles that choose, such as ``volcano`` or ``tile`` -> names.
        test: the same of those scored.

    Raises:
        LeakError: naming the first thing shared.
    """
    for what, names in chosen.items():
        shared = sorted(names & test[what])
        if shared:
            raise LeakError(
                f"leak: {what} {shared[0]} of the test archive would choose the regularisation "
                f"({len(shared):,} in all); give --choose-on another archive"
            )
