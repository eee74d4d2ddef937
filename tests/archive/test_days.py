"""Dates as whole days."""

from __future__ import annotations

from datetime import date

import pandas as pd

from ssl_insar.archive.days import days_of


def test_days_are_counted_from_1970_and_unknown_ones_are_told() -> None:
    assert days_of(pd.Series([date(1970, 1, 2), None, date(2020, 1, 1)])).tolist() == [1, -1, 18262]
    assert days_of(pd.Series(["1970-01-03", "never"])).tolist() == [2, -1]
    assert days_of(pd.Series([None, None], dtype=object)).tolist() == [-1, -1]
