"""Ionospheric phase: its constants, its sign and its spectrum."""

from __future__ import annotations

import pytest
import torch
from made_spectra import seeded, slope_of_spectrum

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.synth.ionosphere import ionospheric_phase, phase_per_tecu

C = WAVELENGTHS["C"]


@pytest.mark.parametrize(("band", "radians"), [("C", 3.126), ("L", 13.44)])
def test_phase_of_one_tecu(band: str, radians: float) -> None:
    assert phase_per_tecu(WAVELENGTHS[band]) == pytest.approx(radians, rel=5e-4)


def test_more_electrons_later_look_like_motion_toward_the_satellite() -> None:
    zero = torch.zeros(2)
    phase = ionospheric_phase(
        torch.tensor([0.2, 0.0]), torch.tensor([0.0, 0.1]), zero, (20, 30), (100, 100), C
    )
    torch.testing.assert_close(
        phase[0, :, -1] - phase[0, :, 0], torch.full((20,), -0.2 * 3.12612), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        phase[1, 0] - phase[1, -1], torch.full((30,), -0.1 * 3.12612), rtol=1e-4, atol=0
    )


def screens(
    rms: torch.Tensor, shape: tuple[int, int], step: float, seed: int = 0, **more: object
) -> torch.Tensor:
    zero = torch.zeros(len(rms))
    return ionospheric_phase(zero, zero, rms, shape, (step, step), C, generator=seeded(seed), **more)  # type: ignore[arg-type]


def test_each_screen_has_its_own_rms() -> None:
    rms = torch.tensor([0.0, 0.1, 0.3])
    phase = screens(rms, (60, 50), 100)
    assert phase.dtype == torch.float32
    torch.testing.assert_close(phase.square().mean((-2, -1)).sqrt(), rms * 3.12612, rtol=1e-3, atol=0)
    assert phase.mean((-2, -1)).abs().max() < 1e-4


def test_spectrum_has_its_exponent_and_ends_at_the_shortest_wavelength() -> None:
    wide = screens(torch.ones(16), (192, 192), 10e3)
    assert slope_of_spectrum(wide, 10e3, (55e3, 160e3)) == pytest.approx(11 / 3, abs=0.1)
    window = torch.hann_window(192)
    power = torch.fft.fft2(wide * window[:, None] * window).abs().square().mean(0)
    f = torch.fft.fftfreq(192, 10e3)
    radial = torch.hypot(f[:, None], f[None, :])
    below, above = (
        power[(radial > low) & (radial < high)].mean() for low, high in ((1 / 40e3, 1), (1 / 60e3, 1 / 55e3))
    )
    assert below < 1e-3 * above


def test_a_patch_is_smooth() -> None:
    patch = screens(torch.ones(8), (224, 224), 100)
    assert patch.diff(dim=-1).abs().max() < 0.2


def test_streaks_run_along_their_azimuth_each_screen_its_own() -> None:
    azimuth = torch.tensor([0.0, 90.0]).repeat(10)
    elongation = torch.tensor([8.0, 8.0]).repeat(10)
    phase = screens(torch.ones(20), (64, 64), 10e3, elongation=elongation, azimuth=azimuth)
    down, right = phase.diff(dim=-2).square().mean((-2, -1)), phase.diff(dim=-1).square().mean((-2, -1))
    ratio = right / down  # change across streaks that run north to south, then west to east
    assert (ratio[::2] > 5).all()
    assert (ratio[1::2] < 0.2).all()
    plain = screens(torch.ones(20), (64, 64), 10e3)
    down, right = plain.diff(dim=-2).square().mean(), plain.diff(dim=-1).square().mean()
    assert float(right / down) == pytest.approx(1, abs=0.3)


def test_reproducible_from_the_generator() -> None:
    one, two, other = (screens(torch.ones(2), (16, 16), 1000, seed) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.allclose(one, other)
    assert not torch.allclose(one[0], one[1])


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="wavelength"):
        phase_per_tecu(0.0)
    with pytest.raises(ValueError, match="shortest"):
        screens(torch.ones(1), (8, 8), 100, shortest=0.0)
    with pytest.raises(ValueError, match="elongation"):
        screens(torch.ones(1), (8, 8), 100, elongation=0.5)
