"""The ``views`` section of a recipe: which effects, how often, how strong.

``p`` is the share of views that an effect touches; 0 turns it off. Lengths in px are pixels of
the archive's tiles, so that a recipe does not change its meaning with the encoder's input size.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SPACING = 100.0
"""Ground distance of pixels where nobody says it, m: that of LiCSAR."""
WAVELENGTH = 0.0555
"""Of the radar where nobody says it, m: C band."""

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
    keep: Probability = Field(0.6, description="least share of known deformation that a crop holds")


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
    deformation: Probability = Field(0.4, description="largest share of known deformation to cut out")


BlankKind = Literal["box", "blob", "half-plane", "stripe"]


class StratifiedConfig(Section):
    """Delay that follows the terrain. Imitates a volcano that deforms where it is high."""

    p: Probability = 0.0
    gradient: float = Field(2.0, ge=0, description="standard deviation of the gradient, rad/km")
    relief: Span = Field(
        (0.2, 3.0), description="highest minus lowest point of made terrain, km, drawn log-uniformly"
    )


class IonosphereConfig(Section):
    """Electrons on the way. Imitates broad signals; strongest at long radar wavelengths."""

    p: Probability = 0.0
    tec: Span = Field((0.02, 0.3), description="difference across the view, TECU, drawn log-uniformly")


class DonorConfig(Section):
    """The atmosphere of a quiet interferogram. Hides weaker deformation; a donor's own is added."""

    p: Probability = 0.0
    coherence: Probability = Field(0.5, description="donors of less mean local coherence are not used")
    quiet: Literal["labelled", "presumed"] = Field(
        "presumed", description="donors: tiles that a label calls 0, or flat ones, without a label read"
    )


class MultilookConfig(Section):
    """Coarser looks. Destroys fringes narrower than two blocks, hence the limit."""

    p: Probability = 0.0
    factors: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (2, 3, 4), min_length=1, description="side of a block, px of the view"
    )
    aliased: Probability = Field(0.05, description="share of steps that may exceed half a cycle a block")


class _BlankingConfig(Section):
    heading: Span = Field(
        (8.0, 14.0), description="how far the track is from north-south, either way, degrees"
    )
    deformation: Probability = Field(0.4, description="largest share of known deformation to blank")


class BlanksConfig(_BlankingConfig):
    """No data of many shapes. Destroys the class if the signal is blanked, hence the limit."""

    p: Probability = 0.0
    area: ShareSpan = Field((0.05, 0.25), description="share of the view")
    kinds: tuple[BlankKind, ...] = Field(
        ("box", "blob", "half-plane", "stripe"), min_length=1, description="drawn with equal chance"
    )


class FrameEdgeConfig(_BlankingConfig):
    """The end of a frame. Destroys what lies beyond it."""

    p: Probability = 0.0
    area: ShareSpan = Field((0.02, 0.3), description="share of the view beyond the edge")


class RealFactorConfig(Section):
    """Another wavelength, or any number of fringes, for unwrapped tiles. Destroys the magnitude."""

    p: Probability = 0.0
    wavelength: Probability = Field(
        0.3, description="share of these that change from C band to L or X, not by a free factor"
    )
    factors: Span = Field((0.5, 3.0), description="drawn log-uniformly")
    aliased: Probability = Field(0.05, description="share of steps that may exceed half a cycle")


class ViewsConfig(Section):
    """All effects of a view, in the order in which they act.

    Those with p of 0 are off because an encoder trained with all of them was worse (docs/views.md).
    """

    spacing: float | None = Field(
        None, gt=0, description="ground distance of the tiles' pixels, m; None: the archive's median"
    )
    wavelength: float | None = Field(
        None,
        gt=0,
        description="of the radar, m: what the ionosphere scales with; None: the archive's median",
    )
    cap: float = Field(
        1.0, gt=0, description="largest RMS of turbulence, stratified delay and ionosphere together, rad"
    )
    snr: float = Field(
        5.0, ge=0, description="where deformation is known, its GLS ratio stays at or above this, if it was"
    )
    real_factor: RealFactorConfig = RealFactorConfig()
    crop: CropConfig = CropConfig()
    flip: FlipConfig = FlipConfig()
    rotate: RotateConfig = RotateConfig()
    elastic: ElasticConfig = ElasticConfig()
    swap: SwapConfig = SwapConfig()
    rewrap: RewrapConfig = RewrapConfig()
    offset: OffsetConfig = OffsetConfig()
    turbulence: TurbulenceConfig = TurbulenceConfig()
    stratified: StratifiedConfig = StratifiedConfig()
    ionosphere: IonosphereConfig = IonosphereConfig()
    ramp: RampConfig = RampConfig()
    donor: DonorConfig = DonorConfig()
    decorrelation: DecorrelationConfig = DecorrelationConfig()
    multilook: MultilookConfig = MultilookConfig()
    cutout: CutoutConfig = CutoutConfig()
    blanks: BlanksConfig = BlanksConfig()
    frame_edge: FrameEdgeConfig = FrameEdgeConfig()

    @property
    def pixel_spacing(self) -> float:
        """``spacing``, m; `SPACING` where neither recipe nor archive says it."""
        return SPACING if self.spacing is None else self.spacing

    @property
    def radar_wavelength(self) -> float:
        """``wavelength``, m; `WAVELENGTH` where neither recipe nor archive says it."""
        return WAVELENGTH if self.wavelength is None else self.wavelength
