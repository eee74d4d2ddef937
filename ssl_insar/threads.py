"""How many threads torch computes with, which other libraries change behind its back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def torch_threads(count: int | None = None) -> Iterator[None]:
    """Leave torch's number of threads as it was found, whatever happens within.

    numba, which UMAP computes with, sets OpenMP's number of threads to that of the cores for the whole
    process, torch included: what ran after a map was no longer what ``OMP_NUM_THREADS`` asked for, and its
    sums were rounded otherwise than before it.

    Args:
        count: threads within; None: as many as before.
    """
    import torch

    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
