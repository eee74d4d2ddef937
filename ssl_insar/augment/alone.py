"""A recipe's effects one by one: what each of them alone does to a tile."""

from __future__ import annotations

from typing import Any

from ssl_insar.augment.config import (
    CropConfig,
    ElasticConfig,
    FlipConfig,
    RotateConfig,
    Section,
    ViewsConfig,
)

_STRONG = {"rewrap": {"aliased": 1.0}, "multilook": {"aliased": 1.0}}
"""Guards that would keep an effect from a tile are off where the effect is to be seen."""


def effects() -> list[str]:
    """Names of all effects, in the order in which they act."""
    fields = ViewsConfig.model_fields.items()
    return [
        name
        for name, field in fields
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    ]


def silent(config: ViewsConfig) -> ViewsConfig:
    """The same recipe with every effect off."""
    off: dict[str, Any] = {
        "crop": CropConfig(area=(1.0, 1.0), stretch=1.0),
        "flip": FlipConfig(left_right=0.0, up_down=0.0),
        "rotate": RotateConfig(p=0.0),
        "elastic": ElasticConfig(p=0.0),
    }
    for name in effects():
        section = getattr(config, name)
        if name not in off:
            off[name] = section.model_copy(update={"p": 0.0})
    return config.model_copy(update=off)


def alone(config: ViewsConfig, name: str) -> ViewsConfig:
    """The recipe with one effect, which touches every view, and no other.

    Args:
        config: gives the effect's strength.
        name: one of `effects`.
    """
    section = getattr(config, name)
    if name == "flip":
        section = FlipConfig(left_right=1.0, up_down=0.0)
    elif name != "crop":
        section = section.model_copy(update={"p": 1.0, **_STRONG.get(name, {})})
    return silent(config).model_copy(update={name: section})
