"""Random fields: do they obey the law they claim?"""

from __future__ import annotations

import pytest
import torch
from made_spectra import correlation, growth_exponent, seeded, slope_of_spectrum

from ssl_insar.synth.turbulence import (
    HANSSEN,
    PowerLaw,
    power_law_fields,
    smooth_fields,
    standardise,
    turbulence,
)


@pytest.mark.parametrize("exponent", [5 / 3, 8 / 3, 11 / 3])
def test_single_power_law_has_its_two_dimensional_slope(exponent: float) -> None:
    fields = power_law_fields(16, (256, 256), (100, 100), PowerLaw((exponent,)), generator=seeded())
    assert slope_of_spectrum(fields, 100, (400, 8000)) == pytest.approx(exponent, abs=0.1)


def test_hanssen_changes_its_slope_at_its_breaks() -> None:
    for spacing, band, exponent in (
        (300, (2200, 12e3), 8 / 3),
        (40, (320, 1200), 11 / 3),
        (10, (30, 190), 5 / 3),
    ):
        fields = power_law_fields(24, (256, 256), (spacing, spacing), generator=seeded())
        assert slope_of_spectrum(fields, spacing, band) == pytest.approx(exponent, abs=0.1)


@pytest.mark.parametrize("exponent", [8 / 3, 11 / 3])
def test_structure_function_grows_as_the_exponent_less_two(exponent: float) -> None:
    law = PowerLaw((exponent,), outer_scale=1e6)
    fields = power_law_fields(24, (256, 256), (100, 100), law, generator=seeded(4))
    assert growth_exponent(fields, [4, 6, 8, 12, 16]) == pytest.approx(exponent - 2, abs=0.15)


def test_smooth_fields_are_smooth() -> None:
    fields = smooth_fields(10, (64, 64), (100, 100), 1e4, generator=seeded())
    step = fields.diff(dim=-1)
    assert step.diff(dim=-1).square().mean() < 0.1 * step.square().mean()
    assert step.square().mean().sqrt() < 0.3
    wider = smooth_fields(10, (64, 64), (100, 100), 3e4, generator=seeded())
    assert wider.diff(dim=-1).square().mean() < 0.7 * step.square().mean()


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
    assert correlation(first, second) == pytest.approx(-0.5, abs=0.05)
    assert correlation(first, screens[2] - screens[0]) == pytest.approx(0.5, abs=0.05)


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


def test_standardise_leaves_a_constant_at_zero() -> None:
    assert standardise(torch.full((2, 4, 4), 3.0)).abs().max() == 0


def test_opposite_edges_are_not_correlated() -> None:
    """A short outer scale, so that what is left could only come from the FFT's period."""
    law = PowerLaw((11 / 3,), outer_scale=500)
    screens = power_law_fields(300, (48, 48), (100, 100), law, generator=seeded(6))
    assert abs(correlation(screens[..., 0], screens[..., -1])) < 0.1
    assert abs(correlation(screens[:, 0], screens[:, -1])) < 0.1
