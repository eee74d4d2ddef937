"""Transforms of unwrapped phase, which come first; `Wrap` then makes the phasor that all others take."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ssl_insar import phase as ph
from ssl_insar.augment import config as cf
from ssl_insar.augment import unwrapped
from ssl_insar.augment.transforms.arguments import Always, Chance
from ssl_insar.augment.transforms.effect import Image, PhaseEffect, draw_of
from ssl_insar.augment.transforms.library import albumentations as A

Unwrapped = NDArray[np.float32] | NDArray[np.float64]
"""(H, W), rad, positive = away from the satellite; NaN = no data."""


class RealFactorArguments(Chance, cf.RealFactorConfig):
    """The section."""


class RealFactor(PhaseEffect, A.ImageOnlyTransform):
    """Any number of fringes, or C band to L or X. See `ssl_insar.augment.unwrapped.RealFactor`.

    For unwrapped images: (H, W) float32 or float64, rad, NaN = no data; the result is one too. Wrapped
    phase cannot be told from it and comes out wrong: for that there is `Rewrap`.
    """

    arguments = RealFactorArguments

    def get_params(self) -> dict[str, Any]:
        """One key a call: all images of a call are multiplied alike, unless they would alias."""
        return {"key": self.draw_key()}

    @torch.no_grad()
    def apply(self, img: Unwrapped, key: int, **params: Any) -> Unwrapped:
        """Multiply the phase.

        Raises:
            ValueError: if the image is no unwrapped phase.
        """
        valid = np.isfinite(_unwrapped(img))
        counts = torch.from_numpy(ph.encode_unwrapped_wide(img)).unsqueeze(0)
        bits = torch.from_numpy(np.packbits(valid, axis=-1)).unsqueeze(0)
        effect = unwrapped.RealFactor(self.config)
        factor = effect(counts, torch.ones(1, dtype=torch.bool), draw_of(key), bits)
        steeper: Unwrapped = (img * factor.item()).astype(img.dtype)
        return steeper


class WrapArguments(Always):
    """How the phasor is laid out."""

    pairs: bool = Field(
        True, description="(H, W, 2) float32, which stock transforms take too; else (H, W) complex64"
    )


class Wrap(PhaseEffect, A.ImageOnlyTransform):
    """Unwrapped phase to the phasor, 0 where it is not finite. See `ssl_insar.phase.phasor`."""

    arguments = WrapArguments

    def apply(self, img: Unwrapped, **params: Any) -> Image:
        """Make a phasor.

        Raises:
            ValueError: if the image is no phase.
        """
        z = ph.phasor(_unwrapped(img))
        return z.view(np.float32).reshape(*z.shape, 2) if self.config.pairs else z


def _unwrapped(img: Unwrapped) -> Unwrapped:
    if img.ndim != 2 or img.dtype not in (np.float32, np.float64):
        raise ValueError(
            "the image must be unwrapped phase, (H, W) float32 or float64, rad, NaN = no data, and is "
            f"{img.shape} {img.dtype}: put RealFactor and Wrap before what needs a phasor"
        )
    return img
