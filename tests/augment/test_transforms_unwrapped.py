"""The albumentations transforms of unwrapped phase."""

from __future__ import annotations

import json
from typing import Any

import albumentations as A
import numpy as np
import pytest

from ssl_insar import phase as ph
from ssl_insar.augment import transforms as T
from ssl_insar.augment.unwrapped import BAND_CHANGES


@pytest.fixture
def unwrapped() -> np.ndarray:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    phase = (40 * np.exp(-3 * (x**2 + y**2))).astype(np.float32)
    phase[:9, :20] = np.nan
    return phase


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_phase_is_multiplied_and_no_data_stays(unwrapped: np.ndarray, dtype: type) -> None:
    given = unwrapped.astype(dtype)
    out = T.RealFactor(p=1.0, wavelength=0, factors=(1.3, 1.3))(image=given)["image"]
    assert out.dtype == dtype
    np.testing.assert_allclose(out, 1.3 * given, rtol=1e-6)
    assert np.isnan(out[:9, :20]).all()
    assert T.RealFactor(p=0.0)(image=given)["image"] is given


def test_wavelengths_are_those_of_the_bands(unwrapped: np.ndarray) -> None:
    compose = A.Compose([T.RealFactor(p=1.0, wavelength=1)], seed=0)
    factors = {
        round(float(compose(image=unwrapped)["image"][32, 32] / unwrapped[32, 32]), 4) for _ in range(20)
    }
    assert sorted(factors) == pytest.approx(BAND_CHANGES, abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 5000.0])
def test_what_would_alias_is_left_alone(unwrapped: np.ndarray, level: float) -> None:
    """Whatever the phase of the reference: 5000 rad are more cycles than the archive's codec holds."""
    steep = (np.arange(64, dtype=np.float64) * 2.9 + level) * np.ones((64, 1))
    mild = (np.arange(64, dtype=np.float64) * 0.1 + level) * np.ones((64, 1))
    effect = T.RealFactor(p=1.0, wavelength=0, factors=(1.5, 1.5))
    np.testing.assert_array_equal(effect(image=steep)["image"], steep)
    np.testing.assert_allclose(effect(image=mild)["image"], 1.5 * mild)


@pytest.mark.parametrize("pairs", [True, False])
def test_wrap_makes_the_phasor(unwrapped: np.ndarray, pairs: bool) -> None:
    out = T.Wrap(pairs=pairs)(image=unwrapped)["image"]
    z = ph.phasor(unwrapped)
    np.testing.assert_array_equal(out, np.stack([z.real, z.imag], -1) if pairs else z)
    assert out.flags.c_contiguous


def test_a_chain_of_both_kinds(unwrapped: np.ndarray) -> None:
    chain = [T.RealFactor(p=1.0), T.Wrap(), A.HorizontalFlip(p=1.0), T.Offset(), T.Elastic(p=1.0)]
    compose = T.PhaseSafe(chain, seed=1)
    mask = np.isfinite(unwrapped)
    out = compose(image=unwrapped, mask=mask)
    assert out["image"].shape == (64, 64, 2)
    length = np.hypot(*np.moveaxis(out["image"], -1, 0))
    assert ((length > 0) == out["mask"]).mean() > 0.97
    again: Any = A.from_dict(json.loads(json.dumps(A.to_dict(compose))))
    again.set_random_seed(1)
    np.testing.assert_array_equal(
        again(image=unwrapped)["image"], T.PhaseSafe(chain, seed=1)(image=unwrapped)["image"]
    )


@pytest.mark.parametrize("effect", [T.RealFactor(p=1.0), T.Wrap()], ids=["RealFactor", "Wrap"])
def test_phasors_and_pictures_are_refused(effect: A.BasicTransform) -> None:
    for wrong in (np.ones((8, 8, 2), np.float32), np.ones((8, 8), np.complex64), np.ones((8, 8), np.uint8)):
        with pytest.raises(ValueError, match=r"must be unwrapped phase, \(H, W\) float32 or float64"):
            effect(image=wrong)
    with pytest.raises(ValueError, match=r"must be a phasor"):
        T.Offset()(image=np.ones((8, 8), np.float32))
