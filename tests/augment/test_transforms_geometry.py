"""The albumentations transforms that move pixels: masks, boxes and points go where the image goes."""

from __future__ import annotations

from typing import Any

import albumentations as A
import numpy as np
import pytest
from made import fringes

from ssl_insar import phase as ph
from ssl_insar.augment import transforms as T

MOVE_PIXELS = ["CropResize", "Elastic", "Flip", "Rotate"]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return ph.phasor(fringes(64, np.random.default_rng(0), True))


def pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], -1)


def acting(name: str, **kwargs: Any) -> Any:
    if name == "Flip":
        kwargs = {"left_right": 1.0, "up_down": 1.0} | kwargs
    return getattr(T, name)(p=1.0, **kwargs)


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
