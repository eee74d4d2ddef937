"""Effects that take data away: the image becomes no data (0), masks stay or are filled.

What each imitates, its source and what it destroys stand with the effect in `ssl_insar.augment`. The area
is a share of the square that holds the image.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ssl_insar.augment import blanks, cutout, frame_edge
from ssl_insar.augment import config as cf
from ssl_insar.augment import field as fd
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.transforms.arguments import Chance, Protecting
from ssl_insar.augment.transforms.effect import DualEffect, Image, draw_of, to_field, to_image


class MaskedOut(cf.Section):
    """What every effect of this module needs."""

    fill_mask: int | None = Field(
        None, description="value of masks where the image loses its data; None leaves them: it is only unseen"
    )


class BlankingEffect(DualEffect):
    """An effect that sets pixels to no data; boxes and points stay."""

    @torch.no_grad()
    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Where all images and masks of a call lose their data, ``gone`` (H, W) bool.

        Raises:
            ValueError: see `PhaseEffect.mask_named`.
        """
        height, width = params["shape"][:2]
        protect = self.protected(data, (height, width))
        field = torch.ones(1, 2, max(height, width), max(height, width))
        left = self.blank(field, draw_of(self.draw_key()), protect)
        return {"gone": (fd.validity(left)[0, 0, :height, :width] == 0).numpy()}

    @abstractmethod
    def blank(self, field: Tensor, draw: Draw, protect: Tensor | None) -> Tensor:
        """Blank a part of a square.

        Shape:
            (1, 2, S, S), and (1, 1, S, S) or None -> (1, 2, S, S)
        """

    def apply(self, img: Image, gone: NDArray[np.bool_], **params: Any) -> Image:
        """Blank an image."""
        return to_image(to_field(img) * torch.from_numpy(~gone), img)

    def apply_to_mask(self, mask: NDArray[Any], gone: NDArray[np.bool_], **params: Any) -> NDArray[Any]:
        """Fill a mask (H, W) or (H, W, C), or leave it."""
        if self.config.fill_mask is None:
            return mask
        out = mask.copy()
        out[gone] = self.config.fill_mask
        return out

    def apply_to_bboxes(self, bboxes: NDArray[np.float32], **params: Any) -> NDArray[np.float32]:
        """Leave boxes."""
        return bboxes

    def apply_to_keypoints(self, keypoints: NDArray[np.float32], **params: Any) -> NDArray[np.float32]:
        """Leave points."""
        return keypoints


class CutoutArguments(MaskedOut, Protecting, cf.CutoutConfig):
    """The section."""


class Cutout(BlankingEffect):
    """A box of no data. See `ssl_insar.augment.cutout.Cutout`."""

    arguments = CutoutArguments

    def blank(self, field: Tensor, draw: Draw, protect: Tensor | None) -> Tensor:
        """Blank a box, unless too much would be lost."""
        effect = cutout.Cutout(self.config, field.shape[-1])
        return field * cutout.kept(*effect.boxes(len(field), draw, protect))


class SparingEffect(BlankingEffect):
    """An effect that spares what is known to deform."""

    effect: ClassVar[Callable[..., Any]]

    def blank(self, field: Tensor, draw: Draw, protect: Tensor | None) -> Tensor:
        """Blank what the effect draws, unless too much would be lost."""
        left: Tensor = self.effect(self.config, field.shape[-1])(field, draw, protect)
        return left


class BlanksArguments(MaskedOut, Protecting, Chance, cf.BlanksConfig):
    """The section."""


class Blanks(SparingEffect):
    """A box, a blob, a half-plane or missing bursts. See `ssl_insar.augment.blanks.Blanks`."""

    arguments = BlanksArguments
    effect = blanks.Blanks


class FrameEdgeArguments(MaskedOut, Protecting, Chance, cf.FrameEdgeConfig):
    """The section."""


class FrameEdge(SparingEffect):
    """The end of a frame. See `ssl_insar.augment.frame_edge.FrameEdge`."""

    arguments = FrameEdgeArguments
    effect = frame_edge.FrameEdge
