"""The albumentations transforms: the effects of the package, on one image and its masks."""

from __future__ import annotations

import json
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch
from made import fringes

from ssl_insar import phase as ph
from ssl_insar.augment import ViewsConfig, cutout, sign
from ssl_insar.augment import config as cf
from ssl_insar.augment import field as fd
from ssl_insar.augment import transforms as T
from ssl_insar.augment.transforms.effect import PhaseEffect, draw_of

EFFECTS = sorted(set(T.__all__) - {"PhaseSafe", "check"})
MOVE_PIXELS = ["CropResize", "Elastic", "Flip", "Rotate"]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    z = ph.phasor(fringes(64, np.random.default_rng(0), True))
    z[:9, :20] = 0
    return z


def pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], -1)


def always(name: str, **kwargs: Any) -> Any:
    if name == "Flip":
        kwargs = {"left_right": 1.0, "up_down": 1.0} | kwargs
    if name == "Rewrap":
        kwargs = {"aliased": 1.0} | kwargs
    return getattr(T, name)(p=1.0, **kwargs)


def test_every_section_of_the_recipe_has_a_transform_with_its_arguments() -> None:
    for name, field in ViewsConfig.model_fields.items():
        section = field.annotation
        if not (isinstance(section, type) and issubclass(section, cf.Section)):
            continue
        if name not in ("crop", *(effect.lower() for effect in EFFECTS)):
            continue  # an effect that is not offered here
        effect = getattr(T, "CropResize" if name == "crop" else name.capitalize())
        assert issubclass(effect.arguments, section)
        assert effect(**section().model_dump()).p == getattr(section(), "p", 1.0)


@pytest.mark.parametrize("name", EFFECTS)
def test_each_acts_on_both_kinds_of_image_alike(name: str, image: np.ndarray) -> None:
    out = A.Compose([always(name)], seed=5)(image=image)["image"]
    twin = A.Compose([always(name)], seed=5)(image=pairs(image))["image"]
    assert out.dtype == np.complex64
    assert twin.dtype == np.float32
    np.testing.assert_array_equal(pairs(out), twin)
    assert np.abs(out - image).max() > 0.01, "it did something"
    length = np.abs(out)
    assert ((np.abs(length - 1) < 1e-4) | (length == 0)).all()
    if name not in MOVE_PIXELS:
        assert not out[:9, :20].any(), "no data stays no data"


@pytest.mark.parametrize("name", EFFECTS)
def test_p_0_leaves_everything_and_no_data_stays(name: str, image: np.ndarray) -> None:
    assert getattr(T, name)(p=0.0)(image=image)["image"] is image
    assert not always(name)(image=np.zeros_like(image))["image"].any()


@pytest.mark.parametrize("name", EFFECTS)
def test_each_survives_to_dict_and_json(name: str, image: np.ndarray) -> None:
    compose = T.PhaseSafe([always(name)], seed=1)
    written = json.loads(json.dumps(A.to_dict(compose)))
    assert written["transform"]["transforms"][0]["__class_fullname__"].startswith("ssl_insar.")
    again = A.from_dict(written)
    again.set_random_seed(1)
    assert isinstance(again, T.PhaseSafe)
    assert repr(again) == repr(compose)
    np.testing.assert_array_equal(again(image=image)["image"], compose(image=image)["image"])


def test_other_arguments_survive_too() -> None:
    for effect in (
        T.Elastic(pixels=3, fill_mask=255, p=0.2),
        T.CropResize(size=32),
        T.Turbulence(spacing=20),
    ):
        assert repr(A.from_dict(A.to_dict(effect))) == repr(effect)


@pytest.mark.parametrize("name", EFFECTS)
def test_replay_gives_the_same_again(name: str, image: np.ndarray) -> None:
    done = A.ReplayCompose([always(name)])(image=image)
    again = A.ReplayCompose.replay(done["replay"], image=image)
    np.testing.assert_array_equal(again["image"], done["image"])


