"""Effects that add a phase: reference, orbit and atmosphere. Masks, boxes and points stay.

What each imitates, its source and what it destroys stand with the effect in `ssl_insar.augment`. Screens
are drawn for the square that holds the image. `Views` bounds all screens of a view together
(``ViewsConfig.cap``); here each has its own strength.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ssl_insar.augment import atmosphere, ionosphere, stratified
from ssl_insar.augment import config as cf
from ssl_insar.augment import field as fd
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.transforms.arguments import Chance
from ssl_insar.augment.transforms.effect import ImageEffect, pad_square


class Spaced(cf.Section):
    """For screens whose law is one of distances on the ground."""

    spacing: float = Field(cf.SPACING, gt=0, description="ground distance of the pixels, m")


class ScreenEffect(ImageEffect):
    """An effect that adds a phase screen."""

    def touch(self, field: Tensor, draw: Draw, **params: Any) -> Tensor:
        """Add the screen; no data stays no data."""
        height, width = field.shape[-2:]
        screen = self.screen(max(height, width), draw, **params)
        return fd.rotate(field, screen[:, :height, :width])

    @abstractmethod
    def screen(self, size: int, draw: Draw, **params: Any) -> Tensor:
        """A screen for a square image.

        Shape:
            -> (1, S, S) or (1, 1, 1), rad, positive = away from the satellite
        """


class Offset(ScreenEffect):
    """Another reference pixel. See `ssl_insar.augment.atmosphere.Offset`."""

    arguments = cf.OffsetConfig

    def screen(self, size: int, draw: Draw, **params: Any) -> Tensor:
        """A constant."""
        constant: Tensor = atmosphere.Offset(self.config)(1, draw)
        return constant


class Ramp(ScreenEffect):
    """Orbital ramp. See `ssl_insar.augment.atmosphere.Ramp`."""

    arguments = cf.RampConfig

    def screen(self, size: int, draw: Draw, **params: Any) -> Tensor:
        """A plane."""
        plane: Tensor = atmosphere.Ramp(self.config, size)(1, draw)
        return plane


class TurbulenceArguments(Spaced, cf.TurbulenceConfig):
    """The section, and what the spectrum needs."""


class Turbulence(ScreenEffect):
    """Turbulent troposphere. See `ssl_insar.augment.atmosphere.Turbulence`."""

    arguments = TurbulenceArguments

    def screen(self, size: int, draw: Draw, **params: Any) -> Tensor:
        """A field of Hanssen's spectrum."""
        return _only(atmosphere.Turbulence(self.config, size, self.config.spacing)(1, draw))


class StratifiedArguments(Spaced, Chance, cf.StratifiedConfig):
    """The section, and where the terrain is."""

    height: str | None = Field(
        None, description="name of the mask with heights, m, NaN = unknown; None: terrain is made"
    )


class Stratified(ScreenEffect):
    """Delay that follows the terrain. See `ssl_insar.augment.stratified.Stratified`.

    With ``height="dem"`` it follows the heights given as ``dem`` in a call, which must move with the image::

        A.Compose([T.CropResize(), T.Stratified(height="dem")], additional_targets={"dem": "mask"})

    A call whose ``dem`` is None, or NaN throughout, gets made terrain.
    """

    arguments = StratifiedArguments

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Heights of a call, (1, 1, S, S), or None.

        Raises:
            ValueError: see `PhaseEffect.mask_named`.
        """
        size = params["shape"][:2]
        heights = self.mask_named("height", data, size)
        if heights is None:
            return {"height": None}
        field = torch.from_numpy(np.asarray(heights, np.float32).reshape(1, 1, *size))
        return {"height": pad_square(field, torch.nan)}

    def screen(self, size: int, draw: Draw, *, height: Tensor | None = None, **params: Any) -> Tensor:
        """A delay linear in height."""
        return _only(stratified.Stratified(self.config, size, self.config.spacing)(1, draw, height))


class IonosphereArguments(Spaced, Chance, cf.IonosphereConfig):
    """The section, and what the phase scales with."""

    wavelength: float = Field(cf.WAVELENGTH, gt=0, description="of the radar, m")


class Ionosphere(ScreenEffect):
    """Differential electron content. See `ssl_insar.augment.ionosphere.Ionosphere`."""

    arguments = IonosphereArguments

    def screen(self, size: int, draw: Draw, **params: Any) -> Tensor:
        """A ramp and a smooth field."""
        c = self.config
        return _only(ionosphere.Ionosphere(c, size, c.spacing, c.wavelength)(1, draw))


def _only(drawn: tuple[Tensor, Tensor]) -> Tensor:
    """The one screen of an effect that always acts."""
    _, screens = drawn
    return screens
