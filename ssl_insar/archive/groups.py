"""Groups that must not be torn apart by a split, and the splits that respect them.

Interferograms of one volcano look alike whatever they show, so a split by file lets a classifier
recognise the place. Every split here is by group, and a group is a volcano where that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold

from ssl_insar.errors import UserError

Fold: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Row numbers to fit on, row numbers to score."""

PROTOCOLS = ("grouped", "leave-one-positive-volcano-out")

_UNKNOWN = frozenset({"", "unknown", "none", "nan", "<na>"})
_ATTEMPTS = 20


class NotEvaluableError(UserError):
    """The labels do not allow an evaluation in which no volcano stands on both sides."""


@dataclass(frozen=True)
class Groups:
    """Group of every row and where its name came from.

    Attributes:
        names: (n,) group names; those that are not volcanoes say what they are (``frame:...``).
        kinds: (n,) ``volcano``, ``frame``, ``track``, ``pair`` or ``file``.
    """

    names: NDArray[np.str_]
    kinds: NDArray[np.str_]

    @property
    def fallbacks(self) -> int:
        """Rows whose volcano is not known."""
        return int((self.kinds != "volcano").sum())

    def describe_fallbacks(self) -> str:
        """How many rows had to be grouped by something else than their volcano, and by what."""
        kinds, counts = np.unique(self.kinds[self.kinds != "volcano"], return_counts=True)
        return ", ".join(f"{count:,} by {kind}" for kind, count in zip(kinds, counts, strict=True))


def assign_groups(catalogue: pd.DataFrame) -> Groups:
    """Group of every tile: its volcano; else its frame; else its track; else its dates; else its file.

    Names are compared without regard to case, spaces or hyphens, so that two spellings of one
    volcano stay one group; ``unknown`` counts as not known. Tiles of one date pair are kept together
    before falling back to single files, because crops of one interferogram share its atmosphere.
    The further down the list, the weaker the guarantee: two files may still show one place.

    Args:
        catalogue: an archive's catalogue, n rows; columns that are missing count as not known.
    """
    names = pd.Series([None] * len(catalogue), dtype=object)
    kinds = pd.Series(["file"] * len(catalogue), dtype=object)
    pair = _text(catalogue, "reference_date").str.cat(_text(catalogue, "secondary_date"), sep="_")
    candidates = {
        "volcano": _text(catalogue, "volcano"),
        "frame": "frame:" + _text(catalogue, "frame"),
        "track": "track:" + _text(catalogue, "track"),
        "pair": "pair:" + pair,
        "file": "file:" + _raw(catalogue, "source"),
    }
    for kind, candidate in candidates.items():
        take = names.isna() & candidate.notna()
        names[take] = candidate[take]
        kinds[take] = kind
    # A row about which nothing at all is known is a group of its own.
    alone = names.isna()
    names[alone] = [f"file:#{i}" for i in np.flatnonzero(alone)]
    return Groups(names.to_numpy(dtype=str), kinds.to_numpy(dtype=str))


def groups_of(catalogue: pd.DataFrame) -> NDArray[np.str_]:
    """Group name of every tile, never missing; see `assign_groups`, which also tells the fallbacks.

    Shape:
        n rows -> (n,)
    """
    return assign_groups(catalogue).names


def grouped_folds(y: ArrayLike, groups: ArrayLike, folds: int = 5, seed: int = 0) -> list[Fold]:
    """Cross-validation folds with no group on both sides, stratified by class.

    When a class occurs in fewer groups than ``folds``, that many folds are made, but never fewer
    than two. Every row is scored once and every training side holds every class.

    Args:
        y: (n,) labels.
        groups: (n,) groups.
        folds: wanted number of folds, 2 or more.
        seed: of the shuffling of groups.

    Raises:
        NotEvaluableError: a class occurs in one group only, or there is only one class.
    """
    labels, names = np.asarray(y), np.asarray(groups)
    if folds < 2:
        raise UserError(f"{folds} fold: cross-validation needs 2 folds or more")
    count = min(folds, _scarcest(labels, names))
    for attempt in range(_ATTEMPTS):
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed + attempt)
        splits = [(train, test) for train, test in splitter.split(names, labels, names) if len(test)]
        # The splitter balances as well as it can and promises nothing.
        if all(len(np.unique(labels[train])) == len(np.unique(labels)) for train, _ in splits):
            return splits
    raise NotEvaluableError(
        "grouped evaluation is impossible: in every split tried some class was missing from the training "
        "volcanoes; label the rare classes at more volcanoes"
    )


