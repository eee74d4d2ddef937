"""The effects as `albumentations` transforms, for those who train with that library.

    import albumentations as A
    from ssl_insar.augment import transforms as T

    train = T.PhaseSafe([A.RandomCrop(224, 224), T.Elastic(), T.Offset(), T.Turbulence(), T.Blanks()], seed=0)
    train(image=phasor, mask=deformation)

An image is a phasor: (H, W, 2) float32, real and imaginary part, or (H, W) complex64; 0 is no data. Only
`RealFactor` and `Wrap` take unwrapped phase instead. See ``docs/albumentations.md``.
"""

from ssl_insar.augment.transforms.blanking import Blanks, Cutout, FrameEdge
from ssl_insar.augment.transforms.donor import Donor
from ssl_insar.augment.transforms.geometry import CropResize, Elastic, Flip, Geometry, Rotate
from ssl_insar.augment.transforms.phase import Decorrelation, Multilook, Rewrap, Swap
from ssl_insar.augment.transforms.safety import PhaseSafe, check
from ssl_insar.augment.transforms.screens import Ionosphere, Offset, Ramp, Stratified, Turbulence
from ssl_insar.augment.transforms.unwrapped import RealFactor, Wrap

__all__ = [
    "Blanks",
    "CropResize",
    "Cutout",
    "Decorrelation",
    "Donor",
    "Elastic",
    "Flip",
    "FrameEdge",
    "Geometry",
    "Ionosphere",
    "Multilook",
    "Offset",
    "PhaseSafe",
    "Ramp",
    "RealFactor",
    "Rewrap",
    "Rotate",
    "Stratified",
    "Swap",
    "Turbulence",
    "Wrap",
    "check",
]
