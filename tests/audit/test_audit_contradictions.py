from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ssl_insar.audit.contradictions import conflicts, contradicted
from ssl_insar.audit.copies import Copies, Copy
from ssl_insar.audit.transforms import TRANSFORMS


def _catalogue(labels: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {"id": [f"t{i}" for i in range(len(labels))], "label_x": pd.Series(labels).convert_dtypes()}
    )


def _chain() -> Copies:
    """Tile 1 is 0 transposed, 2 is 1 transposed, hence 0; tile 3 is alone."""
    turn = next(t for t in TRANSFORMS if t.kind == "transposed" and not t.swapped)
    found = [Copy(row, row - 1, "transposed", 0.99, "", turn) for row in (1, 2)]
    return Copies(found, np.array([0, 0, 0, 3]), 0.95, "", np.empty(0), [], True, (0, 0))


def test_contradiction_across_an_unlabelled_tile_is_found() -> None:
    catalogue = _catalogue([1, None, 0, 0])
    assert contradicted(catalogue, _chain().group)["x"].tolist() == [True, True, True, False]
    (row,) = conflicts(catalogue, _chain())
    assert (row.tile, row.other) == ("t2", "t0")
    assert row.detail == "x is 0, of the other 1; the tile is the other's near-duplicate copy"


def test_blanks_and_equal_labels_contradict_nothing() -> None:
    for labels in ([1, None, 1, 0], [None, None, 1, 0], [None] * 4, ["sill", "sill", "sill", "dyke"]):
        assert contradicted(_catalogue(labels), _chain().group) == {}
        assert list(conflicts(_catalogue(labels), _chain())) == []