def leave_one_positive_group_out(y: ArrayLike, groups: ArrayLike, seed: int = 0) -> list[Fold]:
    """One fold a group that holds positives: that group, and its share of the groups without any.

    The groups without positives are dealt out at random in equal shares, so that every row is
    scored exactly once.

    Args:
        y: (n,) 0 or 1.
        groups: (n,) groups.
        seed: of the dealing.

    Raises:
        NotEvaluableError: fewer than two groups hold positives.
        UserError: the labels are not 0 and 1.
    """
    labels, names = np.asarray(y), np.asarray(groups)
    if not is_binary(labels):
        raise UserError("leave-one-positive-volcano-out needs labels 0 and 1; use the grouped protocol")
    _scarcest(labels, names)
    positive = np.unique(names[labels == 1])
    rest = np.random.default_rng(seed).permutation(np.setdiff1d(names, positive))
    folds = []
    for i, name in enumerate(positive):
        test = np.isin(names, [name, *rest[i :: len(positive)]])
        folds.append((np.flatnonzero(~test), np.flatnonzero(test)))
    return folds


def make_folds(
    y: ArrayLike, groups: ArrayLike, protocol: str = "grouped", folds: int = 5, seed: int = 0
) -> list[Fold]:
    """Folds of one of the `PROTOCOLS`.

    Raises:
        NotEvaluableError: the labels do not allow it.
        UserError: no such protocol.
    """
    if protocol == "grouped":
        return grouped_folds(y, groups, folds, seed)
    if protocol == "leave-one-positive-volcano-out":
        return leave_one_positive_group_out(y, groups, seed)
    raise UserError(f"no protocol '{protocol}'; choose one of: {', '.join(PROTOCOLS)}")


def is_binary(labels: ArrayLike) -> bool:
    """Whether the labels are 0 and 1 (or False and True), 1 being the positive class.

    Anything else, two named classes too, has no positive class and is scored one against the rest.
    """
    values = np.asarray(labels)
    return values.dtype.kind in "iub" and np.unique(values).astype(int).tolist() == [0, 1]


def groups_holding(y: ArrayLike, groups: ArrayLike) -> dict[Any, NDArray[np.str_]]:
    """Names of the groups in which each class occurs."""
    labels, names = np.asarray(y), np.asarray(groups)
    return {value: np.unique(names[labels == value]) for value in np.unique(labels).tolist()}


def _scarcest(labels: NDArray[Any], names: NDArray[Any]) -> int:
    """In how many groups the rarest class occurs; refuses fewer than two."""
    holding = groups_holding(labels, names)
    if len(holding) < 2:
        only = f"'{next(iter(holding))}'" if holding else "no label"
        raise NotEvaluableError(
            f"grouped evaluation is impossible: the labels hold {only} alone; two classes are needed"
        )
    value, where = min(holding.items(), key=lambda item: len(item[1]))
    if len(where) < 2:
        raise NotEvaluableError(
            f"grouped evaluation is impossible: class '{value}' occurs at one volcano only ({where[0]}), "
            "and a volcano may not be fitted on and scored at once; label that class at a second volcano"
        )
    return len(where)


def _raw(catalogue: pd.DataFrame, column: str) -> pd.Series[Any]:
    """A column as text, None where unknown or where there is no such column."""
    if column not in catalogue:
        return pd.Series([None] * len(catalogue), dtype=object)
    values: Sequence[Any] = catalogue[column].astype(object).tolist()
    return pd.Series([None if pd.isna(v) else str(v).strip() for v in values], dtype=object)


def _text(catalogue: pd.DataFrame, column: str) -> pd.Series[Any]:
    """A column as text in one spelling, None where unknown."""
    raw = _raw(catalogue, column)
    plain = [None if v is None else v.casefold().replace(" ", "_").replace("-", "_") for v in raw]
    return pd.Series([None if v is None or v in _UNKNOWN else v for v in plain], dtype=object)
