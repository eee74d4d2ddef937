"""Which index: from how many vectors of what length, how much memory, and whether they will change.

The thresholds follow the guidelines of FAISS (Douze et al. 2024, "The Faiss library", arXiv:2401.08281)
and what was measured on interferogram embeddings. No choice here is trusted: what it finds is measured
afterwards (`ssl_insar.search.tuning`). Every compressed index is refined by the float16 embeddings that
lie beside it, so no second copy of them is kept in the index.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

EXACT_UP_TO = 200_000
"""Vectors up to which a search compares with every one, which takes about 0.02 s at 200,000."""

GRAPH_UP_TO = 5_000_000
"""Vectors up to which a graph is built; its build takes many times that of inverted lists."""

TRAIN_PER_LIST = 40
"""Training vectors an inverted list; FAISS warns below 39."""

_LINKS = 32
_MANY_LISTS = 30_000
"""Lists from which they are themselves found through a graph."""

_LIST_ID = 8
_GRAPH_BYTES = 4 * 2 * _LINKS + 16
"""A graph's links a vector: twice the links at the ground level, few above, and offsets."""


@dataclass(frozen=True)
class Choice:
    """An index that is about to be built.

    Attributes:
        factory: FAISS factory string.
        kind: ``flat`` (compares with all), ``ivf`` (inverted lists) or ``hnsw`` (a graph).
        bytes_per_vector: memory that a vector takes in the index, without the embeddings.
        reason: why this one, in a sentence.
        on_disk: whether the inverted lists are built on disk, block by block.
        block: vectors that are added at a time when they are.
    """

    factory: str
    kind: str
    bytes_per_vector: float
    reason: str
    on_disk: bool = False
    block: int = 0


def choose(
    count: int,
    dimension: int,
    *,
    memory: int | None = None,
    changing: bool = True,
    exact_up_to: int = EXACT_UP_TO,
) -> Choice:
    """The index for ``count`` vectors.

    Args:
        count: number of vectors.
        dimension: their length.
        memory: bytes that the index may take; None: half of this machine's memory.
        changing: whether vectors will be added, removed or updated; a graph is built only if not.
        exact_up_to: number of vectors up to which the search compares with all of them.

    Raises:
        ValueError: ``count``, ``dimension`` or ``memory`` is not positive.
    """
    limit = half_the_memory() if memory is None else memory
    if min(count, dimension, limit) < 1:
        raise ValueError(f"count {count}, dimension {dimension} and memory {limit} must be positive")
    flat = 4.0 * dimension
    if count <= exact_up_to and count * flat <= limit:
        few = f"{count:,} vectors are few enough to compare with every one"
        return Choice("Flat", "flat", flat, f"{few}: exact, nothing to train")
    graph = dimension + _GRAPH_BYTES
    if not changing and count <= GRAPH_UP_TO and count * graph <= limit:
        why = f"nothing will change and a graph of {text_of(count * graph)} fits in {text_of(limit)}"
        return Choice(f"HNSW{_LINKS},SQ8", "hnsw", graph, f"{why}: the fastest single query")
    lists = lists_for(count)
    coarse = f"IVF{lists}_HNSW{_LINKS}" if lists >= _MANY_LISTS else f"IVF{lists}"
    for code, size, what in _codes(dimension):
        if count * size <= limit:
            why = f"{what} take {text_of(count * size)}, which fits in {text_of(limit)}"
            return Choice(f"{coarse},{code}", "ivf", size, f"{count:,} vectors; {why}")
    # Lists on disk are read for every query: half the bytes for nearly the same order is the better deal.
    code, size, what = _codes(dimension)[1]
    why = f"no code fits in {text_of(limit)}: {what} in lists on disk, {text_of(count * size)}"
    block = max(int(limit / 4 / (flat + 2 * size)), 10_000)
    return Choice(f"{coarse},{code}", "ivf", size, f"{count:,} vectors; {why}", on_disk=True, block=block)


def lists_for(count: int) -> int:
    """Number of inverted lists: about 4 sqrt(N) balance finding the lists against scanning them."""
    return max(1, min(round(4 * math.sqrt(count)), count // TRAIN_PER_LIST))


def half_the_memory() -> int:
    """Half of this machine's memory, bytes; 4 GB where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return 4 * 10**9


def text_of(size: float) -> str:
    """Bytes as people write them, with decimal prefixes."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _codes(dimension: int) -> tuple[tuple[str, float, str], ...]:
    """Codes from the most faithful to the smallest: factory, bytes a vector, words.

    SQ8: one byte an element. RaBitQ: Gao and Long 2024, "RaBitQ: Quantizing high-dimensional vectors
    with a theoretical error bound for approximate nearest neighbor search", SIGMOD; with 4 bits, then
    1 bit an element, and some factors a vector. PQ: Jégou, Douze and Schmid 2011, "Product quantization
    for nearest neighbor search", IEEE TPAMI; 8 bits for every 16 elements.
    """
    bit = math.ceil(dimension / 8)
    pieces = next(m for m in range(max(dimension // 16, 1), 0, -1) if dimension % m == 0)
    return (
        ("SQ8", dimension + _LIST_ID, "8-bit codes"),
        ("RaBitQ4", 4 * bit + 20 + _LIST_ID, "4-bit codes (refined by the embeddings)"),
        ("RaBitQ", bit + 8 + _LIST_ID, "1-bit codes (refined by the embeddings)"),
        (f"PQ{pieces}", pieces + _LIST_ID, "product codes (refined by the embeddings)"),
    )
