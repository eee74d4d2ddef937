"""The albumentations transforms: the effects of the package, on one image and its masks."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch
import yaml
from made import fringes

from ssl_insar import phase as ph
from ssl_insar.augment import ViewsConfig, atmosphere, multilook, sign
from ssl_insar.augment import config as cf
from ssl_insar.augment import field as fd
from ssl_insar.augment import transforms as T
from ssl_insar.augment.transforms.effect import PhaseEffect, draw_of

UNWRAPPED = {"RealFactor", "Wrap"}
EFFECTS = sorted(set(T.__all__) - UNWRAPPED - {"PhaseSafe", "check"})
MOVE_PIXELS = ["CropResize", "Elastic", "Flip", "Geometry", "Rotate"]
BLANK = ["Blanks", "Cutout", "FrameEdge"]
STAY = [name for name in EFFECTS if name not in MOVE_PIXELS]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    z = ph.phasor(fringes(64, np.random.default_rng(0), True))
    z[:9, :20] = 0
    return z


def pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], -1)


@pytest.fixture(scope="module")
def always(archive_path: Path) -> Callable[..., Any]:
    """Makes an effect that acts at every call, unless told otherwise."""

    def make(name: str, **kwargs: Any) -> Any:
        sure = {
            "Flip": {"left_right": 1.0, "up_down": 1.0},
            "Rewrap": {"aliased": 1.0},
            "Multilook": {"aliased": 1.0},
            "Donor": {"archive": archive_path, "coherence": 0.0},
        }
        return getattr(T, name)(**({"p": 1.0} | sure.get(name, {}) | kwargs))

    return make


def test_every_section_of_the_recipe_has_a_transform_with_its_arguments(archive_path: Path) -> None:
    sections = {
        name: field.annotation
        for name, field in ViewsConfig.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, cf.Section)
    } | {"real_factor": cf.RealFactorConfig}
    offered = set()
    for name, section in sections.items():
        title = "CropResize" if name == "crop" else name.title().replace("_", "")
        offered.add(title)
        effect = getattr(T, title)
        assert issubclass(effect.arguments, section)
        more = {"archive": archive_path} if name == "donor" else {}
        assert effect(**section().model_dump(), **more).p == getattr(section(), "p", 1.0)
        assert effect(**more).p > 0, "who names an effect wants it"
    assert offered == {*EFFECTS, "RealFactor"} - {"Geometry"}
    geometry = T.Geometry.arguments.model_fields
    assert all(geometry[name].annotation is sections[name] for name in ("crop", "flip", "rotate", "elastic"))


@pytest.mark.parametrize("name", EFFECTS)
def test_each_acts_on_both_kinds_of_image_alike(
    name: str, image: np.ndarray, always: Callable[..., Any]
) -> None:
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
def test_p_0_leaves_everything_and_no_data_stays(
    name: str, image: np.ndarray, always: Callable[..., Any]
) -> None:
    assert always(name, p=0.0)(image=image)["image"] is image
    assert not always(name)(image=np.zeros_like(image))["image"].any()


@pytest.mark.parametrize("name", EFFECTS)
def test_each_survives_to_dict_json_yaml_and_pickle(
    name: str, image: np.ndarray, always: Callable[..., Any]
) -> None:
    compose = T.PhaseSafe([always(name)], seed=1)
    written = A.to_dict(compose)
    assert json.loads(json.dumps(written)) == yaml.safe_load(yaml.safe_dump(written)) == written
    assert written["transform"]["transforms"][0]["__class_fullname__"].startswith("ssl_insar.")
    again = A.from_dict(written)
    again.set_random_seed(1)
    assert isinstance(again, T.PhaseSafe)
    assert repr(again) == repr(compose)
    pickled = pickle.loads(pickle.dumps(compose))
    expected = compose(image=image)["image"]
    np.testing.assert_array_equal(again(image=image)["image"], expected)
    np.testing.assert_array_equal(pickled(image=image)["image"], expected)


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("compose", [A.Compose, T.PhaseSafe])
def test_the_seed_of_a_compose_decides(
    name: str, compose: type[A.Compose], image: np.ndarray, always: Callable[..., Any]
) -> None:
    def views(seed: int) -> np.ndarray:
        # Among stock transforms, and where unknown arguments are errors.
        made = compose([A.CenterCrop(64, 64), always(name, p=0.7), A.NoOp()], seed=seed, strict=True)
        return np.stack([made(image=pairs(image))["image"] for _ in range(8)])

    first = views(3)
    np.testing.assert_array_equal(views(3), first)
    assert not np.array_equal(views(4), first)
    assert len(np.unique(first.reshape(8, -1), axis=0)) > 1


def test_a_compose_is_saved_and_loaded(tmp_path: Path, image: np.ndarray) -> None:
    compose = T.PhaseSafe(
        [T.Elastic(p=1.0), T.Blanks(p=1.0, fill_mask=7)],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]),
        additional_targets={"dem": "mask"},
        seed=2,
    )
    for kind in ("json", "yaml"):
        A.save(compose, tmp_path / kind, data_format=kind)
        again = A.load(tmp_path / kind, data_format=kind)
        again.set_random_seed(2)
        compose.set_random_seed(2)
        given = {"image": image, "dem": image.real, "bboxes": [[9, 9, 40, 50]], "labels": ["a"]}
        first, second = compose(**given), again(**given)
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])


def test_other_arguments_survive_too() -> None:
    for effect in (
        T.Elastic(pixels=3, fill_mask=255, p=0.2),
        T.CropResize(size=32, protect="mask"),
        T.Geometry(crop={"area": (0.5, 0.6)}, rotate={"p": 0}, size=32, protect="mask", p=0.2),
        T.Cutout(protect="mask"),
        T.Turbulence(spacing=20),
        T.Stratified(height="dem", relief=(1, 2)),
        T.Ionosphere(wavelength=0.236),
        T.Blanks(kinds=("blob", "stripe"), protect="mask", fill_mask=255),
        T.Donor(archive="somewhere", quiet="labelled", seed=3),
        T.RealFactor(p=0.3, factors=(2, 4)),
        T.Wrap(pairs=False),
    ):
        assert repr(A.from_dict(A.to_dict(effect))) == repr(effect)


@pytest.mark.parametrize("name", EFFECTS)
def test_replay_gives_the_same_again(name: str, image: np.ndarray, always: Callable[..., Any]) -> None:
    done = A.ReplayCompose([always(name)])(image=image)
    again = A.ReplayCompose.replay(done["replay"], image=image)
    np.testing.assert_array_equal(again["image"], done["image"])


def test_the_physics_is_that_of_the_modules(image: np.ndarray) -> None:
    field = fd.from_complex(torch.from_numpy(image)[None])
    np.testing.assert_array_equal(T.Swap(p=1.0)(image=image)["image"], image.conj())
    for effect, expected in (
        (T.Rewrap(aliased=1.0), sign.Rewrap(cf.RewrapConfig(p=1.0, aliased=1.0))(field, draw_of(7))),
        (
            T.Multilook(aliased=1.0),
            multilook.Multilook(cf.MultilookConfig(p=1.0, aliased=1.0))(
                field, fd.validity(field), draw_of(7)
            )[0],
        ),
        (T.Offset(), fd.rotate(field, atmosphere.Offset(cf.OffsetConfig())(1, draw_of(7)))),
    ):
        out = effect.apply(pairs(image), key=7)
        np.testing.assert_allclose(out, expected[0].permute(1, 2, 0).numpy(), atol=1e-6)


def test_effects_that_move_nothing_leave_masks_boxes_and_points(
    image: np.ndarray, always: Callable[..., Any]
) -> None:
    mask = np.random.default_rng(1).integers(0, 2, (64, 64))
    compose = T.PhaseSafe(
        [always(name) for name in STAY],
        bbox_params=A.BboxParams("pascal_voc", label_fields=["labels"]),
        keypoint_params=A.KeypointParams("xy"),
        seed=0,
    )
    out = compose(image=image, mask=mask, bboxes=[[1, 2, 30, 40]], labels=["a"], keypoints=[[3, 4]])
    np.testing.assert_array_equal(out["mask"], mask)
    np.testing.assert_allclose(out["bboxes"], [[1, 2, 30, 40]], atol=1e-4)
    np.testing.assert_allclose(out["keypoints"], [[3, 4]], atol=1e-4)


@pytest.mark.parametrize("name", STAY)
def test_images_of_one_call_are_touched_alike(
    name: str, image: np.ndarray, always: Callable[..., Any]
) -> None:
    other = image * np.complex64(1j)
    twice = A.Compose([always(name)], additional_targets={"other": "image"}, seed=2)
    out = twice(image=image, other=image)
    np.testing.assert_array_equal(out["image"], out["other"])
    if name not in ("Swap", "Rewrap", "Multilook"):
        turned = twice(image=image, other=other)
        np.testing.assert_allclose(turned["other"], turned["image"] * 1j, atol=1e-5)


@pytest.mark.parametrize("name", STAY)
def test_oblong_images(name: str, image: np.ndarray, always: Callable[..., Any]) -> None:
    assert always(name)(image=image[:40])["image"].shape == (40, 64)
    assert always(name)(image=image[:, :40])["image"].shape == (64, 40)


def test_a_coherence_in_the_length_is_kept(image: np.ndarray, always: Callable[..., Any]) -> None:
    for name in set(STAY) - set(BLANK):
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
    assert all(issubclass(getattr(T, name), PhaseEffect) for name in {*EFFECTS, *UNWRAPPED})
