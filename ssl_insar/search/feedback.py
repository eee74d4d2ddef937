"""Several examples in one query: nearer to what is wanted, away from what is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ssl_insar.models.embeddings import unit_rows
from ssl_insar.search.query import Query

WANTED, UNWANTED = 0.75, 0.15
"""Weights of the examples; the query's own is 1 (Manning, Raghavan and Schütze 2008, "Introduction to
Information Retrieval", section 9.1.1)."""


def rocchio(query: Query, wanted: Sequence[Query] = (), unwanted: Sequence[Query] = ()) -> Query:
    """Move a query towards the mean of some examples and away from that of others.

    q + 0.75 mean(wanted) - 0.15 mean(unwanted), of unit vectors, each example with the mean of its tiles
    (Rocchio 1971, "Relevance feedback in information retrieval", in Salton, ed., "The SMART retrieval
    system"). Their scenes are no answers either.

    Raises:
        ValueError: no example at all.
    """
    examples = [*wanted, *unwanted]
    if not examples:
        raise ValueError("no example")
    vectors = unit_rows(query.vectors)
    for group, weight in ((wanted, WANTED), (unwanted, -UNWANTED)):
        if group:
            vectors = vectors + np.float32(weight) * _mean(group)
    others = [*query.others, *(tile for example in examples for tile in example.tiles)]
    return dataclasses.replace(query, vectors=vectors, others=others)


def _mean(examples: Sequence[Query]) -> NDArray[np.float32]:
    means = [unit_rows(example.vectors).mean(axis=0) for example in examples]
    mean: NDArray[np.float32] = np.mean(means, axis=0, dtype=np.float32)
    return mean
