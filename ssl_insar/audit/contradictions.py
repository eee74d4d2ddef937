"""Copies whose labels contradict each other; blank labels contradict nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import LABEL_PREFIX, label_names
from ssl_insar.audit.copies import Copies
from ssl_insar.audit.findings import Finding
from ssl_insar.audit.lineage import Lineage, members


def contradicted(catalogue: pd.DataFrame, group: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Tiles in whose group of copies a label has several values; labels without any are left out.

    Shape:
        N rows, (N,) -> (N,) for each label
    """
    found = {}
    for name in label_names(catalogue):
        values = catalogue[LABEL_PREFIX + name].reset_index(drop=True)
        several = values.groupby(group).transform("nunique").to_numpy() > 1
        if several.any():
            found[name] = several
    return found


def conflicts(catalogue: pd.DataFrame, copies: Copies) -> Iterator[Finding]:
    """A finding for each tile that contradicts the first labelled one of its group."""
    ids = catalogue["id"].tolist()
    lineage = Lineage(copies.found)
    groups = members(copies.group)
    for name, several in contradicted(catalogue, copies.group).items():
        values = catalogue[LABEL_PREFIX + name].tolist()
        for rows in groups:
            if not several[rows[0]]:
                continue
            first, *rest = (row for row in rows.tolist() if pd.notna(values[row]))
            for row in rest:
                if values[row] != values[first]:
                    said = f"{name} is {values[row]}, of the other {values[first]}"
                    detail = f"{said}; the tile is the other's {lineage.kind(row, first)} copy"
                    yield Finding("label-conflict", ids[row], ids[first], None, detail)
