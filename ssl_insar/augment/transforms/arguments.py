"""Arguments of transforms beside those of a recipe's section."""

from __future__ import annotations

from pydantic import Field

from ssl_insar.augment.config import Probability, Section


class Always(Section):
    """For effects whose section has no probability of its own."""

    p: Probability = 1.0


class Chance(Section):
    """For effects that recipes have off by default: who names one here wants it."""

    p: Probability = 0.5


class Protecting(Section):
    """For effects that may take away what is known to deform."""

    protect: str | None = Field(
        None, description="name of the mask, not 0 where the image deforms, of which not much may be lost"
    )
