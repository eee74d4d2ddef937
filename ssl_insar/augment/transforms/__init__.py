"""The effects as `albumentations` transforms, for those who train with that library.

    import albumentations as A
    from ssl_insar.augment import transforms as T

    train = T.PhaseSafe([A.RandomCrop(224, 224), T.Elastic(), T.Offset(), T.Turbulence(), T.Cutout()], seed=0)
    train(image=phasor, mask=deformation)

An image is a phasor: (H, W, 2) float32, real and imaginary part, or (H, W) complex64; 0 is no data.
"""

from ssl_insar.augment.transforms.geometry import CropResize, Elastic, Flip, Rotate
from ssl_insar.augment.transforms.phase import (
    Cutout,
    Decorrelation,
    Offset,
    Ramp,
    Rewrap,
    Swap,
    Turbulence,
)
from ssl_insar.augment.transforms.safety import PhaseSafe, check

__all__ = [
    "CropResize",
    "Cutout",
    "Decorrelation",
    "Elastic",
    "Flip",
    "Offset",
    "PhaseSafe",
    "Ramp",
    "Rewrap",
    "Rotate",
    "Swap",
    "Turbulence",
    "check",
]
