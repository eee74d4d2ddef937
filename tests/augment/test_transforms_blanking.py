"""The albumentations transforms that take data away."""

from __future__ import annotations

from typing import Any

import albumentations as A
import numpy as np
import pytest
import torch

from ssl_insar.augment import config as cf
from ssl_insar.augment import cutout
from ssl_insar.augment import field as fd
from ssl_insar.augment import transforms as T
from ssl_insar.augment.transforms.effect import draw_of

BLANK = ["Blanks", "Cutout", "FrameEdge"]
IMAGE = np.exp(1j * np.linspace(-9, 9, 64 * 64).reshape(64, 64)).astype(np.complex64)


def acting(name: str, **kwargs: Any) -> Any:
    return getattr(T, name)(p=1.0, **kwargs)


@pytest.mark.parametrize("name", BLANK)
def test_masks_are_left_or_filled_where_the_image_loses_its_data(name: str) -> None:
    mask = np.arange(64 * 64, dtype=np.int32).reshape(64, 64)
    left = acting(name)(image=IMAGE, mask=mask)
    assert left["mask"] is mask or np.array_equal(left["mask"], mask)
    compose = A.Compose([acting(name, fill_mask=-1)], seed=3)
    given = mask.copy()
    out = compose(image=IMAGE, mask=given, masks=[mask, np.stack([mask, mask], -1)[..., 0]])
    gone = out["image"] == 0
    assert 0.01 < gone.mean() < 0.35
    np.testing.assert_array_equal(out["image"][~gone], IMAGE[~gone])
    np.testing.assert_array_equal(out["mask"], np.where(gone, -1, mask))
    np.testing.assert_array_equal(out["masks"][1], out["mask"])
    np.testing.assert_array_equal(given, mask, "what was given stays")
    layers = acting(name, fill_mask=0)(image=IMAGE, mask=np.ones((64, 64, 3), np.uint8))
    np.testing.assert_array_equal(layers["mask"].all(-1), layers["image"] != 0)


def test_a_cut_out_is_that_of_the_module() -> None:
    field = fd.from_complex(torch.from_numpy(IMAGE)[None])
    effect = T.Cutout(p=1.0)
    effect.set_random_seed(4)
    key = T.Cutout(p=1.0)
    key.set_random_seed(4)
    expected = cutout.Cutout(cf.CutoutConfig(p=1.0), 64)(field, draw_of(key.draw_key()))
    out = effect(image=IMAGE)["image"]
    np.testing.assert_array_equal(np.stack([out.real, out.imag]), expected[0].numpy())


@pytest.mark.parametrize("kind", ["box", "blob", "half-plane", "stripe"])
def test_each_kind_of_blank_can_be_had_alone(kind: str) -> None:
    compose = A.Compose([T.Blanks(p=1.0, kinds=(kind,), area=(0.2, 0.2))], seed=1)
    areas = [(compose(image=IMAGE)["image"] == 0).mean() for _ in range(6)]
    assert np.mean(areas) == pytest.approx(0.2, abs=0.08)
    assert np.ptp(areas) < 0.2


@pytest.mark.parametrize("name", BLANK)
def test_what_deforms_is_spared(name: str) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, ::2] = 1
    free = A.Compose([acting(name, area=(0.3, 0.3))], seed=1)
    held = A.Compose([acting(name, area=(0.3, 0.3), protect="mask", deformation=0.05)], seed=1)
    for _ in range(5):
        assert (free(image=IMAGE, mask=mask)["image"] == 0).any()
        assert (held(image=IMAGE, mask=mask)["image"] != 0).all()
    # What has no data already is not lost: every other column is all that is left to deform.
    blind = IMAGE.copy()
    blind[:, ::2] = 0
    assert any((held(image=blind, mask=mask)["image"] != blind).any() for _ in range(5))


def test_a_cut_out_loses_no_more_of_what_deforms_than_told() -> None:
    mask = np.ones((64, 64), np.uint8)
    none = A.Compose([T.Cutout(p=1.0, deformation=0.0, protect="mask")], seed=0)
    some = A.Compose([T.Cutout(p=1.0, area=(0.05, 0.25), deformation=0.15, protect="mask")], seed=0)
    lost = []
    for _ in range(30):
        np.testing.assert_array_equal(none(image=IMAGE, mask=mask)["image"], IMAGE)
        lost.append((some(image=IMAGE, mask=mask)["image"] == 0).mean())
    assert 0 < max(lost) <= 0.15
    assert min(lost) == 0, "those that would lose more have no box"


def test_a_mask_to_spare_must_move_with_the_image_and_be_there() -> None:
    effect = T.Blanks(p=1.0, protect="deformation")
    mask = np.zeros((64, 64), np.uint8)
    with pytest.raises(ValueError, match=r'Blanks\(protect="deformation"\): .*additional_targets='):
        A.Compose([effect])(image=IMAGE, deformation=mask)
    compose = A.Compose([effect], additional_targets={"deformation": "mask"}, is_check_shapes=False)
    with pytest.raises(ValueError, match="give deformation= in each call"):
        compose(image=IMAGE)
    with pytest.raises(ValueError, match=r"deformation is \(8, 8\) px and the image \(64, 64\)"):
        compose(image=IMAGE, deformation=np.zeros((8, 8)))
    assert (compose(image=IMAGE, deformation=None)["image"] == 0).any()


@pytest.mark.parametrize("name", BLANK)
def test_several_images_lose_the_same(name: str) -> None:
    out = acting(name)(images=np.stack([IMAGE, IMAGE.conj()]))["images"]
    np.testing.assert_array_equal(out[0] == 0, out[1] == 0)
    assert (out == 0).any()
