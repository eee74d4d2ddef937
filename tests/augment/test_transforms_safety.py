"""Stock transforms: the exact ones pass, all others are refused with a way out."""

from __future__ import annotations

import inspect
from typing import Any

import albumentations as A
import numpy as np
import pytest

from ssl_insar.augment import transforms as T
from ssl_insar.augment.transforms.safety import EXACT, INSTEAD

REFUSED = [
    "GaussNoise", "GaussianBlur", "MedianBlur", "MotionBlur", "MultiplicativeNoise",
    "RandomBrightnessContrast", "ColorJitter", "CLAHE", "Equalize", "ToGray", "Normalize", "RandomGamma",
    "Solarize", "Posterize", "Downscale", "ImageCompression", "ElasticTransform", "Rotate", "Resize",
]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_with_the_safe_alternative(name: str) -> None:
    made = A.Resize(8, 8) if name == "Resize" else getattr(A, name)()
    for inside in ([made], [A.OneOf([A.Sequential([made])])], A.Compose([made])):
        with pytest.raises(ValueError, match=f"^{name} is not exact on phasors: use ") as error:
            T.check(inside)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=name):
        T.PhaseSafe([made])


def test_every_alternative_exists() -> None:
    for text in INSTEAD.values():
        named = [word.rstrip(",") for word in text.split() if word.startswith("T.")]
        assert all(hasattr(T, word.removeprefix("T.")) for word in named)
        assert named or text.startswith("nothing")


def stock() -> dict[str, type]:
    base = A.BasicTransform
    abstract = (base, A.DualTransform, A.ImageOnlyTransform, A.Transform3D)
    return {
        name: cls
        for name, cls in vars(A).items()
        if inspect.isclass(cls) and issubclass(cls, base) and cls not in abstract and "3D" not in name
    }


def test_no_name_is_misspelt_and_only_rare_ones_are_refused_without_an_alternative() -> None:
    assert set(INSTEAD) <= set(stock())
    assert set(stock()) >= EXACT
    assert not EXACT & set(INSTEAD)
    unnamed = set(stock()) - EXACT - set(INSTEAD)
    assert unnamed <= {"CubicSymmetry", "HEStain", "ChromaticAberration", "Mosaic", "OverlayElements",
                       "TextImage"}, unnamed  # fmt: skip


def arguments(name: str) -> dict[str, Any]:
    crop = {"height": 16, "width": 16}
    return {
        "RandomCrop": crop,
        "CenterCrop": crop,
        "Crop": {"x_max": 16, "y_max": 16},
        "AtLeastOneBBoxRandomCrop": crop,
        "CropNonEmptyMaskIfExists": crop,
        "Pad": {"padding": 4},
        "PadIfNeeded": {"min_height": 56, "min_width": 56},
        "XYMasking": {"num_masks_x": 1, "mask_x_length": 4},
    }.get(name, {})


NEED_MORE = {"RandomCropNearBBox", "BBoxSafeRandomCrop", "AtLeastOneBBoxRandomCrop", "ToTensorV2"}


@pytest.mark.filterwarnings("ignore::UserWarning")  # aliases that point to their originals
@pytest.mark.parametrize("name", sorted(EXACT - NEED_MORE))
def test_what_passes_makes_no_new_values(name: str) -> None:
    rng = np.random.default_rng(0)
    angle = rng.uniform(-np.pi, np.pi, (48, 48)).astype(np.float32)
    image = np.stack([np.cos(angle), np.sin(angle)], -1)
    compose = T.PhaseSafe([getattr(A, name)(p=1.0, **arguments(name))], seed=0)
    out = compose(image=image, mask=np.ones((48, 48), np.uint8))["image"].reshape(-1, 2)
    known = {(0.0, 0.0), *map(tuple, image.reshape(-1, 2).tolist())}
    assert {tuple(pair) for pair in out.tolist()} <= known


@pytest.mark.parametrize(
    "made",
    [
        A.CoarseDropout(fill=1),
        A.CoarseDropout(fill="random"),
        A.CoarseDropout(fill="inpaint_ns"),
        A.GridDropout(fill=(0, 1)),
        A.PixelDropout(drop_value=None),
        A.PixelDropout(per_channel=True),
        A.PadIfNeeded(border_mode=4),
        A.RandomCrop(8, 8, pad_if_needed=True, border_mode=2),
    ],
    ids=repr,
)
def test_holes_and_borders_must_be_no_data(made: A.BasicTransform) -> None:
    with pytest.raises(ValueError, match=r"must fill with 0, which is no data"):
        T.check(made)


def test_channels_are_not_treated_apart() -> None:
    with pytest.raises(ValueError, match="SelectiveChannelTransform would treat the two parts"):
        T.check(A.SelectiveChannelTransform([A.HorizontalFlip()]))


def test_transforms_of_others_pass() -> None:
    class Own(A.ImageOnlyTransform):  # type: ignore[misc]
        def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
            return img

    T.check([Own(), T.Offset(), A.Compose([A.D4(), A.CoarseDropout(fill=0), A.CoarseDropout(fill=(0, 0))])])
