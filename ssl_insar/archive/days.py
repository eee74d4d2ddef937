"""Dates of a catalogue as whole days."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def days_of(column: pd.Series[Any]) -> NDArray[np.int64]:
    """Days since 1970-01-01; -1 where unknown.

    Shape:
        n dates, or text that tells them -> (n,)
    """
    stamps = pd.to_datetime(column, errors="coerce")
    days = (stamps - pd.Timestamp(0)).dt.days
    return days.fillna(-1).to_numpy().astype(np.int64)
