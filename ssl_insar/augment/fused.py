"""Pointwise work in one pass over memory, by torch.compile where that pays."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

_on: ContextVar[bool] = ContextVar("fused", default=False)


@contextmanager
def fusing(on: bool) -> Iterator[None]:
    """Compile what is `fusible`, or not, inside the block."""
    before = _on.set(on)
    try:
        yield
    finally:
        _on.reset(before)


def fusible(function: Callable[P, R]) -> Callable[P, R]:
    """A function of tensors that is compiled inside `fusing`, and called as it stands elsewhere.

    Compiled at the first call, for any batch size; where no compiler works, there is a warning and the
    function is called as it stands from then on.
    """
    compiled: Callable[P, R] | None = None
    failed = False

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal compiled, failed
        # Where one such function calls another, that is compiled with it.
        if torch.compiler.is_compiling() or failed or not _on.get():
            return function(*args, **kwargs)
        if compiled is None:
            logging.getLogger("torch.utils.cpp_extension").addFilter(_is_no_hint)
            compiled = torch.compile(function)
        for value in (*args, *kwargs.values()):
            if isinstance(value, torch.Tensor):
                # Batches and subsets of them change in size, the sides of a view do not.
                torch._dynamo.maybe_mark_dynamic(value, 0)
        try:
            return compiled(*args, **kwargs)
        except RuntimeError as error:  # of the compiler; one of the function itself comes again
            failed = True
            reason = str(error).strip().splitlines()[0]
            warnings.warn(f"views are made without a compiler, which takes longer: {reason}", stacklevel=2)
            return function(*args, **kwargs)

    return call


def _is_no_hint(record: logging.LogRecord) -> bool:
    """False for what torch's compiler says on a machine with the files of CUDA and no GPU: it works there."""
    return not str(record.msg).startswith("No CUDA runtime is found")
