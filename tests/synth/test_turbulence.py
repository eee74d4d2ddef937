"""Random fields: do they obey the law they claim?"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from ssl_insar.synth.turbulence import (
    HANSSEN,
    PowerLaw,
    log_uniform,
    power_law_fields,
    profile_exponent,
    standardise,
    turbulence,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slope_of_spectrum(fields: torch.Tensor, spacing: float, band: tuple[float, float]) -> float:
    """Exponent fitted to the radially averaged 2-D periodogram between two wavelengths, m."""
    side = fields.shape[-1]
    window = torch.hann_window(side, periodic=False, dtype=torch.float64)
    tapered = (fields.double() - fields.double().mean((-2, -1), keepdim=True)) * window[:, None] * window
    power = torch.fft.fft2(tapered).abs().square().mean(0)
    f = torch.fft.fftfreq(side, spacing, dtype=torch.float64)
    radial = torch.hypot(f[:, None], f[None, :])
    edges = torch.logspace(math.log10(1 / band[1]), math.log10(1 / band[0]), 13, dtype=torch.float64)
    x, y = [], []
    for low, high in itertools.pairwise(edges):
        ring = (radial >= low) & (radial < high)
        x.append(math.log(float(radial[ring].mean())))
        y.append(math.log(float(power[ring].mean())))
    return -float(np.polyfit(x, y, 1)[0])


@pytest.mark.parametrize("exponent", [5 / 3, 8 / 3, 11 / 3])
def test_single_power_law_has_its_two_dimensional_slope(exponent: float) -> None:
    fields = power_law_fields(16, (256, 256), (100, 100), PowerLaw((exponent,)), generator=seeded())
    assert slope_of_spectrum(fields, 100, (400, 8000)) == pytest.approx(exponent, abs=0.1)


def test_hanssen_changes_its_slope_at_its_breaks() -> None:
    coarse = power_law_fields(16, (256, 256), (300, 300), generator=seeded())
    assert slope_of_spectrum(coarse, 300, (2200, 12e3)) == pytest.approx(8 / 3, abs=0.15)
    middle = power_law_fields(16, (256, 256), (60, 60), generator=seeded())
    assert slope_of_spectrum(middle, 60, (320, 1200)) == pytest.approx(11 / 3, abs=0.15)
    fine = power_law_fields(16, (256, 256), (10, 10), generator=seeded())
    assert slope_of_spectrum(fine, 10, (30, 190)) == pytest.approx(5 / 3, abs=0.15)
    assert [round(3 * profile_exponent(HANSSEN, w)) for w in (5000, 500, 100)] == [5, 8, 2]


@pytest.mark.parametrize("exponent", [8 / 3, 11 / 3])
def test_structure_function_grows_as_the_exponent_less_two(exponent: float) -> None:
    law = PowerLaw((exponent,), outer_scale=1e6)
    fields = power_law_fields(24, (256, 256), (100, 100), law, generator=seeded(4))
    lags = np.array([4, 6, 8, 12, 16])
    growth = [(fields[..., lag:] - fields[..., :-lag]).square().mean().item() for lag in lags]
    fitted = np.polyfit(np.log(lags), np.log(growth), 1)[0]
    assert fitted == pytest.approx(exponent - 2, abs=0.15)


def test_rms_is_as_asked_and_mean_is_zero() -> None:
    rms = torch.tensor([0.2, 1.0, 3.0])
    screens = turbulence(rms, (100, 120), (110, 90), generator=seeded())
    assert screens.shape == (3, 100, 120)
    torch.testing.assert_close(screens.square().mean((-2, -1)).sqrt(), rms, rtol=1e-4, atol=0)
    torch.testing.assert_close(screens.mean((-2, -1)), torch.zeros(3), rtol=0, atol=1e-4)


def test_opposite_edges_do_not_match() -> None:
    """A field straight from an FFT would continue over its edge."""
    fields = power_law_fields(20, (128, 128), (100, 100), PowerLaw((11 / 3,)), generator=seeded())
    neighbours = (fields[..., 1] - fields[..., 0]).square().mean()
    edges = (fields[..., -1] - fields[..., 0]).square().mean()
    assert edges > 100 * neighbours


def test_isotropic_on_the_ground_when_pixels_are_not_square() -> None:
    fields = power_law_fields(30, (128, 256), (100, 50), generator=seeded())
    down = (fields[:, 10:, :] - fields[:, :-10, :]).square().mean()
    right = (fields[..., 20:] - fields[..., :-20]).square().mean()
    assert float(down / right) == pytest.approx(1, abs=0.15)


def test_fields_are_independent_also_the_two_of_one_transform() -> None:
    fields = power_law_fields(200, (16, 16), (100, 100), PowerLaw((5 / 3,)), generator=seeded())
    product = (fields[:100] * fields[100:]).mean((-2, -1))  # real against imaginary parts
    assert abs(float(product.mean())) < 4 * float(product.std()) / 10


def test_interferograms_that_share_an_acquisition_correlate() -> None:
    screens = turbulence(torch.ones(300), (24, 24), (100, 100), generator=seeded()).reshape(3, 100, 24, 24)
    first, second = screens[1] - screens[0], screens[2] - screens[1]
    correlation = (first * second).mean() / (first.square().mean() * second.square().mean()).sqrt()
    assert float(correlation) == pytest.approx(-0.5, abs=0.05)


def test_reproducible_from_the_generator() -> None:
    one, two, other = (power_law_fields(3, (20, 20), (1, 1), generator=seeded(s)) for s in (1, 1, 2))
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert not torch.allclose(one, other)


def test_odd_counts_and_double_precision() -> None:
    fields = power_law_fields(5, (17, 31), (1, 1), generator=seeded(), dtype=torch.float64)
    assert fields.shape == (5, 17, 31)
    assert fields.dtype == torch.float64


def test_a_spectrum_is_continuous_at_its_breaks() -> None:
    for edge in HANSSEN.breaks:
        around = HANSSEN.density(torch.tensor([1 / edge * 0.9999, 1 / edge * 1.0001], dtype=torch.float64))
        assert float(around[0] / around[1]) == pytest.approx(1, abs=2e-3)
    assert HANSSEN.density(torch.zeros(1)).item() == 0


@pytest.mark.parametrize(("exponents", "breaks"), [((2.0, 3.0), ()), ((1.0, 2.0, 3.0), (100.0, 1000.0))])
def test_impossible_laws_are_refused(exponents: tuple[float, ...], breaks: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="breaks"):
        PowerLaw(exponents, breaks)


def test_log_uniform_is_uniform_in_the_logarithm() -> None:
    drawn = log_uniform(0.2, 2.0, (20_000,), seeded())
    assert drawn.min() >= 0.2
    assert drawn.max() <= 2.0
    assert float((drawn < 0.2 * 10**0.5).double().mean()) == pytest.approx(0.5, abs=0.02)


def test_standardise_leaves_a_constant_at_zero() -> None:
    assert standardise(torch.full((2, 4, 4), 3.0)).abs().max() == 0
