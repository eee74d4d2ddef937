"""What a user may ask of an index."""

from __future__ import annotations

from typing import TypedDict


class Settings(TypedDict, total=False):
    """Settings of an index; what is left out keeps its value, or its default in a new index.

    Keys:
        recall: share of the true 10 nearest that a search is to find, in (0, 1]; reached by measuring
            (`ssl_insar.search.tuning`). 0.98.
        memory: bytes that the index may take; None, the default: half of this machine's memory.
        changing: whether tiles will be added and removed, True; otherwise a graph may be built.
        exact_up_to: number of vectors up to which a search compares with all of them
            (`ssl_insar.search.choice.EXACT_UP_TO`).
    """

    recall: float
    memory: int | None
    changing: bool
    exact_up_to: int
