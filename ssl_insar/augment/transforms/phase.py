"""Effects on the phase, and cut-outs: the image changes, masks stay.

What each imitates, its source and what it destroys stand with the effect in `ssl_insar.augment`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ssl_insar.augment import atmosphere, cutout, decorrelation, sign
from ssl_insar.augment import config as cf
from ssl_insar.augment import field as fd
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.transforms.effect import Image, PhaseEffect, draw_of, to_field, to_image
from ssl_insar.augment.transforms.library import albumentations as A


class ImageEffect(PhaseEffect, A.ImageOnlyTransform):
    """An effect that leaves every pixel where it is."""

    def get_params(self) -> dict[str, Any]:
        """One key a call: all images of a call (``images``, additional targets) are touched alike."""
        return {"key": self.draw_key()}

    @torch.no_grad()
    def apply(self, img: Image, key: int, **params: Any) -> Image:
        """Touch an image."""
        return to_image(self.touch(to_field(img), draw_of(key)), img)

    @abstractmethod
    def touch(self, field: Tensor, draw: Draw) -> Tensor:
        """Touch a batch of one.

        Shape:
            (1, 2, H, W) -> the same
        """


class Swap(ImageEffect):
    """Swap of the two dates: the phase changes sign. See `ssl_insar.augment.sign.Swap`."""

    arguments = cf.SwapConfig

    def touch(self, field: Tensor, draw: Draw) -> Tensor:
        """Conjugate."""
        swapped: Tensor = sign.Swap(self.config)(field, draw)
        return swapped


class Rewrap(ImageEffect):
    """Over-wrapping by an integer, where it does not alias. See `ssl_insar.augment.sign.Rewrap`."""

    arguments = cf.RewrapConfig

    def touch(self, field: Tensor, draw: Draw) -> Tensor:
        """Multiply the phase."""
        # The effect is for unit phasors; a length, such as the coherence, is put back.
        unit, _ = fd.renormalise(field)
        steeper: Tensor = sign.Rewrap(self.config)(unit, draw)
        return steeper * fd.magnitude(field)


class Offset(ImageEffect):
    """Another reference pixel. See `ssl_insar.augment.atmosphere.Offset`."""

    arguments = cf.OffsetConfig

    def touch(self, field: Tensor, draw: Draw) -> Tensor:
        """Add a constant phase."""
        return fd.rotate(field, atmosphere.Offset(self.config)(1, draw))


class Ramp(ImageEffect):
    """Orbital ramp. See `ssl_insar.augment.atmosphere.Ramp`."""

    arguments = cf.RampConfig

    def touch(self, field: Tensor, draw: Draw) -> Tensor:
        """Add a plane, over the square that holds the image."""
        height, width = field.shape[-2:]
        screen = atmosphere.Ramp(self.config, max(height, width))(1, draw)
        return fd.rotate(field, screen[:, :height, :width])


class TurbulenceArguments(cf.TurbulenceConfig):
    """The section, and what the spectrum needs."""

    spacing: float = Field(cf.ViewsConfig().spacing, gt=0, description="ground distance of the pixels, m")


class Turbulence(ImageEffect):
    """Turbulent troposphere. See `ssl_insar.augment.atmosphere.Turbulence`."""

    arguments = TurbulenceArguments

    def touch(self, field: Tensor, draw: Draw) -> Tensor:
        """Add a screen, drawn for the square that holds the image."""
        height, width = field.shape[-2:]
        _, screen = atmosphere.Turbulence(self.config, max(height, width), self.config.spacing)(1, draw)
        return fd.rotate(field, screen[:, :height, :width])


class Decorrelation(ImageEffect):
    """Loss of coherence. See `ssl_insar.augment.decorrelation.Decorrelation`."""

    arguments = cf.DecorrelationConfig

    def touch(self, field: Tensor, draw: Draw) -> Tensor:
        """Add phase noise."""
        noisy: Tensor = decorrelation.Decorrelation(self.config)(field, fd.magnitude(field), draw)[0]
        return noisy


class Cutout(ImageEffect):
    """No-data areas. See `ssl_insar.augment.cutout.Cutout`.

    Masks stay: the deformation is still there, only unseen.
    """

    arguments = cf.CutoutConfig

    def touch(self, field: Tensor, draw: Draw) -> Tensor:
        """Blank; the area is a share of the square that holds the image."""
        height, width = field.shape[-2:]
        side = max(height, width)
        square = torch.nn.functional.pad(field, (0, side - width, 0, side - height))
        blanked: Tensor = cutout.Cutout(self.config, side)(square, draw)
        return blanked[:, :, :height, :width]
