"""Polynomials and sinusoids."""

from __future__ import annotations

import math

import pytest
import torch
from made_spectra import seeded

from ssl_insar.synth.sinusoids import plane_waves, second_order, sinusoids
from ssl_insar.synth.stratified import ground

SHAPE, SPACING = (40, 56), (500.0, 300.0)


def test_waves_run_where_they_should_with_the_length_they_should_have() -> None:
    amplitude = torch.tensor([[1.0, 0.0], [2.0, 0.5]])
    wavelength = torch.tensor([[4000.0, 1.0], [9000.0, 3000.0]])
    azimuth = torch.tensor([[90.0, 0.0], [0.0, 30.0]])
    phase = torch.tensor([[0.3, 0.0], [-1.0, 2.0]])
    waves = sinusoids(amplitude, wavelength, azimuth, phase, SHAPE, SPACING)
    east, north = ground(SHAPE, SPACING)
    one = torch.cos(2 * math.pi * east / 4000 + 0.3)
    oblique = east * math.sin(math.pi / 6) + north * math.cos(math.pi / 6)
    two = 2 * torch.cos(2 * math.pi * north / 9000 - 1) + 0.5 * torch.cos(2 * math.pi * oblique / 3000 + 2)
    expected = torch.stack([one - one.mean(), two - two.mean()]).float()
    torch.testing.assert_close(waves, expected, rtol=0, atol=1e-5)


def test_plane_waves_take_wave_vectors_shared_or_a_field() -> None:
    generator = seeded()
    amplitude = torch.view_as_complex(torch.randn((2, 3, 2), generator=generator, dtype=torch.float64))
    frequency = torch.randn((3, 2), generator=generator, dtype=torch.float64) / 5000
    shared = plane_waves(amplitude, frequency, SHAPE, SPACING)
    own = plane_waves(amplitude, frequency.expand(2, 3, 2), SHAPE, SPACING)
    torch.testing.assert_close(shared, own)


def test_polynomial_has_its_coefficients() -> None:
    surface = second_order(
        torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 2.0, 0, 0], [0, 3.0, 0, 1.0, -2.0]]), (41, 41)
    )
    assert float(surface[0, 0, -1] - surface[0, 0, 0]) == pytest.approx(2, abs=1e-5)
    assert float(surface[1, 7, 0] - surface[1, 7, 20]) == pytest.approx(2, abs=1e-5)
    corner = surface[2, 0, -1] - surface[2, 20, 20]  # x = y = 1 less x = y = 0
    assert float(corner) == pytest.approx(3 + 1 - 2, abs=1e-5)
    torch.testing.assert_close(surface.mean((-2, -1)), torch.zeros(3), rtol=0, atol=1e-5)


def test_impossible_wavelengths_are_refused() -> None:
    one = torch.ones(1, 1)
    with pytest.raises(ValueError, match="positive"):
        sinusoids(one, 0 * one, one, one, SHAPE, SPACING)
