"""Composition: exact where nothing is random, incoherent where fringes are too dense, honest no-data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from ssl_insar import phase as ph
from ssl_insar.geometry import WAVELENGTHS, displacement_to_phase
from ssl_insar.synth.filtering import adaptive_filter
from ssl_insar.synth.scene import aliased, compose
from ssl_insar.synth.stratified import ground, stratified_delay

C_BAND = WAVELENGTHS["C"]
SIDE = 64


def parts(**changed: Any) -> dict[str, Any]:
    """A still, silent and perfectly coherent scene, with changes."""
    empty = torch.zeros((2, SIDE, SIDE))
    silent: dict[str, Any] = {
        "displacement": empty.double(),
        "components": {},
        "coherence": torch.ones_like(empty),
        "valid": torch.ones_like(empty, dtype=torch.bool),
        "wavelength": C_BAND,
        "looks": 10,
        "filter_exponent": None,
        "generator": torch.Generator().manual_seed(0),
    }
    return silent | changed


def smooth(seed: int) -> torch.Tensor:
    rows, cols = np.mgrid[:SIDE, :SIDE] / SIDE
    return torch.tensor(np.stack([seed * rows**2 + cols, 3 * rows * cols - seed]), dtype=torch.float32)


def test_parts_add_up_to_the_wrapped_phase() -> None:
    displacement = 0.03 * smooth(1).double()
    scene = compose(
        **parts(displacement=displacement, components={"turbulence": smooth(2), "ramp": smooth(5)})
    )
    expected = displacement_to_phase(displacement.numpy(), C_BAND) + (smooth(2) + smooth(5)).numpy()
    np.testing.assert_allclose(scene.phasor.numpy(), ph.phasor(expected), atol=1e-5)
    np.testing.assert_allclose(scene.unwrapped.numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(scene.phasor.numpy(), ph.phasor(scene.phase.numpy()), atol=1e-6)
    assert scene.valid.all()
    # Positive phase is motion away from the satellite.
    away = compose(**parts(displacement=torch.full((2, SIDE, SIDE), -0.001, dtype=torch.float64)))
    assert (away.phase > 0).all()


def test_rewrapping_multiplies_the_unwrapped_phase_noise_and_all() -> None:
    displacement = 0.03 * smooth(1).double()
    seeded = {"coherence": torch.full((2, SIDE, SIDE), 0.9)}
    one, three = (
        compose(
            **parts(displacement=displacement, components={"turbulence": smooth(2)}, rewrap=factor, **seeded)
            | {"generator": torch.Generator().manual_seed(1)}
        )
        for factor in (1.0, torch.tensor([3.0, 2.0]))
    )
    times = torch.tensor([3.0, 2.0])[:, None, None]
    torch.testing.assert_close(
        three.phasor, torch.polar(torch.ones_like(times), times * one.unwrapped), atol=2e-4, rtol=0
    )


def test_no_data_is_zero_with_and_without_filter() -> None:
    valid = torch.ones((2, SIDE, SIDE), dtype=torch.bool)
    valid[:, :20] = False
    for exponent in (None, 2.0):
        ramp = {"ramp": torch.full((2, SIDE, SIDE), 2.0)}
        scene = compose(**parts(valid=valid, components=ramp, filter_exponent=exponent))
        assert torch.equal(scene.valid, valid)
        torch.testing.assert_close(scene.phase[valid], torch.full_like(scene.phase[valid], 2.0))


def test_coherence_decides_the_noise() -> None:
    coherence = torch.ones((2, SIDE, SIDE))
    coherence[..., :32] = 0
    phase = compose(**parts(coherence=coherence)).phase
    assert phase[..., 32:].abs().max() < 1e-5
    assert phase[..., :32].std() == pytest.approx(math.pi / math.sqrt(3), rel=0.05)


def test_fringes_too_dense_are_noise_not_moire() -> None:
    steps = torch.full((SIDE,), 0.4 * C_BAND / 4)
    steps[32:] = 1.1 * C_BAND / 4
    profile = torch.cumsum(steps.double(), 0)
    dense = compose(**parts(displacement=profile.expand(2, SIDE, SIDE).clone()))
    assert (dense.coherence[..., 33:] == 0).all()
    assert (dense.coherence[..., :31] == 1).all()
    local = ph.local_coherence(dense.phasor[0].numpy())
    assert local[:, 36:60].mean() < 0.25


@pytest.mark.parametrize("axis", [-1, -2])
def test_aliased_marks_both_sides_of_a_jump(axis: int) -> None:
    field = torch.zeros((9, 9), dtype=torch.float64)
    field.narrow(axis, 4, 5).fill_(0.26 * C_BAND)
    expected = torch.zeros((9, 9), dtype=torch.bool)
    expected.narrow(axis, 3, 2).fill_(True)
    assert torch.equal(aliased(field, C_BAND), expected)
    assert not aliased(field * 0.9, C_BAND).any()


class TestFilter:
    def test_a_coherent_ramp_passes_and_its_noise_is_lowered(self) -> None:
        generator = torch.Generator().manual_seed(1)
        _, cols = np.mgrid[:SIDE, :SIDE]
        truth = torch.tensor(0.3 * cols, dtype=torch.float32)
        noise = 0.3 * torch.randn((SIDE, SIDE), generator=generator)
        z = torch.polar(torch.ones_like(noise), truth + noise)
        inner = np.s_[8:-8, 8:-8]
        before = torch.angle(z * torch.polar(torch.ones_like(truth), -truth))[inner]
        after = torch.angle(adaptive_filter(z) * torch.polar(torch.ones_like(truth), -truth))[inner]
        assert after.std() < 0.5 * before.std()
        assert abs(float(after.mean())) < 0.02

    def test_noise_is_left_alone(self) -> None:
        noise = 2 * math.pi * torch.rand((SIDE, SIDE), generator=torch.Generator().manual_seed(1))
        z = torch.polar(torch.ones_like(noise), noise)
        kept = (adaptive_filter(z) * z.conj()).mean().abs()
        assert kept > 0.95

    def test_no_data_stays_and_does_not_bleed(self) -> None:
        z = torch.polar(torch.ones((SIDE, SIDE)), torch.full((SIDE, SIDE), 1.0))
        z[:, 30:] = 0
        filtered = adaptive_filter(z)
        assert (filtered[:, 30:] == 0).all()
        torch.testing.assert_close(filtered[:, :30], z[:, :30])

    def test_edges_do_not_wrap_round(self) -> None:
        phase = torch.zeros((SIDE, SIDE))
        phase[:, SIDE // 2 :] = 2.0
        filtered = torch.angle(adaptive_filter(torch.polar(torch.ones_like(phase), phase)))
        torch.testing.assert_close(filtered[:, :5], phase[:, :5], atol=1e-5, rtol=0)
        torch.testing.assert_close(filtered[:, -5:], phase[:, -5:], atol=1e-5, rtol=0)


class TestStratified:
    def test_linear_in_height_and_relative_to_the_mean(self) -> None:
        height = torch.tensor([[0.0, 1000.0], [2000.0, 3000.0]])
        delay = stratified_delay(height, torch.tensor([2.0, -1.0]))
        torch.testing.assert_close(delay[0], torch.tensor([[-3.0, -1.0], [1.0, 3.0]]))
        torch.testing.assert_close(delay[1], -delay[0] / 2)

    def test_rows_run_from_north_to_south(self) -> None:
        east, north = ground((3, 5), (100, 50))
        assert north[0, 0] == 100
        assert north[2, 0] == -100
        assert east[0].tolist() == [-100, -50, 0, 50, 100]
