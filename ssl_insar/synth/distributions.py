"""Random numbers as a preset's YAML writes them: a number, or a law with its parameters."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, FiniteFloat, Tag, model_validator


class _Law(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sign: Literal["random"] | None = None
    """``random``: the number is negative as often as positive."""


class Uniform(_Law):
    """Evenly between two numbers: ``{uniform: [1000, 4000]}``."""

    uniform: tuple[float, float]

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if not self.uniform[0] <= self.uniform[1]:
            raise ValueError("uniform: the lower number comes first")
        return self


class LogUniform(_Law):
    """Every factor equally likely: ``{log_uniform: [0.005, 0.3]}``."""

    log_uniform: tuple[float, float]

    @model_validator(mode="after")
    def _positive(self) -> LogUniform:
        if not 0 < self.log_uniform[0] <= self.log_uniform[1]:
            raise ValueError("log_uniform: two positive numbers, the lower one first")
        return self


class Normal(_Law):
    """Mean and standard deviation: ``{normal: [0, 3]}``."""

    normal: tuple[float, Annotated[float, Field(ge=0)]]


class Laplace(_Law):
    """Location and scale: ``{laplace: [0, 5e-6]}``."""

    laplace: tuple[float, Annotated[float, Field(ge=0)]]


class Choice(_Law):
    """One of several, equally likely; doubled entries count twice: ``{choice: [6, 12, 12]}``."""

    choice: Annotated[tuple[float, ...], Field(min_length=1)]


class Mixture(_Law):
    """One of several laws, by weight: ``{mixture: [{weight: 0.3, of: 0.0}, {weight: 0.7, of: ...}]}``."""

    mixture: Annotated[tuple[Component, ...], Field(min_length=1)]


_LAWS: dict[str, type[_Law]] = {
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "normal": Normal,
    "laplace": Laplace,
    "choice": Choice,
    "mixture": Mixture,
}


def _kind(value: Any) -> str | None:
    """Which law a value is written in; None: in none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    if isinstance(value, dict):
        return next((name for name in _LAWS if name in value), None)
    return next((name for name, law in _LAWS.items() if isinstance(value, law)), None)


Quantity: TypeAlias = Annotated[
    Annotated[FiniteFloat, Tag("number")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[LogUniform, Tag("log_uniform")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Laplace, Tag("laplace")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[Mixture, Tag("mixture")],
    Discriminator(
        _kind,
        custom_error_type="quantity",
        custom_error_message="a number is wanted, or one of "
        + ", ".join(f"{{{name}: [...]}}" for name in _LAWS),
    ),
]
"""What a preset may write where a number is wanted."""


class Component(BaseModel):
    """A part of a `Mixture`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weight: Annotated[float, Field(gt=0)]
    of: Quantity


Law: TypeAlias = Uniform | LogUniform | Normal | Laplace | Choice | Mixture
Mixture.model_rebuild()


def draw(quantity: float | Law, rng: np.random.Generator) -> float:
    """One number of a law; a plain number is itself."""
    value = _drawn(quantity, rng)
    if isinstance(quantity, _Law) and quantity.sign == "random" and rng.random() < 0.5:
        return -float(value)
    return float(value)


def _drawn(quantity: float | Law, rng: np.random.Generator) -> Any:
    match quantity:
        case Uniform(uniform=(low, high)):
            return rng.uniform(low, high)
        case LogUniform(log_uniform=(low, high)):
            return math.exp(rng.uniform(math.log(low), math.log(high)))
        case Normal(normal=(mean, deviation)):
            return rng.normal(mean, deviation)
        case Laplace(laplace=(location, scale)):
            return rng.laplace(location, scale)
        case Choice(choice=options):
            return options[rng.integers(len(options))]
        case Mixture(mixture=parts):
            weights = np.array([part.weight for part in parts])
            return draw(parts[rng.choice(len(parts), p=weights / weights.sum())].of, rng)
    return quantity
