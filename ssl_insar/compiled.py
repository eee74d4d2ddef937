"""Functions that numba compiles, without numba where none of them is called."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


def compiled(**settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function when it is first called, for importing numba takes a third of a second.

    It runs without the interpreter's lock, and divides as numpy does. Compiling takes seconds, once a
    machine: the result is kept on disk.

    Args:
        settings: others of `numba.njit`, such as ``fastmath``.
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        lock = threading.Lock()
        made: list[Callable[..., Any]] = []

        def call(*args: Any) -> Any:
            if not made:
                with lock:
                    if not made:
                        made.append(_compile(function, **settings))
            return made[0](*args)

        return call

    return wrap


def _compile(function: Callable[..., Any], **settings: Any) -> Callable[..., Any]:
    import numba

    settings |= {"nogil": True, "error_model": "numpy"}
    try:
        compiled: Callable[..., Any] = numba.njit(cache=True, **settings)(function)
    except RuntimeError:  # no folder that can be written to: then it is compiled for this process alone
        compiled = numba.njit(**settings)(function)
    return compiled
