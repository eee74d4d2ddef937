"""Columns of a catalogue as text, whichever of them there are."""

from __future__ import annotations

from typing import Any

import pandas as pd


def text(catalogue: pd.DataFrame, name: str) -> pd.Series[Any]:
    """A column as text, missing where unknown or where there is no such column.

    Shape:
        n rows -> (n,), numbered from 0
    """
    if name not in catalogue:
        return pd.Series([pd.NA] * len(catalogue), dtype="string")
    column = catalogue[name].reset_index(drop=True).astype(object)
    return column.map(lambda value: pd.NA if pd.isna(value) else str(value)).astype("string")
