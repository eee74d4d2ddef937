"""What counts as seeing a detection again."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from ssl_insar.classify.persistence import confirmations


def table(*rows: tuple[str | None, str | None, int | None, int | None]) -> pd.DataFrame:
    """Rows of volcano, track, and the days of both dates."""
    first = date(2021, 1, 1)

    def day(offset: int | None) -> date | None:
        return None if offset is None else first + timedelta(offset)

    return pd.DataFrame(
        [
            {
                "volcano": volcano,
                "track": track,
                "frame": f"{track}_f",
                "row": 0,
                "col": 0,
                "reference_date": day(a),
                "secondary_date": day(b),
            }
            for volcano, track, a, b in rows
        ]
    )


CASES = {
    "overlapping spans without a common date": ((("a", "1", 0, 24), ("a", "1", 12, 36)), [1, 1]),
    "a common reference date": ((("a", "1", 0, 12), ("a", "1", 0, 24)), [0, 0]),
    "a common secondary date": ((("a", "1", 0, 24), ("a", "1", 12, 24)), [0, 0]),
    "a date that changes its role": ((("a", "1", 0, 12), ("a", "1", 12, 24)), [0, 0]),
    "a chain, of which the ends share nothing": (
        (("a", "1", 0, 12), ("a", "1", 12, 24), ("a", "1", 24, 36)),
        [1, 0, 1],
    ),
    "another place": ((("a", "1", 0, 24), ("b", "1", 12, 36)), [0, 0]),
    "too long after": ((("a", "1", 0, 12), ("a", "1", 49, 61)), [0, 0]),
    "just not too long after": ((("a", "1", 0, 12), ("a", "1", 48, 60)), [1, 1]),
    "another track on the same days": ((("a", "1", 0, 12), ("a", "2", 0, 12)), [1, 1]),
    "a track that is not known, on the same days": ((("a", "1", 0, 12), ("a", None, 0, 12)), [0, 0]),
    "no dates": ((("a", "1", 0, 24), ("a", "1", None, 36)), [0, 0]),
    "two confirmations": (
        (("a", "1", 0, 24), ("a", "1", 12, 36), ("a", "1", 6, 30)),
        [2, 2, 2],
    ),
    "tiles of one interferogram confirm once, and not each other": (
        (("a", "1", 0, 24), ("a", "1", 12, 36), ("a", "1", 12, 36)),
        [1, 1, 1],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rule(name) -> None:
    rows, expected = CASES[name]
    assert confirmations(table(*rows), [True] * len(rows)).tolist() == expected


def test_only_detections_confirm_and_are_confirmed() -> None:
    rows = table(("a", "1", 0, 24), ("a", "1", 12, 36), ("a", "1", 6, 30))
    assert confirmations(rows, [True, False, True]).tolist() == [1, 0, 1]
    assert confirmations(rows, [True, False, False]).tolist() == [0, 0, 0]
    assert confirmations(rows, np.zeros(3, bool)).tolist() == [0, 0, 0]
    assert confirmations(rows.iloc[:0], []).tolist() == []


def test_without_a_volcano_the_same_tile_of_the_frame_is_the_place() -> None:
    rows = table((None, "1", 0, 24), (None, "1", 12, 36), (None, "1", 6, 30))
    rows["col"] = [0, 0, 64]
    assert confirmations(rows, [True] * 3).tolist() == [1, 1, 0]
    bare = rows.drop(columns=["row", "col", "track"]).assign(frame="f")
    assert confirmations(bare, [True] * 3).tolist() == [2, 2, 2]


def test_one_bad_acquisition_never_persists() -> None:
    # All pairs of one acquisition with twenty others show the same false signal.
    rows = table(*[("a", "1", min(100, d), max(100, d)) for d in range(0, 240, 12) if d != 100])
    assert confirmations(rows, [True] * len(rows)).sum() == 0
