"""The albumentations transforms that add a phase: what they need besides the image."""

from __future__ import annotations

import albumentations as A
import numpy as np
import pytest

from ssl_insar.augment import transforms as T

FLAT = np.ones((64, 64), np.complex64)


def rms(effect: A.BasicTransform) -> float:
    compose = A.Compose([effect], seed=1)
    phase = [np.angle(compose(image=FLAT)["image"]) for _ in range(6)]
    return float(np.std(phase))


def test_a_screen_has_its_strength() -> None:
    assert rms(T.Turbulence(p=1.0, rms=(0.3, 0.3))) == pytest.approx(0.3, rel=0.02)
    assert rms(T.Ramp(p=1.0, fringes=0.0)) == pytest.approx(0, abs=1e-6)


def test_the_ionosphere_grows_with_the_wavelength() -> None:
    short = rms(T.Ionosphere(p=1.0, tec=(0.02, 0.02), wavelength=0.031))
    long = rms(T.Ionosphere(p=1.0, tec=(0.02, 0.02), wavelength=0.062))
    assert long == pytest.approx(2 * short, rel=1e-3)


def test_a_delay_follows_the_heights_which_move_with_the_image() -> None:
    heights = np.broadcast_to(np.linspace(0, 500, 64, dtype=np.float32), (64, 64)).copy()
    heights[:4, :4] = np.nan
    compose = T.PhaseSafe(
        [A.Transpose(p=1.0), T.Stratified(p=1.0, height="dem")],
        additional_targets={"dem": "mask"},
        seed=0,
    )
    pairs = np.stack([FLAT.real, FLAT.imag], -1)
    out = compose(image=pairs, dem=heights)
    phase = np.arctan2(out["image"][..., 1], out["image"][..., 0])
    known = np.isfinite(out["dem"])
    assert known.mean() > 0.99
    assert abs(np.corrcoef(phase[known], out["dem"][known])[0, 1]) > 0.9999
    np.testing.assert_array_equal(out["dem"], heights.T)


def with_heights(effect: A.BasicTransform) -> A.Compose:
    return A.Compose([effect], additional_targets={"dem": "mask"}, is_check_shapes=False, seed=0)


def test_without_heights_the_terrain_is_made() -> None:
    made = A.Compose([T.Stratified(p=1.0)], seed=0)(image=FLAT)["image"]
    assert np.ptp(np.angle(made)) > 0.01
    for unknown in (None, np.full((64, 64), np.nan, np.float32)):
        out = with_heights(T.Stratified(p=1.0, height="dem"))(image=FLAT, dem=unknown)
        np.testing.assert_allclose(out["image"], made, atol=1e-6)


def test_heights_that_would_be_left_behind_or_are_missing_are_told() -> None:
    effect = T.Stratified(p=1.0, height="dem")
    with pytest.raises(
        ValueError, match=r'Stratified\(height="dem"\): .*additional_targets=\{"dem": "mask"\}'
    ):
        A.Compose([effect])(image=FLAT, dem=np.zeros((64, 64)))
    with pytest.raises(ValueError, match="give dem= in each call"):
        with_heights(effect)(image=FLAT)
    with pytest.raises(ValueError, match=r"dem is \(32, 32\) px and the image \(64, 64\)"):
        with_heights(effect)(image=FLAT, dem=np.zeros((32, 32)))


def test_oblong_images_with_heights() -> None:
    heights = np.linspace(0, 500, 40 * 64).reshape(40, 64)
    out = with_heights(T.Stratified(p=1.0, height="dem"))(image=FLAT[:40], dem=heights)["image"]
    assert out.shape == (40, 64)
    assert abs(np.corrcoef(np.angle(out).ravel(), heights.ravel())[0, 1]) > 0.9999
