"""Random streams of transforms: another one for each transform, worker process and epoch.

`albumentations` 2.0.8, the last release under the MIT licence, hands one seed to every transform of a
compose, so that two flips of p = 0.5 always happen together, and copies the state of its generators to
every worker of a torch DataLoader, so that workers, and epochs whose workers are started anew, repeat
each other.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch.utils.data import get_worker_info

Streams = tuple[np.random.Generator, random.Random]
"""What a transform of `albumentations` draws from."""


def streams(*key: int) -> Streams:
    """Generators that depend on all of a key of non-negative integers."""
    sequence = np.random.SeedSequence(key)
    return np.random.default_rng(sequence), random.Random(int(sequence.generate_state(1, np.uint64)[0]))


def worker_key() -> tuple[int, ...] | None:
    """What tells this worker of this epoch, on this rank, from all others; None outside a worker.

    torch draws the seed of a worker anew for each epoch that starts workers, from the loader's
    ``generator`` or from ``torch.manual_seed``; Lightning's ``seed_everything(workers=True)`` seeds
    torch in the worker by rank.
    """
    info = get_worker_info()
    return None if info is None else (info.seed, torch.initial_seed())


class Reseeding(ABC):
    """For transforms and composes: leave the copied generators when first called in a worker.

    The new streams depend on the old state, hence on a seed that was given, and on the worker: the same
    seed and the same ``torch.manual_seed`` give the same views again.
    """

    random_generator: np.random.Generator
    _reseeded_in: int | None = None

    def reseed_in_worker(self) -> None:
        """Call before drawing."""
        info = get_worker_info()
        key = worker_key()
        # The seed of torch may be set again by the data set: only the worker's own seed marks it.
        if info is not None and key is not None and self._reseeded_in != info.seed:
            self._reseeded_in = info.seed
            self.reseed(int(self.random_generator.integers(2**63)), *key)

    @abstractmethod
    def reseed(self, *key: int) -> None:
        """Take new streams."""
