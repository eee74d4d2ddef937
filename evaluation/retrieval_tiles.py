"""What may be an answer to which tile, and what is known of the sources of simulated ones."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.labelled import Labelled
from ssl_insar.archive.catalogue import LABEL_PREFIX, TRUTH_PREFIX
from ssl_insar.phase import BoolArray
from ssl_insar.synth.truth import NONE

KIND, SOURCES = f"{LABEL_PREFIX}source", f"{TRUTH_PREFIX}sources"
PARAMETERS = {"depth": "|d ln depth|", "volume": "|d ln volume|", "strike": "strike error, degrees"}
_STEEP = 30.0
"""Degrees of dip from which a strike is plain to see: the surface trace of a flat sill is its outline."""


class Tiles:
    """n labelled tiles, and which of them may be shown for which.

    Args:
        cases: the tiles.
    """

    def __init__(self, cases: Labelled) -> None:
        self.cases = cases
        self._codes = [_codes(column) for column in (cases.groups, cases.copies, _pairs(cases.catalogue))]

    @cached_property
    def queries(self) -> NDArray[np.intp]:
        """(q,) rows of the tiles that deform: those whose label is not 0 or ``none``."""
        return np.flatnonzero(~np.isin(self.cases.y.astype(str), ("0", NONE)))

    def allowed(self, rows: NDArray[np.intp]) -> BoolArray:
        """Of another volcano (or simulated place), no copy, and not of the same interferogram.

        Shape:
            (q,) -> (q, n)
        """
        free = np.ones((len(rows), len(self.cases)), bool)
        for codes in self._codes:
            free &= codes[rows, None] != codes
        return free

    @cached_property
    def parameters(self) -> pd.DataFrame:
        """Depth (ln m), volume (ln m^3) and strike (degrees) of each tile's source; NaN where it has none.

        Volume is that of point sources, sills and dykes, as much of it as the interferogram sees; strike that
        of dykes and faults that dip by 30 degrees or more.
        """
        columns = list(PARAMETERS)
        if SOURCES not in self.cases.catalogue:
            return pd.DataFrame(np.nan, index=range(len(self.cases)), columns=columns)
        told = self.cases.catalogue[SOURCES].fillna("[]")
        rows = [_parameters(json.loads(text)) for text in told]
        return pd.DataFrame(rows, columns=columns, dtype=float)


def _parameters(sources: list[dict[str, Any]]) -> dict[str, float]:
    """Of the only source that is to be found; nothing where there are several, or none."""
    found = [source for source in sources if not source["negative"]]
    if len(found) != 1:
        return {}
    given, share = found[0]["parameters"], abs(found[0]["share"])
    told = {}
    if "depth" in given:
        told["depth"] = float(np.log(given["depth"]))
    volume = given.get("volume_change")
    if "opening" in given and {"length", "width"} <= set(given):
        volume = given["opening"] * given["length"] * given["width"]
    if volume:
        told["volume"] = float(np.log(abs(volume) * share))
    if "strike" in given and given.get("dip", 0.0) >= _STEEP:
        told["strike"] = float(given["strike"])
    return told


def parameter_errors(
    name: str, mine: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far parameters differ; strikes by up to 90 degrees, as a plane has no front and back on the map.

    Shape:
        (q, 1), (q, n) or alike -> broadcast
    """
    apart = np.abs(mine - others)
    return np.minimum(apart % 180, 180 - apart % 180) if name == "strike" else apart


def _pairs(catalogue: pd.DataFrame) -> NDArray[np.int64]:
    """Number of each tile's interferogram; one of its own where frame or dates are not known."""
    alone = np.arange(len(catalogue))
    columns = ["frame", "reference_date", "secondary_date"]
    if not set(columns) <= set(catalogue):
        return alone
    number = catalogue[columns].astype(object).groupby(columns, dropna=True).ngroup()
    # No group: NaN or -1, by the version of pandas.
    held = number.fillna(-1).to_numpy(np.int64)
    return np.where(held >= 0, held, len(catalogue) + alone)


def _codes(names: NDArray[Any]) -> NDArray[np.intp]:
    codes: NDArray[np.intp] = np.unique(names.astype(str), return_inverse=True)[1]
    return codes
