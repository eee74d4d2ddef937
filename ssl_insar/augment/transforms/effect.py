"""What all transforms share: arguments from the recipe's sections, seeding, phasors in and out."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from ssl_insar.augment import field as fd
from ssl_insar.augment.config import Section
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.transforms.library import albumentations as A
from ssl_insar.augment.transforms.seeding import Reseeding, streams

Targets = A.core.type_definitions.Targets

Image = NDArray[np.float32] | NDArray[np.complex64]
"""(H, W, 2) float32 or (H, W) complex64."""


class PhaseEffect(Reseeding, A.BasicTransform):
    """An effect of `ssl_insar.augment` on a batch of one.

    Arguments, their bounds and defaults are those of ``arguments``, a section of a recipe; ``p`` is
    decided by `albumentations`, so the effect itself always acts.

    Raises:
        ValueError: if an argument is unknown or out of its bounds.
    """

    arguments: ClassVar[type[Section]]
    """With a probability ``p`` among its fields."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "arguments" in cls.__dict__:
            cls.InitSchema = cls.arguments
            cls.__signature__ = inspect.signature(cls.arguments)

    def __init__(self, **arguments: Any) -> None:
        try:
            given = self.arguments(**arguments)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise ValueError(f"{type(self).__name__}: {name}: {first['msg']}") from error
        super().__init__(p=given.model_dump()["p"])
        self.config: Any = given.model_copy(update={"p": 1.0})
        self._declared: dict[str, str] = {}

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        """Names of the arguments, for `albumentations` to write and restore."""
        return tuple(self.arguments.model_fields)

    def get_transform_init_args(self) -> dict[str, Any]:
        """Arguments, as JSON and YAML can hold them."""
        return {**self.config.model_dump(mode="json"), "p": self.p}

    def set_random_seed(self, seed: int | None) -> None:
        """Seed; a compose gives all transforms the same one, so the class is mixed in."""
        super().set_random_seed(seed)
        if seed is not None:
            self.reseed(seed, *type(self).__name__.encode())

    def reseed(self, *key: int) -> None:
        """Take new streams."""
        self.set_random_state(*streams(*key))

    def should_apply(self, force_apply: bool = False) -> bool:
        """Decide by ``p``; the first draw of a call."""
        self.reseed_in_worker()
        return bool(super().should_apply(force_apply))

    def add_targets(self, additional_targets: dict[str, str]) -> None:
        """Take note of a compose's additional targets, also of those that the effect leaves alone."""
        super().add_targets(additional_targets)
        self._declared.update(additional_targets)

    def mask_named(self, argument: str, data: dict[str, Any], size: tuple[int, ...]) -> NDArray[Any] | None:
        """The mask of a call that an argument of the effect names.

        Args:
            argument: whose value is the name.
            data: targets of the call.
            size: of the image, (H, W).

        Returns:
            (H, W) or (H, W, C); None if the argument names none, or the call has None under the name.

        Raises:
            ValueError: the name is that of no mask, or the call has none or one of another size.
        """
        name = getattr(self.config, argument, None)
        if name is None:
            return None
        here = f'{type(self).__name__}({argument}="{name}")'
        if name != "mask" and self._declared.get(name) != "mask":
            # Otherwise effects that move pixels would leave it behind, and nobody would notice.
            raise ValueError(
                f'{here}: give the compose additional_targets={{"{name}": "mask"}}, '
                "so that it moves with the image"
            )
        if name not in data:
            raise ValueError(f"{here}: give {name}= in each call, None where there is none")
        mask: NDArray[Any] | None = data[name]
        if mask is not None and mask.shape[:2] != tuple(size):
            raise ValueError(f"{here}: {name} is {mask.shape[:2]} px and the image {tuple(size)}")
        return mask

    def protected(self, data: dict[str, Any], size: tuple[int, int]) -> Tensor | None:
        """Where there is deformation to lose: what the mask that ``protect`` names marks, and has data.

        Args:
            data: targets of the call.
            size: of the image, (H, W).

        Returns:
            (1, 1, S, S), the square that holds the image; None if nothing is to be protected.

        Raises:
            ValueError: see `mask_named`.
        """
        deforms = self.mask_named("protect", data, size)
        if deforms is None:
            return None
        known = torch.from_numpy(deforms.reshape(1, 1, *size, -1).any(-1)).float()
        if "image" in data:  # what has no data cannot lose any
            known = known * fd.validity(to_field(data["image"]))
        return pad_square(known, 0.0)

    def draw_key(self) -> int:
        """A key for `Draw`: what the effect draws follows from the state of `albumentations`."""
        return int(self.random_generator.integers(2**63))


class ImageEffect(PhaseEffect, A.ImageOnlyTransform):
    """An effect that leaves every pixel where it is, and masks, boxes and points alone."""

    def get_params(self) -> dict[str, Any]:
        """One key a call: all images of a call (``images``, additional targets) are touched alike."""
        return {"key": self.draw_key()}

    @torch.no_grad()
    def apply(self, img: Image, key: int, **params: Any) -> Image:
        """Touch an image."""
        return to_image(self.touch(to_field(img), draw_of(key), **params), img)

    @abstractmethod
    def touch(self, field: Tensor, draw: Draw, **params: Any) -> Tensor:
        """Touch a batch of one.

        Shape:
            (1, 2, H, W) -> the same
        """


class DualEffect(PhaseEffect, A.DualTransform):
    """An effect after which masks, boxes and points may have to follow."""

    _targets = (Targets.IMAGE, Targets.MASK, Targets.BBOXES, Targets.KEYPOINTS)


def draw_of(key: int) -> Draw:
    """Random numbers of one call."""
    return Draw(torch.device("cpu"), key)


def to_field(image: Image) -> Tensor:
    """A batch of one.

    Shape:
        (H, W, 2) float32 or (H, W) complex64 -> (1, 2, H, W) float32

    Raises:
        ValueError: if the image is something else.
    """
    if image.dtype == np.complex64 and image.ndim == 2:
        return fd.from_complex(torch.from_numpy(image).unsqueeze(0))
    if image.dtype == np.float32 and image.ndim == 3 and image.shape[2] == 2:
        return torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0).contiguous()
    raise ValueError(
        "the image must be a phasor, (H, W, 2) float32 or (H, W) complex64, 0 = no data, and is "
        f"{image.shape} {image.dtype}: make one with ssl_insar.phase.phasor"
    )


def to_image(field: Tensor, like: Image) -> Image:
    """The reverse, of the kind of ``like``.

    Shape:
        (1, 2, H, W) -> (H, W, 2) float32 or (H, W) complex64
    """
    pairs = field[0].permute(1, 2, 0).contiguous()
    out: Image = torch.view_as_complex(pairs).numpy() if np.iscomplexobj(like) else pairs.numpy()
    return out


def pad_square(field: Tensor, value: float) -> Tensor:
    """Fill up to the square that holds the image, below or to the right.

    Shape:
        (1, C, H, W) -> (1, C, S, S)
    """
    height, width = field.shape[-2:]
    side = max(height, width)
    return torch.nn.functional.pad(field, (0, side - width, 0, side - height), value=value)
