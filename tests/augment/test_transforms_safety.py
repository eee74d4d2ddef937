"""Stock transforms: the exact ones pass, all others are refused with a way out."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
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
        named = re.findall(r"\b([AT])\.(\w+)", text)
        assert all(hasattr({"A": A, "T": T}[where], name) for where, name in named)
        assert {name for where, name in named if where == "A"} <= EXACT
        assert named or text.startswith("nothing")


def walked() -> dict[str, type]:
    """Every transform class in any module of the library, by its name."""
    found = {}
    for info in pkgutil.walk_packages(A.__path__, "albumentations."):
        for name, cls in vars(importlib.import_module(info.name)).items():
            if inspect.isclass(cls) and issubclass(cls, A.BasicTransform):
                found[name] = cls
    return found


def test_every_stock_transform_is_classified() -> None:
    """Either exact or refused with an alternative; what is left are bases that others are made from."""
    classes = walked()
    assert len(classes) > 120
    assert not EXACT & set(INSTEAD)
    assert set(INSTEAD) <= set(classes), "no name is misspelt"
    assert set(classes) >= EXACT
    left = set(classes) - EXACT - set(INSTEAD)
    assert all(classes[name].__subclasses__() for name in left), left
    public = {name for name in left if name in vars(A)}
    assert public == {"BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D"}


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_every_refused_class_is_refused_however_it_is_made(name: str) -> None:
    made = object.__new__(walked()[name])
    with pytest.raises(ValueError, match=f"^{name} is not exact on phasors: use ") as error:
        T.check([made])
    assert INSTEAD[name] in str(error.value)


def test_what_the_library_adds_later_is_refused() -> None:
    later = type("Later", (A.ImageOnlyTransform,), {"__module__": "albumentations.later"})
    with pytest.raises(ValueError, match=r"^Later is not exact .* a transform of ssl_insar"):
        T.check([later()])


def test_every_compose_is_looked_into_or_refused() -> None:
    composes = [cls for cls in vars(A).values()
                if inspect.isclass(cls) and issubclass(cls, A.core.composition.BaseCompose)]  # fmt: skip
    assert len(composes) >= 8
    for cls in composes:
        if cls is A.BaseCompose:
            continue
        inside = [A.NoOp(), A.GaussNoise()]
        made = cls(*inside) if cls is A.OneOrOther else cls(inside, n=1) if cls is A.SomeOf else cls(inside)
        with pytest.raises(ValueError, match=r"GaussNoise is not exact|SelectiveChannelTransform would"):
            T.check([made])


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


NEED_BOXES = {"RandomCropNearBBox", "BBoxSafeRandomCrop", "AtLeastOneBBoxRandomCrop"}


@pytest.mark.filterwarnings("ignore::UserWarning")  # aliases that point to their originals
@pytest.mark.parametrize("name", sorted(EXACT - {"ToTensorV2"}))
def test_what_passes_makes_no_new_values(name: str) -> None:
    rng = np.random.default_rng(0)
    angle = rng.uniform(-np.pi, np.pi, (48, 48)).astype(np.float32)
    image = np.stack([np.cos(angle), np.sin(angle)], -1)
    boxes = A.BboxParams("pascal_voc", label_fields=["labels"]) if name in NEED_BOXES else None
    compose = T.PhaseSafe([getattr(A, name)(p=1.0, **arguments(name))], bbox_params=boxes, seed=0)
    more = {"bboxes": [[8, 8, 20, 24]], "labels": [1], "cropping_bbox": [8, 8, 20, 24]} if boxes else {}
    out = compose(image=image, mask=np.ones((48, 48), np.uint8), **more)["image"].reshape(-1, 2)
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
