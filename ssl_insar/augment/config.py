"""The ``views`` section of a recipe: which effects, how often, how strong.

``p`` is the share of views that an effect touches; 0 turns it off. Lengths in px are pixels of
the archive's tiles, so that a recipe does not change its meaning with the encoder's input size.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Span = tuple[float, float]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CropConfig(_Section):
    """Crop and resize. Destroys the class if the signal is cropped away, hence the large areas."""

    area: Span = Field((0.4, 1.0), description="share of the tile's area")
    stretch: float = Field(1.1, ge=1, description="largest aspect ratio")


class FlipConfig(_Section):
    """Mirror images. Left-right is exactly physical: it toggles ascending and descending."""

    left_right: Probability = 0.5
    up_down: Probability = 0.3


class RotateConfig(_Section):
    """Small rotation; the look direction fixes north, so it is kept small."""

    p: Probability = 0.5
    degrees: float = Field(15.0, ge=0, le=180)


class ElasticConfig(_Section):
    """Smooth random displacement; keeps the number of fringes, changes their spacing."""

    p: Probability = 0.5
    pixels: float = Field(5.0, ge=0, description="RMS displacement, px; less where it would fold")
    smoothness: float = Field(28.0, gt=0, description="sigma of the Gaussian that smooths it, px")


class OffsetConfig(_Section):
    """Another reference pixel: a constant phase. Destroys nothing."""

    p: Probability = 1.0


class SwapConfig(_Section):
    """Swap of the two dates: the sign flips. Set p to 0 if inflation and deflation must differ."""

    p: Probability = 0.5


class RewrapConfig(_Section):
    """Over-wrapping by an integer, where it does not alias. Destroys the magnitude."""

    p: Probability = 0.2
    factors: tuple[int, ...] = (2, 3)
    aliased: Probability = Field(0.05, description="share of steps that may exceed a quarter cycle")


class TurbulenceConfig(_Section):
    """Turbulent troposphere. Hides weaker deformation: keep it at most 1 rad on real frames."""

    p: Probability = 0.7
    rms: Span = Field((0.1, 1.0), description="rad, drawn log-uniformly")


class RampConfig(_Section):
    """Orbital ramp. Imitates broad signals."""

    p: Probability = 0.5
    fringes: float = Field(0.5, ge=0, description="most fringes across the view, along either axis")


class DecorrelationConfig(_Section):
    """Loss of coherence, by the exact L-look phase noise law."""

    p: Probability = 0.5
    coherence: Span = (0.4, 0.95)
    looks: tuple[int, int] = (5, 40)


class CutoutConfig(_Section):
    """A box of no data."""

    p: Probability = 0.5
    area: Span = Field((0.05, 0.25), description="share of the view")


class ViewsConfig(_Section):
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
