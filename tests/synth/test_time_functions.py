"""Growth with time: values, nothing before the event, and what a pair of dates sees."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from ssl_insar.synth.time_functions import (
    TIME_FUNCTIONS,
    exponential,
    linear,
    logarithmic,
    sinusoidal,
    step,
)

F64 = torch.float64
EXAMPLES: dict[str, dict[str, float]] = {
    "log": {"tau": 10.0},
    "exponential": {"tau": 100.0},
    "linear": {"rate": 0.01},
    "step": {},
    "sinusoidal": {"period": 365.25, "phase": 0.7},
}
ALL = pytest.mark.parametrize("name", TIME_FUNCTIONS)


def days(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=F64)


def test_every_function_has_an_example() -> None:
    assert set(EXAMPLES) == set(TIME_FUNCTIONS)


@ALL
def test_nothing_happens_before_the_event(name: str) -> None:
    assert TIME_FUNCTIONS[name](days(-1000, -1, -1e-9), **EXAMPLES[name]).abs().max() == 0


@pytest.mark.parametrize("name", [name for name in TIME_FUNCTIONS if name != "step"])
def test_all_but_the_step_start_without_a_jump(name: str) -> None:
    got = TIME_FUNCTIONS[name](days(0, 1e-6), **EXAMPLES[name])
    assert got[0] == 0
    assert 0 < got[1].abs() < 1e-6


def test_values() -> None:
    got = logarithmic(days(10 * (math.e - 1)), tau=10.0, amplitude=0.3)
    assert got.tolist() == pytest.approx([0.3])
    assert exponential(days(100, 1e9), tau=100.0, amplitude=2.0).tolist() == pytest.approx(
        [2 * (1 - 1 / math.e), 2]
    )
    assert linear(days(12), rate=0.5).tolist() == [6.0]
    assert step(days(-1, 0, 5), amplitude=3.0).tolist() == [0.0, 3.0, 3.0]
    assert sinusoidal(days(25, 50, 75, 100), period=100.0).tolist() == pytest.approx([1, 0, -1, 0], abs=1e-12)
    assert sinusoidal(days(50), period=100.0, phase=math.pi / 2).tolist() == pytest.approx([-2])


def test_knothes_law_of_time() -> None:
    """``1 - exp(-c t)`` with c = 4 a year."""
    got = exponential(days(0.5 * 365.25), tau=365.25 / 4)
    assert got.tolist() == pytest.approx([1 - math.exp(-2)])


@ALL
def test_parameters_may_be_one_a_source(name: str) -> None:
    several: dict[str, Any] = {key: days(value, 2 * value)[:, None] for key, value in EXAMPLES[name].items()}
    got = TIME_FUNCTIONS[name](torch.tensor([3, 12, 40]), **several)
    assert got.dtype == F64
    doubled = {key: 2 * value for key, value in EXAMPLES[name].items()}
    expected = TIME_FUNCTIONS[name](days(3, 12, 40), **doubled)
    torch.testing.assert_close(got[-1] if several else got, expected)


@ALL
def test_gradients_are_finite(name: str) -> None:
    parameters = {
        key: torch.tensor(value, dtype=F64, requires_grad=True) for key, value in EXAMPLES[name].items()
    }
    parameters = parameters or {"amplitude": torch.tensor(1.0, dtype=F64, requires_grad=True)}
    total = TIME_FUNCTIONS[name](days(-5, 0, 5), **parameters).sum()
    for gradient in torch.autograd.grad(total, list(parameters.values())):
        assert gradient.isfinite()
