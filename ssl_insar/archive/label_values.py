"""Label columns and their values: which column is meant, and what its cells are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from ssl_insar.archive.catalogue import COLUMNS
from ssl_insar.errors import UserError

METADATA = frozenset({*COLUMNS, "geometry", "published_split"})
"""Columns that say where, when or how, and are never a target."""

FACTS = ("volcano", "region", "frame", "track", "reference_date", "secondary_date")
"""Metadata that a label table may correct."""

PREFERRED = ("deformation", "label")
"""Target columns taken without asking when there are several."""

_WORDS = {"true": 1, "yes": 1, "false": 0, "no": 0}


def choose(columns: Iterable[str], target: str | None, where: str) -> str:
    """The target column among ``columns``: the one asked for, the only one, or a preferred one.

    Raises:
        UserError: it is not there or is no label, or none or several could be meant.
    """
    choices = [name for name in columns if name not in METADATA]
    offered = f"choose one of: {', '.join(choices)}" if choices else "it holds no label column"
    if target is not None:
        if target in choices:
            return target
        why = (
            "describes where or how a tile was taken, and is no label"
            if target in METADATA
            else "is not there"
        )
        raise UserError(f"{where}: target '{target}' {why}; {offered}")
    if len(choices) == 1:
        return choices[0]
    for name in PREFERRED:
        if name in choices:
            return name
    if not choices:
        raise UserError(
            f"{where}: holds no label column; add one beside the key, such as 'deformation' with 0 and 1"
        )
    raise UserError(f"{where}: holds several label columns; pass --target with one of: {', '.join(choices)}")


def typed(column: pd.Series[Any], name: str, where: str, *, measurements: bool = False) -> pd.Series[Any]:
    """A column in its type: whole numbers, booleans and yes/no as ``Int64``, anything else as ``string``.

    Other numbers are no classes: refused, or kept as ``Float64`` where measurements are welcome.
    """
    words = column.map(lambda v: _WORDS.get(str(v).strip().casefold(), v), na_action="ignore")
    numbers = pd.to_numeric(words, errors="coerce").astype("Float64")
    given = column.notna()
    if not (numbers.notna() == given).all():
        return pd.Series(
            [str(v) if ok else None for v, ok in zip(column, given, strict=True)], name=name, dtype="string"
        )
    if not (numbers.dropna() % 1 == 0).all():
        if measurements:
            return numbers.rename(name)
        raise UserError(
            f"{where}: column '{name}' holds measurements, not classes; give whole numbers or names"
        )
    return numbers.astype("Int64").rename(name)
