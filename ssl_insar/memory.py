"""How the C library hands memory back to the system."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT = (1 << 31) - 1


def keep_freed_memory() -> None:
    """Let the process keep freed memory for its next tensors.

    By default glibc returns every large block to the system at once and takes it anew, page by
    page, for the next tensor of the same size; on two cores that costs about a tenth of a training step
    (`evaluation/benchmark_step.py` measures it). Elsewhere than on Linux with glibc: nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _KEPT)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
