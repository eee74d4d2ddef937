"""The ``views`` section of a recipe: which effects, how often, how strong.

``p`` is the share of views that an effect touches; 0 turns it off. Lengths in px are pixels of
the archive's tiles, so that a recipe does not change its meaning with the encoder's input size.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]


def _ascending(span: tuple[float, float]) -> tuple[float, float]:
    if not span[0] <= span[1]:
        raise ValueError(f"the first of the two must not be the larger, as in {list(span)}")
    return span


_Positive = Annotated[float, Field(gt=0)]
_PositiveShare = Annotated[float, Field(gt=0, le=1)]
Span = Annotated[tuple[_Positive, _Positive], AfterValidator(_ascending)]
"""From and to, both above 0."""
ShareSpan = Annotated[tuple[_PositiveShare, _PositiveShare], AfterValidator(_ascending)]
"""From and to, both above 0 and at most 1."""
LooksSpan = Annotated[
    tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]], AfterValidator(_ascending)
]
"""From and to, both 1 or more."""


class Section(BaseModel):
    """A frozen section of a recipe that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CropConfig(Section):
    """Crop and resize. Destroys the class if the signal is cropped away, hence the large areas."""

    area: ShareSpan = Field((0.4, 1.0), description="share of the tile's area")
    stretch: float = Field(1.1, ge=1, description="largest aspect ratio")


class FlipConfig(Section):
    """Mirror images. Left-right is exactly physical: it toggles ascending and descending."""

    left_right: Probability = 0.5
    up_down: Probability = 0.3


class RotateConfig(Section):
    """Small rotation; the look direction fixes north, so it is kept small."""

    p: Probability = 0.5
    degrees: float = Field(15.0, ge=0, le=180)


class ElasticConfig(Section):
    """Smooth random displacement; keeps the number of fringes, changes their spacing."""

    p: Probability = 0.5
    pixels: float = Field(5.0, ge=0, description="RMS displacement, px; less where it would fold")
    smoothness: float = Field(28.0, gt=0, description="sigma of the Gaussian that smooths it, px")


class OffsetConfig(Section):
    """Another reference pixel: a constant phase. Destroys nothing."""

    p: Probability = 1.0


class SwapConfig(Section):
    """Swap of the two dates: the sign flips. Set p to 0 if inflation and deflation must differ."""

    p: Probability = 0.5


class RewrapConfig(Section):
    """Over-wrapping by an integer, where it does not alias. Destroys the magnitude."""

    p: Probability = 0.2
    factors: tuple[Annotated[int, Field(ge=2)], ...] = Field((2, 3), min_length=1)
    aliased: Probability = Field(0.05, description="share of steps that may exceed a quarter cycle")


class TurbulenceConfig(Section):
    """Turbulent troposphere. Hides weaker deformation: keep it at most 1 rad on real frames."""

    p: Probability = 0.5
    rms: Span = Field((0.1, 0.7), description="rad, drawn log-uniformly")


class RampConfig(Section):
    """Orbital ramp. Imitates broad signals."""

    p: Probability = 0.5
    fringes: float = Field(0.5, ge=0, description="most fringes across the view, along either axis")


class DecorrelationConfig(Section):
    """Loss of coherence, by the exact L-look phase noise law."""

    p: Probability = 0.3
    coherence: ShareSpan = (0.6, 0.95)
    looks: LooksSpan = (5, 40)


class CutoutConfig(Section):
    """A box of no data."""

    p: Probability = 0.3
    area: ShareSpan = Field((0.05, 0.25), description="share of the view")


class ViewsConfig(Section):
    """All effects of a view, in the order in which they act."""

    spacing: float = Field(100.0, gt=0, description="ground distance of the tiles' pixels, m")
    crop: CropConfig = CropConfig()
    flip: FlipConfig = FlipConfig()
    rotate: RotateConfig = RotateConfig()
    elastic: ElasticConfig = ElasticConfig()
    swap: SwapConfig = SwapConfig()
    rewrap: RewrapConfig = RewrapConfig()
    offset: OffsetConfig = OffsetConfig()
    turbulence: TurbulenceConfig = TurbulenceConfig()
    ramp: RampConfig = RampConfig()
    decorrelation: DecorrelationConfig = DecorrelationConfig()
    cutout: CutoutConfig = CutoutConfig()
