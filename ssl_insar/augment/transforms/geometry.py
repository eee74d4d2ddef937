"""Effects that move pixels: image, masks, boxes and points follow one map.

`Flip` moves whole pixels and is exact. Each of the others interpolates once, so several of them in a row
interpolate several times; `Geometry` composes all four in one sampling grid, as recipes do. The phasor and
its validity are resampled together, and the result is a unit phasor; masks take the nearest pixel. What
each imitates stands in `ssl_insar.augment.config`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial import cKDTree

from ssl_insar.augment import config as cf
from ssl_insar.augment.sampling import SamplingGrid, reduce, sample
from ssl_insar.augment.transforms.arguments import Always, Protecting
from ssl_insar.augment.transforms.effect import DualEffect, Image, draw_of, to_field, to_image
from ssl_insar.augment.transforms.library import albumentations as A

_stock = A.augmentations.geometric.functional

STILL = {
    "crop": cf.CropConfig(area=(1.0, 1.0), stretch=1.0),
    "flip": cf.FlipConfig(left_right=0, up_down=0),
    "rotate": cf.RotateConfig(p=0),
    "elastic": cf.ElasticConfig(p=0),
}
"""Sections that leave the geometry alone."""


class Filled(cf.Section):
    """What every effect of this module needs."""

    fill_mask: int = Field(0, description="value of a mask where the view leaves the image")


class GeometricEffect(DualEffect):
    """An effect that resamples; for square images."""

    part: ClassVar[str]

    def sections(self) -> dict[str, cf.Section]:
        """The sections of a recipe that the effect acts on."""
        return {self.part: self.config}

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """The sampling grid, (S, S, 2), of all targets of a call.

        Raises:
            ValueError: if the image is not square; see `PhaseEffect.mask_named`.
        """
        height, width = params["shape"][:2]
        if height != width:
            raise ValueError(
                f"{type(self).__name__} needs square images, and this one is {height} x {width} px: "
                "put albumentations.RandomCrop or PadIfNeeded before it"
            )
        views = cf.ViewsConfig(**(STILL | self.sections()))
        size = getattr(self.config, "size", None) or height
        deforms = self.protected(data, (height, width))
        grid, _ = SamplingGrid(views, tile=height, size=size)(1, draw_of(self.draw_key()), deforms)
        return {"grid": grid[0].numpy()}

    @torch.no_grad()
    def apply(self, img: Image, grid: NDArray[np.float32], **params: Any) -> Image:
        """Resample an image."""
        mean, share = reduce(to_field(img), grid.shape[0])
        return to_image(sample(mean, share, torch.from_numpy(grid).unsqueeze(0))[0], img)

    def apply_to_mask(self, mask: NDArray[Any], grid: NDArray[np.float32], **params: Any) -> NDArray[Any]:
        """Nearest pixel of a mask (H, W) or (H, W, C) of any type: no new values but ``fill_mask``."""
        height, width = mask.shape[:2]
        col = np.floor((grid[..., 0] + 1) * (width / 2)).astype(int)
        row = np.floor((grid[..., 1] + 1) * (height / 2)).astype(int)
        seen = (col >= 0) & (col < width) & (row >= 0) & (row < height)
        out: NDArray[Any] = mask[row.clip(0, height - 1), col.clip(0, width - 1)]
        out[~seen] = self.config.fill_mask
        return out

    def apply_to_bboxes(
        self, bboxes: NDArray[np.float32], grid: NDArray[np.float32], **params: Any
    ) -> NDArray[np.float32]:
        """Boxes around what is left of each box, to a pixel; of one that is cropped away, an empty box.

        Shape:
            (N, 4 or more): x and y of two corners, as share of the side, and what else belongs to a box.
        """
        if not len(bboxes):  # the library hands over an array of one axis
            return bboxes
        place = (grid + 1) / 2
        corners = bboxes[:, None, None, :4]
        inside = np.logical_and.reduce((place >= corners[..., :2]) & (place < corners[..., 2:]), axis=-1)
        out = bboxes.copy()
        for axis in (0, 1):
            along = np.logical_or.reduce(inside, axis=axis + 1)
            found = np.logical_or.reduce(along, axis=1)
            size = along.shape[1]
            out[:, axis] = np.where(found, along.argmax(1), 0) / size
            out[:, axis + 2] = np.where(found, size - along[:, ::-1].argmax(1), 0) / size
        return out

    def apply_to_keypoints(
        self, keypoints: NDArray[np.float32], grid: NDArray[np.float32], shape: tuple[int, ...], **params: Any
    ) -> NDArray[np.float32]:
        """Points where the view shows them, to a small part of a pixel; those beyond it, beyond it.

        Angles are between the x axis to the right and the y axis down, as those of the library's flips,
        transposes and quarter turns are. (Those of its `Rotate` and `Affine` run the other way.)

        Shape:
            (N, 5 or more): x, y and z, px, whole numbers at the centres of pixels; angle, rad; size.
        """
        if not len(keypoints):
            return keypoints
        source = (grid + 1) * (shape[1] / 2) - 0.5
        _, nearest = cKDTree(source.reshape(-1, 2)).query(keypoints[:, :2])
        row, col = np.divmod(nearest, grid.shape[1])
        # How far the source moves for a step in the view, columns x and y: inverted, it leads back.
        steps = np.stack([np.gradient(source, axis=1), np.gradient(source, axis=0)], -1)[row, col]
        back = np.linalg.inv(steps)
        rest = np.einsum("nij,nj->ni", back, keypoints[:, :2] - source[row, col])
        heading = np.stack([np.cos(keypoints[:, 3]), np.sin(keypoints[:, 3])], -1)
        heading = np.einsum("nij,nj->ni", back, heading)
        out = keypoints.copy()
        out[:, :2] = np.stack([col, row], -1) + rest
        out[:, 3] = np.arctan2(heading[:, 1], heading[:, 0]) % (2 * np.pi)
        out[:, 4] *= np.sqrt(np.abs(np.linalg.det(back)))
        return out


class Sized(cf.Section):
    """For effects that change the size."""

    size: int | None = Field(None, gt=0, description="side of the view, px; else that of the image")


class CropArguments(Filled, Protecting, Sized, Always, cf.CropConfig):
    """The section, the size of the view, and what it must keep."""


class CropResize(GeometricEffect):
    """Crop and resize; multilooks where the view is less than half as fine as the image.

    With ``protect="mask"`` a crop holds at least the share ``keep`` of what that mask marks.
    """

    arguments = CropArguments
    part = "crop"


class FlipArguments(Always, cf.FlipConfig):
    """The section."""


class Flip(DualEffect):
    """Mirror images, exactly. Left-right is physical: it toggles ascending and descending."""

    arguments = FlipArguments

    def get_params(self) -> dict[str, Any]:
        """Which axes are mirrored, in all targets of a call."""
        across, down = self.random_generator.random(2) < (self.config.left_right, self.config.up_down)
        return {"across": bool(across), "down": bool(down)}

    def apply(self, img: NDArray[Any], across: bool, down: bool, **params: Any) -> NDArray[Any]:
        """Mirror an image or a mask, (H, W) or (H, W, C)."""
        # torch takes no arrays whose steps are negative.
        return np.ascontiguousarray(img[:: -1 if down else 1, :: -1 if across else 1])

    def apply_to_mask(self, mask: NDArray[Any], **params: Any) -> NDArray[Any]:
        """Mirror a mask."""
        return self.apply(mask, **params)

    def apply_to_bboxes(
        self, bboxes: NDArray[np.float32], across: bool, down: bool, **params: Any
    ) -> NDArray[np.float32]:
        """Mirror boxes, given as share of the sides."""
        bboxes = _stock.bboxes_hflip(bboxes) if across else bboxes
        return _stock.bboxes_vflip(bboxes) if down else bboxes

    def apply_to_keypoints(
        self,
        keypoints: NDArray[np.float32],
        across: bool,
        down: bool,
        shape: tuple[int, ...],
        **params: Any,
    ) -> NDArray[np.float32]:
        """Mirror points and their angles."""
        keypoints = _stock.keypoints_hflip(keypoints, shape[1]) if across else keypoints
        return _stock.keypoints_vflip(keypoints, shape[0]) if down else keypoints


class RotateArguments(Filled, cf.RotateConfig):
    """The section."""


class Rotate(GeometricEffect):
    """Small rotation about the centre; what comes in at the corners is no data."""

    arguments = RotateArguments
    part = "rotate"


class ElasticArguments(Filled, cf.ElasticConfig):
    """The section."""


class Elastic(GeometricEffect):
    """Smooth random displacement that never folds."""

    arguments = ElasticArguments
    part = "elastic"


class GeometryArguments(Filled, Protecting, Sized, Always):
    """The four sections, each with its own ``p``, the size of the view, and what it must keep."""

    crop: cf.CropConfig = cf.CropConfig()
    flip: cf.FlipConfig = cf.FlipConfig()
    rotate: cf.RotateConfig = cf.RotateConfig()
    elastic: cf.ElasticConfig = cf.ElasticConfig()


class Geometry(GeometricEffect):
    """Crop, flip, rotation and elastic displacement in one interpolation, as in a recipe.

    Sections are given as mappings: ``T.Geometry(crop={"area": (0.6, 1)}, rotate={"p": 0}, size=96)``.
    """

    arguments = GeometryArguments

    def sections(self) -> dict[str, cf.Section]:
        """All four."""
        return {name: getattr(self.config, name) for name in STILL}
