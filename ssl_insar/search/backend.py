"""FAISS: finding it, and its GPUs.

Johnson, Douze and Jégou 2021, "Billion-scale similarity search with GPUs", IEEE Transactions on Big
Data; Douze et al. 2024, "The Faiss library", arXiv:2401.08281.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.errors import UserError


def import_faiss() -> Any:
    """The ``faiss`` module, of whichever of its two builds is installed.

    Raises:
        UserError: neither is there, or the one that is does not load.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        why = "FAISS is not installed" if error.name == "faiss" else f"FAISS does not load ({error})"
        raise UserError(
            f"{why}; install exactly one of: pip install 'ssl_insar[cpu]' or pip install 'ssl_insar[gpu]'"
        ) from error


def gpu_count(faiss: Any) -> int:
    """GPUs that this build of FAISS can use; 0 for the CPU build."""
    # The CPU build exports some GPU functions too, which then fail; this class it does not have.
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def on_gpu(faiss: Any, store: Any) -> Any | None:
    """A copy of a CPU index on the first GPU, or None without one or when it does not fit there.

    The copy is for searching; what is saved is always the CPU index.
    """
    if not gpu_count(faiss):
        return None
    try:
        resources = faiss.StandardGpuResources()
        copy = faiss.index_cpu_to_gpu(resources, 0, store)
    except RuntimeError:  # out of GPU memory, or a kind of index that has no GPU version
        return None
    copy.ssl_insar_resources = resources  # must outlive the copy
    return copy


def from_gpu(faiss: Any, store: Any) -> Any:
    """The CPU index of one that `on_gpu` made: what is saved."""
    return faiss.index_gpu_to_cpu(store)


@dataclass(frozen=True)
class Built:
    """An index in memory, for a program's own use.

    Attributes:
        store: the FAISS index; its ids are row numbers.
        recall: share of the true 10 nearest that it finds; None: it compares with every vector.
    """

    store: Any
    recall: float | None


def build(matrix: NDArray[np.float16], exact_up_to: int) -> Built:
    """Index the unit vectors of a matrix.

    Above ``exact_up_to`` vectors it is set to find 99 of 100 of the true 10 nearest, without rescoring.

    Shape:
        (N, D)
    """
    # These need the functions above.
    from ssl_insar.search.building import fill
    from ssl_insar.search.choice import choose
    from ssl_insar.search.tuning import tune

    choice = choose(len(matrix), matrix.shape[1], exact_up_to=exact_up_to)
    store = fill(matrix, choice)
    tuned = tune(store, choice.kind, matrix, goal=0.99, rescores=(1,))
    if tuned.effort is not None:
        import_faiss().extract_index_ivf(store).nprobe = tuned.effort
    return Built(store, tuned.recall)
