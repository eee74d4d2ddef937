"""Out-of-fold scores whose true probabilities are known."""

from __future__ import annotations

import numpy as np

from ssl_insar.classify.frozen import softmax
from ssl_insar.classify.held_out import HeldOut


def held_out(logits: np.ndarray, codes: np.ndarray, groups: int = 40) -> HeldOut:
    """Scores as if of four folds."""
    names = np.array([f"v{i % groups:03d}" for i in range(len(codes))])
    fold = np.array([int(name[1:]) % 4 for name in names])
    seen = tuple(frozenset(names[fold != i].tolist()) for i in range(4))
    classes = np.arange(logits.shape[1])
    return HeldOut(classes, logits, softmax(logits), codes, names, fold, seen)


def drawn(rng: np.random.Generator, count: int, classes: int, shift: float = 0.0):
    """True log-odds and classes drawn with these."""
    logits = 1.5 * rng.normal(size=(count, classes))
    logits[:, 0] += shift
    codes = (softmax(logits).cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return logits, codes
