"""Progress bars: lively on a terminal, a few lines in a log file."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

LOG_SECONDS = 15.0
"""Least time between two lines when nobody watches a terminal."""


def bar(total: int, what: str, unit: str, *, shown: bool = True, initial: int = 0) -> tqdm[Any]:
    """A progress bar with rate and time left.

    Args:
        total: number of units.
        what: the work, in a word or two.
        unit: what is counted.
        shown: False draws nothing.
        initial: units already done, by an earlier run.
    """
    live = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=what,
        unit=unit,
        initial=initial,
        disable=not shown,
        mininterval=0.1 if live else LOG_SECONDS,
        ascii=not live,
        dynamic_ncols=True,
        smoothing=0.1,
    )
