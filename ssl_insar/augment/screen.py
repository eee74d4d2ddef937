"""What effects have in common whose phase follows a law of distances on the ground."""

from __future__ import annotations

from typing import Generic, TypeVar

from torch import nn

from ssl_insar.augment.config import Section

Config = TypeVar("Config", bound=Section)


class GroundScreen(nn.Module, Generic[Config]):
    """An effect that makes phase screens of one size on the ground.

    Args:
        config: how often and how strong.
        size: side of a view, px.
        spacing: ground distance of the view's pixels, m.
    """

    def __init__(self, config: Config, size: int, spacing: float) -> None:
        super().__init__()
        self.config = config
        self.size = size
        self.spacing = spacing
