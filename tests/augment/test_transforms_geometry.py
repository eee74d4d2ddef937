"""The albumentations transforms that move pixels: masks, boxes and points go where the image goes."""

from __future__ import annotations

import random
from typing import Any

import albumentations as A
import numpy as np
import pytest
from made import fringes

from ssl_insar import phase as ph
from ssl_insar.augment import transforms as T

RESAMPLE = ["CropResize", "Elastic", "Geometry", "Rotate"]
MOVE_PIXELS = [*RESAMPLE, "Flip"]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return ph.phasor(fringes(64, np.random.default_rng(0), True))


def pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], -1)


def acting(name: str, **kwargs: Any) -> Any:
    if name == "Flip":
        kwargs.pop("fill_mask", None)  # every pixel of a flip is in the image
        kwargs = {"left_right": 1.0, "up_down": 1.0} | kwargs
    return getattr(T, name)(p=1.0, **kwargs)


@pytest.mark.parametrize(
    ("across", "down", "stock"), [(1, 0, A.HorizontalFlip), (0, 1, A.VerticalFlip), (0, 0, A.NoOp)]
)
def test_flip_is_the_stock_flip_to_the_bit(
    across: int, down: int, stock: type[A.BasicTransform], image: np.ndarray
) -> None:
    kinds: dict[str, Any] = {
        "bbox_params": A.BboxParams("pascal_voc", label_fields=["labels"]),
        "keypoint_params": A.KeypointParams("xyas"),
    }
    # Oblong, and with a coherence in the length.
    given: dict[str, Any] = {
        "image": 0.7 * pairs(image)[:40],
        "mask": np.random.default_rng(1).integers(0, 5, (40, 64, 3)).astype(np.int16),
        "bboxes": [[3, 5, 30, 39]],
        "labels": ["a"],
        "keypoints": [[3, 5, 20, 2]],
    }
    ours = A.Compose([T.Flip(left_right=across, up_down=down)], **kinds)(**given)
    expected = A.Compose([stock(p=1.0)], **kinds)(**given)
    for name, target in expected.items():
        np.testing.assert_array_equal(ours[name], target)
    assert ours["mask"].dtype == np.int16


def test_flips_are_as_frequent_as_told_and_twice_is_never(image: np.ndarray) -> None:
    compose = A.Compose([T.Flip(left_right=0.7, up_down=0.2)], seed=0)
    corners = np.arange(64 * 64).reshape(64, 64)
    first = [compose(image=image, mask=corners)["mask"][0, 0] for _ in range(400)]
    assert np.mean([value in (63, 4095) for value in first]) == pytest.approx(0.7, abs=0.08)
    assert np.mean([value >= 4032 for value in first]) == pytest.approx(0.2, abs=0.07)
    both = acting("Flip")
    np.testing.assert_array_equal(both(image=both(image=image)["image"])["image"], image)


def test_geometry_is_its_one_part_if_the_others_are_off(image: np.ndarray) -> None:
    mask = np.arange(64 * 64).reshape(64, 64)
    off: dict[str, Any] = {
        "crop": {"area": (1, 1), "stretch": 1},
        "flip": {"left_right": 0, "up_down": 0},
        "rotate": {"p": 0},
        "elastic": {"p": 0},
    }
    one: dict[str, Any] = {"crop": {"area": (0.5, 0.6)}, "rotate": {"p": 1}, "elastic": {"p": 1}}
    alone = {"crop": T.CropResize, "rotate": T.Rotate, "elastic": T.Elastic}
    for name, arguments in one.items():
        together = T.Geometry(**(off | {name: arguments}))
        apart = alone[name](**arguments)
        for effect in (together, apart):
            effect.set_random_state(np.random.default_rng(5), random.Random(5))
        first, second = together(image=image, mask=mask), apart(image=image, mask=mask)
        assert not np.array_equal(first["mask"], mask)
        np.testing.assert_array_equal(first["image"], second["image"])
        np.testing.assert_array_equal(first["mask"], second["mask"])
    still = T.Geometry(**off)(image=image, mask=mask)
    np.testing.assert_array_equal(still["mask"], mask)
    np.testing.assert_allclose(still["image"], image, atol=1e-3)


def test_geometry_blurs_less_than_four_in_a_row() -> None:
    """Phase noise is white: what interpolation takes of the difference of neighbours tells how often."""
    noise = np.random.default_rng(0).normal(0, 0.4, (96, 96))
    image = np.exp(1j * noise).astype(np.complex64)

    def roughness(transforms: list[A.BasicTransform]) -> float:
        compose = T.PhaseSafe(transforms, seed=0)
        views = [compose(image=image)["image"][24:72, 24:72] for _ in range(8)]
        return float(np.mean([np.abs(np.diff(np.angle(view), axis=1)).mean() for view in views]))

    row = [T.CropResize(area=(0.95, 1.0)), T.Flip(), T.Rotate(p=1.0), T.Elastic(p=1.0)]
    one = [T.Geometry(crop={"area": (0.95, 1.0)}, rotate={"p": 1}, elastic={"p": 1})]
    assert roughness(one) > 1.3 * roughness(row)


