"""Findings as rows of one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ssl_insar.audit.copies import COPY_KINDS

COLUMNS = ("kind", "tile", "other", "value", "detail")

KINDS: dict[str, str] = {
    **dict.fromkeys(COPY_KINDS, "correlation with the other tile"),
    "label-conflict": "",
    "no-data": "share of pixels with data",
    "constant": "share of the valid pixels that hold one value",
    "noise": "highest mean local coherence of any 15 px square",
    "overlap": "share of the tile that the other covers",
    "shared-acquisition": "tiles made from the acquisition",
    "label-imbalance": "share of the class that one volcano holds",
    **dict.fromkeys(
        (
            "leak-volcano",
            "leak-frame",
            "leak-date-pair",
            "leak-interferogram",
            "leak-date",
            "leak-acquisition",
            "leak-overlap",
        ),
        "share of the held-out tiles",
    ),
    "leak-pixels": "correlation with the other tile",
}
"""Every kind in the order of the table, and what its value is."""


@dataclass(frozen=True)
class Finding:
    """One row of ``findings.csv``.

    Attributes:
        kind: one of `KINDS`.
        tile: id of the tile, empty where a finding is not about one.
        other: id of the other tile.
        value: see `KINDS`.
        detail: the rest, in words.
    """

    kind: str
    tile: str = ""
    other: str = ""
    value: float | None = None
    detail: str = ""


def as_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Findings in a stable order: by kind, then as they were given."""
    rank = {kind: number for number, kind in enumerate(KINDS)}
    ordered = sorted(findings, key=lambda finding: rank[finding.kind])
    return pd.DataFrame([astuple(finding) for finding in ordered], columns=list(COLUMNS))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV; a value that is not there is an empty cell."""
    table.to_csv(path, index=False, float_format="%.6g", errors="replace", lineterminator="\n")


def counts(table: pd.DataFrame) -> dict[str, int]:
    """Rows of each kind that occurs, in the order of `KINDS`."""
    found: Any = table["kind"].value_counts().to_dict()
    return {kind: int(found[kind]) for kind in KINDS if kind in found}


def listed(names: Sequence[Any], most: int = 3) -> str:
    """Some names in a sentence, and how many more there are."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
