"""Which transforms of `albumentations` may touch a phasor, and a compose that takes no others.

The library is made for pictures: most of its radiometric transforms clip float images to 0 ... 1 and so
lose every negative real or imaginary part, noise added to the parts is no phase noise, and interpolation
mixes phasors with no data. Only transforms that move whole pixels or blank them to 0 are exact. The list
names those: a transform that it does not name is refused, also one of a later release.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ssl_insar.augment.transforms.library import albumentations as A
from ssl_insar.augment.transforms.seeding import Reseeding, streams

_EXACT_SINCE = {
    "pixels are moved whole (a quarter turn and a transpose turn the look direction too)": "HorizontalFlip "
    "VerticalFlip Transpose RandomRotate90 D4 SquareSymmetry TimeReverse RandomCrop CenterCrop Crop "
    "RandomCropFromBorders RandomCropNearBBox BBoxSafeRandomCrop AtLeastOneBBoxRandomCrop "
    "CropNonEmptyMaskIfExists",
    "pixels become no data, if the fill is 0": "CoarseDropout ConstrainedCoarseDropout GridDropout "
    "XYMasking MaskDropout PixelDropout Erasing TimeMasking FrequencyMasking Pad PadIfNeeded",
    "values stay, or the caller answers for them": "NoOp Lambda ToTensorV2",
}
EXACT = frozenset(name for names in _EXACT_SINCE.values() for name in names.split())
"""Transforms of the library that are exact on phasors."""

_NOISE = "T.Decorrelation, phase noise of a coherence and a number of looks"
_BLUR = "T.Multilook, the mean of phasors over blocks, or T.CropResize with a smaller size"
_TONE = "T.Offset, another reference (a phase has no brightness)"
_CONTRAST = "T.Rewrap, more fringes (a phase has no contrast)"
_SCREEN = "T.Turbulence, T.Stratified, T.Ionosphere or T.Ramp, a phase screen"
_NONE = "nothing: a phasor is normalised, leave it out"
_NONE_MIXED = "nothing: phasors of two places or channels do not mix, leave it out"
_HOLES = "T.Cutout or T.Blanks or A.CoarseDropout(fill=0), no data"
INSTEAD = {
    name: safe
    for safe, names in {
        _NOISE: "GaussNoise MultiplicativeNoise AdditiveNoise ISONoise ShotNoise SaltAndPepper "
        "ImageCompression",
        _BLUR: "GaussianBlur Blur MedianBlur MotionBlur AdvancedBlur Defocus GlassBlur ZoomBlur Downscale "
        "Sharpen UnsharpMask Superpixels RingingOvershoot Emboss Morphological",
        _TONE: "RandomBrightnessContrast ColorJitter HueSaturationValue RGBShift PlanckianJitter ToSepia "
        "RandomToneCurve FancyPCA ChannelShuffle HEStain",
        _CONTRAST: "CLAHE Equalize AutoContrast RandomGamma Solarize Posterize",
        "T.Swap, the other order of dates": "InvertImg",
        _SCREEN: "Illumination PlasmaBrightnessContrast PlasmaShadow RandomShadow RandomFog RandomSunFlare",
        _NONE: "ToGray ToRGB Normalize ToFloat FromFloat HistogramMatching FDA PixelDistributionAdaptation",
        _NONE_MIXED: "Mosaic ChromaticAberration",
        _HOLES: "ChannelDropout Spatter RandomRain RandomSnow RandomGravel OverlayElements TextImage",
        "T.Blanks, no data": "CoarseDropout3D",
        "A.RandomCrop, which treats a stack alike": "RandomCrop3D",
        "A.CenterCrop, which treats a stack alike": "CenterCrop3D",
        "A.Pad, which treats a stack alike": "Pad3D",
        "A.PadIfNeeded, which treats a stack alike": "PadIfNeeded3D",
        "A.D4, which leaves the order of dates": "CubicSymmetry",
        "A.ToTensorV2": "ToTensor3D",
        "T.Rotate, which resamples phasor and validity together": "Rotate SafeRotate ShiftScaleRotate Affine",
        "T.Elastic, which never folds": "ElasticTransform GridDistortion OpticalDistortion ThinPlateSpline "
        "PiecewiseAffine GridElasticDeform Perspective RandomGridShuffle",
        "T.CropResize": "Resize RandomResizedCrop RandomSizedCrop RandomSizedBBoxSafeCrop RandomScale "
        "LongestMaxSize SmallestMaxSize CropAndPad",
    }.items()
    for name in names.split()
}
"""The safe alternative to a refused transform (T is this package)."""


def check(transforms: Any) -> None:
    """Refuse transforms of `albumentations` that are not exact on phasors.

    Exact are flips, quarter turns, crops, and holes and borders filled with 0. Transforms that others
    wrote pass: they are their authors' affair.

    Args:
        transforms: a compose, a transform, or a sequence of them.

    Raises:
        ValueError: naming the first such transform and what to take instead.
    """
    for node in _nodes(transforms):
        name = type(node).__name__
        if not type(node).__module__.startswith("albumentations."):
            continue
        if isinstance(node, A.core.composition.BaseCompose):
            if isinstance(node, A.SelectiveChannelTransform):
                raise ValueError(f"{name} would treat the two parts of a phasor apart: leave it out")
            continue
        if name not in EXACT:
            instead = INSTEAD.get(name, "a transform of ssl_insar.augment.transforms")
            raise ValueError(f"{name} is not exact on phasors: use {instead}")
        if not _blanks(node):
            raise ValueError(f"{name} must fill with 0, which is no data, and do so in both channels")


def _blanks(node: Any) -> bool:
    """Whether all that a transform fills becomes no data."""
    fill = getattr(node, "drop_value" if isinstance(node, A.PixelDropout) else "fill", 0)
    zero = not isinstance(fill, str) and fill is not None and not np.any(fill)
    return zero and getattr(node, "border_mode", 0) == 0 and not getattr(node, "per_channel", False)


def _nodes(transforms: Any) -> Iterator[Any]:
    """Every transform and compose, outermost first."""
    if not isinstance(transforms, Iterable):
        yield transforms
        return
    if isinstance(transforms, A.core.composition.BaseCompose):
        yield transforms
    for inner in transforms:
        yield from _nodes(inner)


class PhaseSafe(Reseeding, A.Compose):
    """`albumentations.Compose` for phasors: refuses what is not exact, and never repeats itself.

    Arguments are those of `albumentations.Compose`. Each transform has its own random stream, and so has
    each worker of a DataLoader in each epoch. With ``seed`` and ``torch.manual_seed`` (or the loader's
    ``generator``) set, a run gives the same views again.

    Raises:
        ValueError: see `check`.
    """

    def __init__(self, transforms: Any, *args: Any, **kwargs: Any) -> None:
        check(transforms)
        super().__init__(transforms, *args, **kwargs)

    def set_random_seed(self, seed: int | None) -> None:
        """Seed every transform and inner compose with a stream of its own."""
        super().set_random_seed(seed)
        if seed is not None:
            self.reseed(seed)

    def reseed(self, *key: int) -> None:
        """Take new streams."""
        self.random_generator, self.py_random = streams(*key)
        for i, node in enumerate(_nodes(list(self.transforms))):
            # Attributes, since a compose would hand its own generators to all inside it.
            node.random_generator, node.py_random = streams(*key, i)

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Transform the named targets."""
        self.reseed_in_worker()
        out: dict[str, Any] = super().__call__(*args, **kwargs)
        return out
