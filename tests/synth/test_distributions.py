from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from ssl_insar.synth.distributions import Quantity, draw

ADAPTER: TypeAdapter[object] = TypeAdapter(Quantity)


def sample(law: object, count: int = 4000) -> np.ndarray:
    quantity = ADAPTER.validate_python(law)
    rng = np.random.default_rng(0)
    return np.array([draw(quantity, rng) for _ in range(count)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("law", "mean", "spread"),
    [
        (2.5, 2.5, 0.0),
        ({"uniform": [2, 6]}, 4.0, 4 / 12**0.5),
        ({"normal": [1, 3]}, 1.0, 3.0),
        ({"laplace": [1, 2]}, 1.0, 8**0.5),
        ({"choice": [6, 12, 12]}, 10.0, 8**0.5),
        ({"uniform": [2, 2], "sign": "random"}, 0.0, 2.0),
        ({"mixture": [{"weight": 1, "of": 0.0}, {"weight": 3, "of": {"choice": [4]}}]}, 3.0, 3**0.5),
    ],
)
def test_moments(law: object, mean: float, spread: float) -> None:
    values = sample(law)
    assert values.mean() == pytest.approx(mean, abs=0.15)
    assert values.std() == pytest.approx(spread, abs=0.15)


def test_every_factor_is_as_likely() -> None:
    values = np.log(sample({"log_uniform": [0.01, 10]}))
    assert values.min() > np.log(0.01)
    assert values.max() < np.log(10)
    assert np.histogram(values, 3)[0] == pytest.approx(np.full(3, 4000 / 3), rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"unifrm": [1, 2]}, "a number is wanted, or one of"),
        ("1e3", "a number is wanted"),
        (True, "a number is wanted"),
        ({"uniform": [3, 2]}, "the lower number comes first"),
        ({"log_uniform": [0, 2]}, "two positive numbers"),
        ({"normal": [0, -1]}, "greater than or equal to 0"),
        ({"choice": []}, "at least 1 item"),
        ({"choice": ["a"]}, "valid number"),
        (float("nan"), "finite"),
        ({"mixture": [{"weight": 0, "of": 1.0}]}, "greater than 0"),
        ({"uniform": [1, 2], "seed": 3}, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said(wrong: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ADAPTER.validate_python(wrong)
