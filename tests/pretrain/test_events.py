from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ssl_insar.errors import UserError
from ssl_insar.pretrain.batches import Batches
from ssl_insar.pretrain.events import Events, meeting_keys

ROWS = [
    # frame, volcano, reference date, secondary date
    ("A", "x", date(2020, 1, 1), date(2020, 2, 1)),
    ("A", "x", date(2020, 1, 7), date(2020, 2, 7)),  # overlaps the first, shares nothing
    ("A", "x", date(2020, 1, 1), date(2020, 2, 7)),  # shares a date with both
    ("A", "x", date(2020, 3, 1), date(2020, 4, 1)),  # another time
    ("A", "y", date(2020, 1, 7), date(2020, 2, 7)),  # another volcano, one acquisition with the second
    ("B", "x", date(2020, 1, 7), date(2020, 2, 7)),  # another frame
    (None, "x", date(2020, 1, 7), date(2020, 2, 7)),  # unknown frame
    ("A", "x", None, None),
]


@pytest.fixture
def archive() -> Any:
    table = pd.DataFrame(ROWS, columns=["frame", "volcano", "reference_date", "secondary_date"], dtype=object)
    table["track"] = None
    table["row"] = table["col"] = 0
    table["id"] = [f"t{i}" for i in range(len(table))]

    class Made(SimpleNamespace):
        def __len__(self) -> int:
            return len(table)

    return Made(catalogue=table)


def test_partners_saw_the_same_time_and_share_no_acquisition(archive: Any) -> None:
    events = Events(archive)
    found = [events.candidates(tile).tolist() for tile in range(len(ROWS))]
    assert found == [[1], [0], [], [], [], [], [], []]
    assert events.partner(0, np.random.default_rng(0)) == 1
    assert events.partner(3, np.random.default_rng(0)) is None


def test_keys_of_acquisitions(archive: Any) -> None:
    keys = meeting_keys(archive)

    def meet(first: int, second: int) -> bool:
        mine, other = (set(keys[tile][keys[tile] >= 0].tolist()) for tile in (first, second))
        return bool(mine & other)

    assert meet(0, 2)
    assert meet(1, 2)
    assert meet(1, 4), "one acquisition covers the whole frame"
    assert not meet(0, 1)
    assert not meet(1, 5)
    assert not meet(1, 6), "an unknown frame is no frame"
    assert (keys[7] == -1).all()


def test_copies_are_kept_apart(archive: Any, tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    rows = [
        ("transposed", "t0", "t3"),
        ("exact-duplicate", "t3", "t5"),
        ("overlap", "t1", "t4"),
        ("noise", "t1", ""),
    ]
    pd.DataFrame(rows, columns=["kind", "tile", "other"]).to_csv(path, index=False)
    group = meeting_keys(archive, path)[:, 2]
    assert group[0] == group[3] == group[5] >= 0
    assert group[1] == group[4] == -1
    assert group[0] not in meeting_keys(archive)[:, :2]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"findings\.csv of an audit"):
        meeting_keys(archive, path)


def test_batches_bring_partners_of_their_first_tiles(archive: Any) -> None:
    events = Events(archive)
    tiles = np.arange(8)
    for batch in Batches(tiles, 8, 5, seed=0, events=events, partners=1.0):
        assert sorted(batch[:8]) == list(range(8))
        assert sorted(batch[:2]) == [0, 1]
        assert batch[8:] == [1 - tile for tile in batch[:2]]
    for batch in Batches(tiles, 8, 5, seed=0, events=events, partners=0.125):
        assert len(batch) == 9
