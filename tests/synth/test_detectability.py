from __future__ import annotations

import math

import pytest
import torch

from ssl_insar.synth.detectability import _cell, _modes, deformation_mask, gls_snr, variance_ratio
from ssl_insar.synth.sources import mogi
from ssl_insar.synth.stratified import ground
from ssl_insar.synth.turbulence import PowerLaw, turbulence

SHAPE, SPACING = (96, 112), (260.0, 224.0)
LAW = PowerLaw((8 / 3, 11 / 3), (1500.0,))


def uplift(peak: float, depth: float = 4e3) -> torch.Tensor:
    """Phase of an inflating point source, rad."""
    east, north = ground(SHAPE, SPACING)
    up = mogi(east, north, east=1e3, north=-2e3, depth=depth, volume_change=1e6)[0, ..., 2]
    return (up / up.max() * peak * 4 * math.pi / 0.0555)[None]


def test_the_optimal_detector_on_simulated_screens_reaches_the_ratio() -> None:
    """The template that GLS would use, laid on screens without signal, has a spread of one."""
    signal = uplift(0.01)
    screens = turbulence(
        torch.full((400,), 1.5), SHAPE, SPACING, LAW, generator=torch.Generator().manual_seed(3)
    )
    told = gls_snr(signal, torch.tensor([1.5]), SPACING, LAW, white=0.0)
    basis, variances = _modes(SHAPE, SPACING, LAW)

    def amplitudes(field: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(field.double()[:, None], _cell(SHAPE)).flatten(1) @ basis

    weights = amplitudes(signal) / (1.5**2 * variances)
    statistic = (amplitudes(screens) * weights).sum(1)
    mean = float((amplitudes(signal) * weights).sum())
    assert mean / float(statistic.std()) == pytest.approx(float(told), rel=0.1)


def test_it_grows_with_the_peak_falls_with_the_noise_and_ignores_planes() -> None:
    signal = uplift(0.02)
    one = torch.tensor([1.0])
    base = gls_snr(signal, one, SPACING, LAW, white=0.0)
    torch.testing.assert_close(gls_snr(3 * signal, one, SPACING, LAW, white=0.0), 3 * base)
    torch.testing.assert_close(gls_snr(signal, 2 * one, SPACING, LAW, white=0.0), base / 2)
    east, north = ground(SHAPE, SPACING)
    tilted = signal + 1e-3 * east + 2e-3 * north + 5
    assert float(gls_snr(tilted, one, SPACING, LAW, white=0.0)) == pytest.approx(float(base), rel=0.02)
    assert float(gls_snr(signal, one, SPACING, LAW, white=0.5)) < float(base)


def test_a_batch_is_its_scenes() -> None:
    signal = torch.cat([uplift(0.02), uplift(0.05, 2e3)])
    rms = torch.tensor([0.5, 2.0])
    both = gls_snr(signal, rms, SPACING, LAW)
    each = [gls_snr(signal[i : i + 1], rms[i : i + 1], SPACING, LAW) for i in range(2)]
    torch.testing.assert_close(both, torch.cat(each))


def test_the_variance_ratio_is_taken_inside_the_mask() -> None:
    signal = uplift(0.02)
    mask = deformation_mask(signal)
    assert 0.01 < mask.float().mean() < 0.5
    noise = 2 * signal * mask + 100 * ~mask
    assert float(variance_ratio(signal, noise, mask)) == pytest.approx(0.25)


def test_nothing_deforms() -> None:
    still = torch.zeros(1, *SHAPE)
    assert not deformation_mask(still).any()
    assert torch.isnan(variance_ratio(still, still, deformation_mask(still))).all()
    assert float(gls_snr(still, torch.ones(1), SPACING, LAW)) == 0
