"""Conditions on catalogue columns: what they find, and what they refuse."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from ssl_insar.errors import UserError
from ssl_insar.search.where import rows_where

TABLE = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "pass": ["descending", "ascending", None, "descending"],
        "coherence": np.array([0.9, 0.2, 0.6, np.nan], np.float32),
        "row": np.array([0, 32, 64, 96], np.int32),
        "wrapped": [True, False, True, True],
        "reference_date": [date(2018, 1, 1), None, date(2019, 5, 1), date(2018, 1, 31)],
        "secondary_date": [date(2018, 1, 13), None, date(2019, 6, 1), date(2018, 2, 12)],
        "label_deformation": pd.array([1, 0, None, 1], "Int64"),
    }
)


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("pass == 'descending' and coherence > .5", "a"),
        ("pass == 'descending' or coherence > .5", "acd"),
        ("pass != 'descending'", "b"),
        ("not pass == 'descending'", "bc"),
        ("pass == None", "c"),
        ("pass != None and coherence != None", "ab"),
        ("pass in ['ascending', 'x']", "b"),
        ("id not in ('a', 'c')", "bd"),
        ("id in []", ""),
        ("32 <= row < 96", "bc"),
        ("(row + 32) / 64 == 1 or -row < -90", "bd"),
        ("row % 64 == 0 and row // 64 >= 1", "c"),
        ("wrapped", "acd"),
        ("not wrapped", "b"),
        ("wrapped == False", "b"),
        ("True", "abcd"),
        ("label_deformation == 1", "ad"),
        ("reference_date >= '2018-01-31'", "cd"),
        ("'2018-01-01' <= reference_date <= '2018-12-31'", "ad"),
        ("secondary_date - reference_date > 20", "c"),
        ("  coherence > .5 ", "ac"),
        ("pass > 'b'", "ad"),
    ],
)
def test_rows(expression: str, found: str) -> None:
    assert "".join(TABLE["id"][rows_where(expression, TABLE)]) == found


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("slope > 1", "no column 'slope' in the catalogue; there are: id, pass, coherence"),
        ("", "condition ''"),
        ("coherence >", "condition"),
        ("coherence", "is no condition"),
        ("coherence > 'much'", "a number cannot be compared with a text"),
        ("reference_date > '31st'", "condition"),
        ("reference_date > 5", "a date cannot be compared with a number"),
        ("pass + 1 == 2", "'pass' is no number"),
        ("coherence == 1 and 5", "'5' is no condition"),
        ("row in coherence", "'coherence' is no list"),
        ("row is 1", "'is' is not allowed"),
        ("row < None", "None can be compared"),
        ("9**9**9 > row", "is not allowed"),
        ("__import__('os').system('true')", "is not allowed"),
        ("id.__class__ == 1", "is not allowed"),
        ("(lambda: 1)() == row", "is not allowed"),
        ("[x for x in id] == 1", "is not allowed"),
        ("f'{id}' == 'a'", "is not allowed"),
        ("row[0] == 0", "is not allowed"),
        ("@row == 0", "condition"),
        ("row = 0", "condition"),
        ("(" * 3000 + "row" + ")" * 3000, "condition"),
        ("'" + "x" * 20_000 + "' == id", "longer than"),
    ],
)
def test_refused(expression: str, why: str) -> None:
    with pytest.raises(UserError) as caught:
        rows_where(expression, TABLE)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
