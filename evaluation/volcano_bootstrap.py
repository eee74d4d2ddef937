"""Intervals by resampling volcanoes, for statistics that take weights of tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resampled(groups: NDArray[Any], draws: int, seed: int) -> NDArray[np.float64]:
    """Weights of tiles in a bootstrap over volcanoes; the first row is the sample itself.

    Shape:
        (n,) -> (1 + draws, n)
    """
    names, member = np.unique(groups, return_inverse=True)
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
    return np.concatenate([np.ones((1, len(groups))), times[:, member]])


def with_interval(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    """A value and its 95 % interval, in columns: of the sample itself, which comes first, and of the draws.

    What a draw does not reach (NaN) counts as infinitely far.
    """
    drawn = np.where(np.isnan(values[1:]), np.inf, values[1:])
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    return {name: float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
