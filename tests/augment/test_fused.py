from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ssl_insar.augment.fused import fusible, fusing


def twice(x: Tensor) -> Tensor:
    return 2 * x


def test_nothing_is_compiled_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Callable[[Tensor], Tensor]] = []

    def compiler(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        made.append(function)
        return lambda x: 1 + function(x)

    monkeypatch.setattr(torch, "compile", compiler)
    function = fusible(twice)
    assert float(function(torch.ones(1))) == 2
    with fusing(False):
        assert float(function(torch.ones(1))) == 2
    with fusing(True):
        assert float(function(torch.ones(1))) == 3
        assert float(function(torch.ones(1))) == 3
    assert made == [twice]
    assert float(function(torch.ones(1))) == 2


def test_without_a_compiler_there_is_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        def call(x: Tensor) -> Tensor:
            raise RuntimeError("no C++ compiler")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    function = fusible(twice)
    with fusing(True):
        with pytest.warns(UserWarning, match=r"without a compiler.*no C\+\+ compiler"):
            assert float(function(torch.ones(1))) == 2
        assert float(function(torch.ones(1))) == 2


def test_only_the_hint_at_a_missing_gpu_is_silenced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def compiler(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        logger = logging.getLogger("torch.utils.cpp_extension")
        logger.warning("No CUDA runtime is found, using CUDA_HOME='%s'", "/usr/local/cuda")
        logger.warning("Error checking compiler version for %s", "c++")
        return function

    monkeypatch.setattr(torch, "compile", compiler)
    with fusing(True):
        fusible(twice)(torch.ones(1))
    assert [record.getMessage() for record in caplog.records] == ["Error checking compiler version for c++"]
