"""The augmentations of the direct peer, DeepCubeVolcano, as what their defaults did to its pictures.

Bountos et al. (2022), "Self-Supervised Contrastive Learning for Volcanic Unrest Detection", IEEE GRSL 19, and
its published code: seven transforms of albumentations 0.5 (the last line that has them under the names it
uses) with their defaults, each with probability .8, on 224 px of 8-bit grey in three channels.

| then, at its defaults | what that was | here |
|---|---|---|
| HorizontalFlip, VerticalFlip | | the same |
| ElasticTransform | a random affine | `ThreePointAffine(50)` |
| Cutout | 8 holes of 8 x 8 px of grey 0, which is a phase of -pi | CoarseDropout, 8 holes, fill 0 |
| MultiplicativeNoise | the whole picture times .9 to 1.1 | the same |
| GaussianBlur | 3, 5 or 7 px (chances 1 : 2 : 2), sigma .85, 1.1 or 1.4 px | OneOf three |
| GaussNoise | variance 10 to 50, each pixel and channel by itself | std 3.2 to 7.1 of 255 |

ElasticTransform's alpha of 1 and sigma of 50 move no pixel; its ``alpha_affine`` of 50 moves three corners of
the middle by up to 50 px either way. The installed version has no such argument any more.

What is left of a difference: holes used to be cut off at the border and now lie inside; the noise's standard
deviation is uniform, not its variance (mean 5.1 instead of 5.4 grey levels); OpenCV's own table of small
kernels differs from a sampled Gaussian by under .01 in any weight. Beside ElasticTransform of albumentations
0.5.2 with the same draws, the affine differs in 1 of 18,000 values, by one grey level.

Lengths are of 224 px and shrink with the picture, so that they are the same on the ground: at 96 px corners
move by up to 21 px, holes have 3 px, and sigma is .36 to .6 px.
"""

from __future__ import annotations

import random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ssl_insar.augment.transforms.library import albumentations as A

PUBLISHED = 224
"""Side of the peer's pictures, px."""
_CORNERS = 50.0
_HOLES, _HOLE = 8, 8
_BLURS = ((3, 0.85, 0.2), (5, 1.1, 0.4), (7, 1.4, 0.4))
"""Side and sigma of the kernel, px, and how often."""
_NOISE_VARIANCE = (10.0, 50.0)
_CUT_OFF = 0.4
"""Grey levels that the noise's deviation loses in the installed version, which cuts it to whole levels."""


class ThreePointAffine(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations ships no types
    """The affine map that takes three corners of a square in the middle to places near them.

    The square has two thirds of the picture's side; what comes from outside is reflected (reflect-101).
    This is what ``alpha_affine`` of ElasticTransform did in albumentations 0.5.

    Args:
        most: a corner moves by up to so many pixels along each axis, uniformly.
        p: probability.
    """

    def __init__(self, most: float, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.most = most

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """The 2 x 3 matrix of the map."""
        height, width = params["shape"][:2]
        half = min(height, width) // 3
        middle = np.array([width // 2, height // 2], np.float32)
        corners = middle + half * np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
        moved = corners + self.random_generator.uniform(-self.most, self.most, (3, 2)).astype(np.float32)
        return {"matrix": cv2.getAffineTransform(corners, moved)}

    def apply(self, img: NDArray[Any], matrix: NDArray[np.float64], **params: Any) -> NDArray[Any]:
        """Resample bilinearly."""
        height, width = img.shape[:2]
        moved: NDArray[Any] = cv2.warpAffine(
            img, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        return moved


def transforms(size: int, p: float = 0.8) -> list[Any]:
    """The seven, in their order.

    Args:
        size: side of the pictures, px.
        p: probability of each.
    """
    share = size / PUBLISHED
    hole = max(1, round(_HOLE * share))
    low, high = ((variance**0.5 + _CUT_OFF) / 255 for variance in _NOISE_VARIANCE)
    blurs = [
        A.GaussianBlur(blur_limit=(side, side), sigma_limit=(sigma * share,) * 2, p=chance)
        for side, sigma, chance in _BLURS
    ]
    return [
        A.HorizontalFlip(p=p),
        A.VerticalFlip(p=p),
        ThreePointAffine(_CORNERS * share, p=p),
        A.CoarseDropout((_HOLES, _HOLES), (hole, hole), (hole, hole), fill=0, p=p),
        A.MultiplicativeNoise((0.9, 1.1), p=p),
        A.OneOf(blurs, p=p),
        A.GaussNoise((low, high), p=p),
    ]


class PeerChain:
    """Two views of grey pictures each, as the peer makes them.

    Args:
        size: side of the pictures, px.
        seed: of the run.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._seed = seed
        self._compose = A.Compose(transforms(size))

    def __call__(self, pictures: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
        """Views of a batch; the same (seed, step) always gives the same.

        Shape:
            (B, S, S) -> (2B, S, S, 3), the first views of all first
        """
        numbers = np.random.default_rng([self._seed, 11, step])
        self._compose.set_random_state(numbers, random.Random(int(numbers.integers(2**63))))
        # Image by image, because that is the only way albumentations works.
        coloured = [np.repeat(picture[..., None], 3, axis=-1) for picture in pictures]
        return np.stack([self._compose(image=image)["image"] for _ in range(2) for image in coloured])