@pytest.mark.parametrize("name", ["CropResize", "Geometry"])
def test_crops_keep_what_deforms(name: str, image: np.ndarray) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[2:14, 2:14] = 1
    crop = {"area": (0.3, 0.3), "keep": 0.9}

    def held(**kwargs: Any) -> list[float]:
        """Share of the deformation in each of the views, as marks that are still to be found."""
        arguments = crop if name == "CropResize" else {"crop": crop, "rotate": {"p": 0}, "elastic": {"p": 0}}
        compose = A.Compose(
            [getattr(T, name)(**arguments, **kwargs)], additional_targets={"marks": "mask"}, seed=0
        )
        marks = np.where(mask, np.arange(64 * 64).reshape(64, 64) + 1, 0)
        seen = [compose(image=image, mask=mask, marks=marks)["marks"] for _ in range(20)]
        return [len(np.unique(view[view > 0])) / mask.sum() for view in seen]

    assert min(held()) < 0.3
    assert min(held(protect="mask")) > 0.8


def test_what_a_crop_keeps_must_be_given(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r'CropResize\(protect="mask"\): give mask= in each call'):
        T.CropResize(protect="mask")(image=image)


@pytest.mark.parametrize("name", MOVE_PIXELS)
def test_masks_move_with_the_image(name: str) -> None:
    # The image is a phase of the mask's value, so that it tells where each label went.
    labels = np.zeros((96, 96), np.uint8)
    labels[20:60, 30:70] = 1
    labels[40:80, 50:90] = 2
    image = np.exp(1j * labels.astype(np.float32)).astype(np.complex64)
    for seed in range(3):
        compose = T.PhaseSafe([acting(name, fill_mask=9)], seed=seed)
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
        compose = T.PhaseSafe([acting(name)], bbox_params=params, seed=seed)
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
    left = [len(compose(image=image, bboxes=[[0, 0, 14, 14]], labels=[1])["bboxes"]) for _ in range(20)]
    assert 0 < sum(left) < 20
    assert len(compose(image=image, bboxes=[], labels=[])["bboxes"]) == 0


def test_crop_resize_to_another_size(image: np.ndarray) -> None:
    out = T.CropResize(size=24)(image=image, mask=np.ones((64, 64), bool))
    assert out["image"].shape == out["mask"].shape == (24, 24)
    assert out["mask"].dtype == bool
    assert out["mask"].all()


@pytest.mark.parametrize("name", MOVE_PIXELS)
def test_points_move_with_the_mask(name: str) -> None:
    params = A.KeypointParams("xy", remove_invisible=False)
    places = [(30, 40), (61, 50), (48, 20), (50, 75)]
    image = np.ones((96, 96), np.complex64)
    for seed in range(4):
        labels = np.zeros((96, 96), np.uint8)
        for n, (x, y) in enumerate(places):
            labels[y - 3 : y + 4, x - 3 : x + 4] = n + 1
        compose = T.PhaseSafe([acting(name)], keypoint_params=params, seed=seed)
        out = compose(image=image, mask=labels, keypoints=places)
        for n, point in enumerate(out["keypoints"]):
            rows, cols = np.nonzero(out["mask"] == n + 1)
            if not len(rows) or min(rows.min(), cols.min()) == 0 or max(rows.max(), cols.max()) == 95:
                continue  # cropped
            np.testing.assert_allclose(point, [cols.mean(), rows.mean()], atol=0.6)


def test_points_flip_as_the_stock_flip_does_and_turn_with_what_they_point_at() -> None:
    params = A.KeypointParams("xyas", angle_in_degrees=False)
    given = [[3.0, 5.0, 0.3, 2.0], [40.0, 60.0, 4.0, 5.0]]
    image = np.ones((64, 64, 2), np.float32)
    ours = A.Compose([T.Flip(left_right=1, up_down=0)], keypoint_params=params)
    stock = A.Compose([A.HorizontalFlip(p=1.0)], keypoint_params=params)
    expected = stock(image=image, keypoints=given)["keypoints"]
    np.testing.assert_allclose(ours(image=image, keypoints=given)["keypoints"], expected, atol=1e-4)
    # A second point one pixel ahead of the first tells where that one should point.
    angle = 0.3
    ahead = [[30.0, 20.0, angle, 2.0], [30 + np.cos(angle), 20 + np.sin(angle), angle, 2.0]]
    for name in MOVE_PIXELS:
        out = np.array(A.Compose([acting(name)], keypoint_params=params, seed=1)(image=image, keypoints=ahead)
                       ["keypoints"])  # fmt: skip
        step = out[1, :2] - out[0, :2]
        assert np.angle(np.exp(1j * (np.arctan2(step[1], step[0]) - out[0, 2]))) == pytest.approx(0, abs=0.05)


def test_a_point_that_is_cropped_away_is_dropped_and_sizes_grow(image: np.ndarray) -> None:
    params = A.KeypointParams("xys")
    compose = A.Compose([T.CropResize(area=(0.25, 0.25), stretch=1)], keypoint_params=params, seed=0)
    for _ in range(20):
        points = compose(image=image, keypoints=[[32, 32, 1.0], [1, 1, 1.0], [62, 62, 1.0]])["keypoints"]
        assert 1 <= len(points) <= 2, "half of the side cannot hold both corners"
        np.testing.assert_allclose(np.array(points)[:, 2], 2.0, atol=1e-3)
    assert len(compose(image=image, keypoints=[])["keypoints"]) == 0


def test_no_data_does_not_bleed_and_does_not_vanish() -> None:
    """What comes of data next to no data has the data's phase: validity is resampled with the phasor."""
    image = np.full((96, 96), np.exp(0.9j), np.complex64)
    image[30:60, 20:50] = 0
    for name in MOVE_PIXELS:
        for seed in range(3):
            out = A.Compose([acting(name)], seed=seed)(image=image)["image"]
            assert np.abs(np.angle(out[out != 0]) - 0.9).max() < 1e-4
            assert (out == 0).any()