def test_the_physics_is_that_of_the_modules(image: np.ndarray) -> None:
    field = fd.from_complex(torch.from_numpy(image)[None])
    effect = T.Cutout(p=1.0)
    expected = cutout.Cutout(cf.CutoutConfig(p=1.0), 64)(field, draw_of(7))
    np.testing.assert_array_equal(effect.apply(pairs(image), key=7), expected[0].permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(T.Swap(p=1.0)(image=image)["image"], image.conj())
    config = cf.RewrapConfig(p=1.0, aliased=1.0)
    expected = sign.Rewrap(config)(field, draw_of(7))
    out = T.Rewrap(p=1.0, aliased=1.0).apply(pairs(image), key=7)
    np.testing.assert_allclose(out, expected[0].permute(1, 2, 0).numpy(), atol=1e-6)


def test_flip_is_the_stock_flip_on_image_and_mask(image: np.ndarray) -> None:
    mask = np.random.default_rng(1).integers(0, 5, (64, 64, 3)).astype(np.int16)
    ours = T.Flip(left_right=1.0, up_down=0.0)(image=pairs(image), mask=mask)
    stock = A.HorizontalFlip(p=1.0)(image=pairs(image), mask=mask)
    np.testing.assert_allclose(ours["image"], stock["image"], atol=1e-3)
    np.testing.assert_array_equal(ours["mask"], stock["mask"])
    assert ours["mask"].dtype == np.int16


@pytest.mark.parametrize("name", MOVE_PIXELS)
def test_masks_move_with_the_image(name: str) -> None:
    # The image is a phase of the mask's value, so that it tells where each label went.
    labels = np.zeros((96, 96), np.uint8)
    labels[20:60, 30:70] = 1
    labels[40:80, 50:90] = 2
    image = np.exp(1j * labels.astype(np.float32)).astype(np.complex64)
    for seed in range(3):
        compose = T.PhaseSafe([always(name, fill_mask=9)], seed=seed)
        out = compose(image=image, mask=labels, masks=[labels, labels == 1])
        assert set(np.unique(out["mask"])) <= {0, 1, 2, 9}
        np.testing.assert_array_equal(out["masks"][0], out["mask"])
        seen = (out["image"] != 0) & (out["mask"] != 9)
        assert seen.mean() > 0.6
        wrong = np.abs(np.angle(out["image"])[seen] - out["mask"][seen]) > 0.5
        assert wrong.mean() < 0.03, "only along the edges, where the image is interpolated"
        outside = out["mask"] == 9
        assert np.count_nonzero(out["image"][outside]) <= 0.2 * outside.sum()


@pytest.mark.parametrize("name", MOVE_PIXELS)
def test_boxes_move_with_the_mask(name: str, image: np.ndarray) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 16:48] = 1
    params = A.BboxParams("pascal_voc", label_fields=["labels"])
    for seed in range(3):
        compose = T.PhaseSafe([always(name)], bbox_params=params, seed=seed)
        out = compose(image=image, mask=mask, bboxes=[[16, 20, 48, 40]], labels=["m"])
        rows, cols = np.nonzero(out["mask"])
        expected = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(out["bboxes"][0], expected, atol=1e-3)


def test_a_box_that_is_cropped_away_is_dropped(image: np.ndarray) -> None:
    compose = T.PhaseSafe(
        [T.CropResize(area=(0.4, 0.4))],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]),
        seed=0,
    )
    left = [len(compose(image=image, bboxes=[[0, 0, 4, 4]], labels=[1])["bboxes"]) for _ in range(20)]
    assert 0 < sum(left) < 20


def test_effects_on_the_phase_leave_masks(image: np.ndarray) -> None:
    mask = np.random.default_rng(1).integers(0, 2, (64, 64))
    still = [always(name) for name in EFFECTS if name not in MOVE_PIXELS]
    np.testing.assert_array_equal(T.PhaseSafe(still)(image=image, mask=mask)["mask"], mask)


def test_crop_resize_to_another_size(image: np.ndarray) -> None:
    out = T.CropResize(size=24)(image=image, mask=np.ones((64, 64), bool))
    assert out["image"].shape == out["mask"].shape == (24, 24)
    assert out["mask"].dtype == bool
    assert out["mask"].all()


@pytest.mark.parametrize("name", [n for n in EFFECTS if n not in MOVE_PIXELS])
def test_oblong_images(name: str, image: np.ndarray) -> None:
    assert always(name)(image=image[:40])["image"].shape == (40, 64)
    assert always(name)(image=image[:, :40])["image"].shape == (64, 40)


def test_a_coherence_in_the_length_is_kept(image: np.ndarray) -> None:
    for name in ("Swap", "Rewrap", "Offset", "Ramp", "Turbulence", "Decorrelation"):
        out = always(name)(image=image * np.float32(0.5))["image"]
        np.testing.assert_allclose(np.abs(out), 0.5 * np.abs(image), atol=1e-5)


def test_what_cannot_be_done_is_told(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Elastic needs square images.*40 x 64 px.*RandomCrop"):
        T.Elastic(p=1.0)(image=image[:40])
    for wrong in (np.zeros((8, 8), np.float32), np.zeros((8, 8, 3), np.uint8), pairs(image).astype(float)):
        with pytest.raises(ValueError, match=r"must be a phasor.*ssl_insar\.phase\.phasor"):
            T.Offset()(image=wrong)
    with pytest.raises(ValueError, match=r"Elastic: smoothness: .*greater than 0"):
        T.Elastic(smoothness=0)
    with pytest.raises(ValueError, match="Elastic: alpha: "):
        T.Elastic(alpha=3)
    with pytest.raises(ValueError, match="CropResize: p: "):
        T.CropResize(p=2)


def test_arguments_are_shown() -> None:
    assert "pixels" in str(T.Elastic.__signature__)
    assert all(issubclass(getattr(T, name), PhaseEffect) for name in EFFECTS)
