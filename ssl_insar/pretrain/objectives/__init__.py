"""Ways to learn from two views, one a file, all of the shape of `Objective`; a recipe names one.

| name | negatives | batch it wants | keeps a teacher |
|---|---|---|---|
| simclr | the batch | large | no |
| moco | a queue | any | yes |
| vicreg | none | 64 and more | no |
| barlow_twins | none | 64 and more | no |
| byol | none | any | yes |
| dino | none | any | yes |

Reconstruction of masked pixels is left out, untried: its loss would be spent on speckle and atmosphere,
which fill most pixels, it needs a decoder, and of two views it uses one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from torch import nn

from ssl_insar.augment.config import Section
from ssl_insar.pretrain.objectives.barlow_twins import BarlowTwins, BarlowTwinsConfig
from ssl_insar.pretrain.objectives.base import Head, Objective, Outcome
from ssl_insar.pretrain.objectives.byol import BYOL, BYOLConfig
from ssl_insar.pretrain.objectives.dino import DINO, DINOConfig
from ssl_insar.pretrain.objectives.moco import MoCo, MoCoConfig
from ssl_insar.pretrain.objectives.simclr import SimCLR, SimCLRConfig
from ssl_insar.pretrain.objectives.vicreg import VICReg, VICRegConfig

__all__ = [
    "BYOL",
    "CONFIGS",
    "DINO",
    "BYOLConfig",
    "BarlowTwins",
    "BarlowTwinsConfig",
    "DINOConfig",
    "Head",
    "MoCo",
    "MoCoConfig",
    "Objective",
    "ObjectiveConfig",
    "Outcome",
    "SimCLR",
    "SimCLRConfig",
    "VICReg",
    "VICRegConfig",
    "build",
]

_MAKERS: dict[type[Section], Callable[..., Objective]] = {
    maker.section: maker for maker in (SimCLR, VICReg, BYOL, BarlowTwins, MoCo, DINO)
}

CONFIGS: dict[str, type[Section]] = {
    str(section.model_fields["name"].default): section for section in _MAKERS
}
"""Section of each objective, by name."""


def _named(value: Any) -> Any:
    """A section without a name is SimCLR's."""
    return {"name": "simclr", **value} if isinstance(value, dict) else value


ObjectiveConfig = Annotated[
    SimCLRConfig | VICRegConfig | BYOLConfig | BarlowTwinsConfig | MoCoConfig | DINOConfig,
    Field(discriminator="name"),
    BeforeValidator(_named),
]
"""The ``objective`` section of a recipe: one of the sections above, by its ``name``."""


def build(
    config: ObjectiveConfig, encoder: nn.Module, dimension: int, head: Head, world: int = 1
) -> Objective:
    """The objective that a section asks for.

    Args:
        config: the section.
        encoder: the online one, (N, C, S, S) -> (N, ``dimension``), uncompiled; copied where a teacher is
            kept and never held itself.
        dimension: of its features.
        head: widths and number of layers of the projection head.
        world: number of processes that share a batch.

    Raises:
        UserError: a head that the method cannot have.
    """
    return _MAKERS[type(config)](encoder, dimension, head, config, world)
