"""In what an answer differs from the query: when, where, and how the satellite looked."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import shapely

from ssl_insar.search.exclude import Facts
from ssl_insar.search.filters import distance
from ssl_insar.search.index import Index
from ssl_insar.search.query import Query

COLUMNS = ("days_apart", "span_days", "km_apart", "differs")
_YEAR = 365.25
_PASSES = {"A": "ascending", "D": "descending"}


def with_differences(index: Index, query: Query, table: pd.DataFrame) -> pd.DataFrame:
    """A table of answers with how each differs from the query's tile that it is like.

    Args:
        index: where they were found.
        query: what was searched for.
        table: n rows, from `ssl_insar.search.query.as_table`.

    Returns:
        the table with ``days_apart`` (middle of the answer's dates minus the query's, positive: later),
        ``span_days`` (how much longer the answer's interferogram spans), ``km_apart`` (between the centres
        of the footprints) and ``differs``, the same and volcano, track and pass in words; blank where
        either side is not known.
    """
    places = [index.position(str(name)) for name in table["id"]]
    rows = index.catalogue.iloc[[place for place in places if place is not None]]
    corners = {(t.row, t.col): t for t in query.tiles}
    asked = [corners[corner] for corner in zip(table["query_row"], table["query_col"], strict=True)]
    told = [
        _differences(tile, Facts.of_row(row)) for tile, (_, row) in zip(asked, rows.iterrows(), strict=True)
    ]
    return table.assign(**{name: [one[name] for one in told] for name in COLUMNS})


def _differences(query: Facts, answer: Facts) -> dict[str, Any]:
    mine, other = _times(query), _times(answer)
    days = span = km = np.nan
    words = []
    for name, known in (("volcano", (query.volcano, answer.volcano)), ("track", (query.track, answer.track))):
        if None not in known:
            words.append(f"{'same' if known[0] == known[1] else 'other'} {name}")
    passes = [_PASSES.get((facts.track or "")[-1:]) for facts in (query, answer)]
    if None not in passes and passes[0] != passes[1]:
        words.append(f"{passes[1]}, not {passes[0]}")
    if mine is not None and other is not None:
        days, span = other[0] - mine[0], other[1] - mine[1]
        words.append(_later(days))
        if span:
            words.append(f"{other[1]:.0f} days long, not {mine[1]:.0f}")
    if query.footprint is not None and answer.footprint is not None:
        centre = shapely.centroid(query.footprint)
        km = float(distance(np.array([answer.footprint], object), centre.x, centre.y)[0])
        words.append(f"{km:,.0f} km away" if km >= 1 else "same ground")
    return dict(zip(COLUMNS, (days, span, km, "; ".join(words)), strict=True))


def _times(facts: Facts) -> tuple[float, float] | None:
    """Middle of the two dates and the days between them."""
    if facts.reference_date is None or facts.secondary_date is None:
        return None
    first, last = (date.toordinal(day) for day in (facts.reference_date, facts.secondary_date))
    return (first + last) / 2, float(last - first)


def _later(days: float) -> str:
    if days == 0:
        return "same time"
    size = f"{abs(days):.0f} days" if abs(days) < _YEAR else f"{abs(days) / _YEAR:.1f} years"
    return f"{size} {'later' if days > 0 else 'earlier'}"
