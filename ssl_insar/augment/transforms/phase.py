"""Effects on the phase as it is: sign, fringes, noise, looks. Masks, boxes and points stay.

What each imitates, its source and what it destroys stand with the effect in `ssl_insar.augment`. The
length of the phasors, such as a coherence, is kept.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ssl_insar.augment import config as cf
from ssl_insar.augment import decorrelation, multilook, sign
from ssl_insar.augment import field as fd
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.transforms.arguments import Chance
from ssl_insar.augment.transforms.effect import ImageEffect


class Swap(ImageEffect):
    """Swap of the two dates: the phase changes sign. See `ssl_insar.augment.sign.Swap`."""

    arguments = cf.SwapConfig

    def touch(self, field: Tensor, draw: Draw, **params: Any) -> Tensor:
        """Conjugate."""
        swapped: Tensor = sign.Swap(self.config)(field, draw)
        return swapped


class Rewrap(ImageEffect):
    """Over-wrapping by an integer, where it does not alias. See `ssl_insar.augment.sign.Rewrap`."""

    arguments = cf.RewrapConfig

    def touch(self, field: Tensor, draw: Draw, **params: Any) -> Tensor:
        """Multiply the phase."""
        unit, _ = fd.renormalise(field)
        steeper: Tensor = sign.Rewrap(self.config)(unit, draw)
        return steeper * fd.magnitude(field)


class Decorrelation(ImageEffect):
    """Loss of coherence. See `ssl_insar.augment.decorrelation.Decorrelation`."""

    arguments = cf.DecorrelationConfig

    def touch(self, field: Tensor, draw: Draw, **params: Any) -> Tensor:
        """Add phase noise."""
        unit, _ = fd.renormalise(field)
        length = fd.magnitude(field)
        noisy: Tensor = decorrelation.Decorrelation(self.config)(unit, length, draw)[0]
        return noisy * length


class MultilookArguments(Chance, cf.MultilookConfig):
    """The section."""


class Multilook(ImageEffect):
    """Coarser looks at the same size. See `ssl_insar.augment.multilook.Multilook`."""

    arguments = MultilookArguments

    def touch(self, field: Tensor, draw: Draw, **params: Any) -> Tensor:
        """Average blocks of phasors, weighted by their length, where the fringes are wide enough."""
        unit, _ = fd.renormalise(field)
        length = fd.magnitude(field)
        looked: Tensor = multilook.Multilook(self.config)(unit, length, draw)[0]
        return looked * length
