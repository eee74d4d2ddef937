"""How labels are spread over volcanoes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import label_names
from ssl_insar.archive.groups import groups_of, is_binary
from ssl_insar.archive.labels import known, labels_in
from ssl_insar.audit.findings import Finding
from ssl_insar.errors import UserError

MOST_OF_ONE = 0.3
"""Share of a class that one volcano may hold before it is a finding."""


def tables(catalogue: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tiles of each class at each volcano, a table a label; the volcanoes with most of the rare class first.

    Labels that are measurements or all blank have no classes and no table.
    """
    groups = groups_of(catalogue)
    found = {}
    for name in label_names(catalogue):
        try:
            mask, values = known(labels_in(catalogue, name))
        except UserError:
            continue
        table = pd.crosstab(pd.Series(groups[mask], name="volcano"), pd.Series(values, name=name))
        rare = _rare(values)
        wanted = list(zip(-table[rare].sum(axis=1), -table.sum(axis=1), table.index, strict=True))
        found[name] = table.iloc[sorted(range(len(table)), key=wanted.__getitem__)]
    return found


def imbalance(found: dict[str, pd.DataFrame]) -> Iterator[Finding]:
    """Volcanoes that hold more than `MOST_OF_ONE` of a class other than the commonest."""
    for name, table in found.items():
        if len(table) < 2:
            continue
        for value in _rare(np.repeat(table.columns.to_numpy(), table.sum().to_numpy())):
            shares = table[value] / table[value].sum()
            for volcano in shares.index[shares > MOST_OF_ONE]:
                held, total = int(table.loc[volcano, value]), int(table[value].sum())
                detail = f"{volcano} holds {held:,} of the {total:,} tiles with {name} = {value}"
                yield Finding("label-imbalance", value=round(float(shares[volcano]), 4), detail=detail)


def _rare(values: NDArray[Any]) -> list[Any]:
    """The classes that are looked for: 1 of 0 and 1, else all but the commonest."""
    if is_binary(values):
        return [1]
    classes, counts = np.unique(values, return_counts=True)
    commonest = classes[counts.argmax()]
    return [value for value in classes.tolist() if value != commonest]
