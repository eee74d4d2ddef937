from __future__ import annotations

import math

import pytest
import torch

from ssl_insar.synth.decorrelation import phase_noise
from ssl_insar.synth.detectability import (
    _cell,
    _screen,
    deformation_mask,
    gls_snr,
    phase_information,
    variance_ratio,
)
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


def clear(like: torch.Tensor) -> torch.Tensor:
    """Information of pixels without decorrelation."""
    return torch.full_like(like, 1e6)


def test_the_optimal_detector_on_simulated_noise_reaches_the_ratio() -> None:
    """The template that GLS lays on turbulence and decorrelation spreads as it is told to."""
    signal, count, rms = uplift(0.01), 600, 1.5
    information = torch.full((1, *SHAPE), 0.05)
    information[:, :, 60:] = 2.0
    information[:, 20:50, :30] = 0
    generator = torch.Generator().manual_seed(3)
    screens = turbulence(torch.full((count,), rms), SHAPE, SPACING, LAW, generator=generator).double()
    white = torch.randn((count, *SHAPE), generator=generator) / information.clamp_min(1e-3).sqrt()
    told = gls_snr(signal, torch.tensor([rms]), information, SPACING, LAW)

    screen, plane = _screen(SHAPE, SPACING, LAW)
    known = torch.nn.functional.avg_pool2d(information.double(), _cell(SHAPE), divisor_override=1).flatten()
    known = known.clamp_min(1e-6)

    def cells(field: torch.Tensor) -> torch.Tensor:
        weighted = torch.nn.functional.avg_pool2d(
            (field * information)[:, None].double(), _cell(SHAPE), divisor_override=1
        )
        return weighted.flatten(1) / known

    inverse = torch.linalg.inv(rms**2 * screen + torch.diag(1 / known))
    inverse = inverse - inverse @ plane @ torch.linalg.inv(plane.T @ inverse @ plane) @ plane.T @ inverse
    template = inverse @ cells(signal)[0]
    statistic = cells(screens + white) @ template
    assert float(cells(signal)[0] @ template) / float(statistic.std()) == pytest.approx(float(told), rel=0.08)


def test_it_grows_with_the_peak_falls_with_the_noise_and_ignores_planes() -> None:
    signal = uplift(0.02)
    one, sure = torch.tensor([1.0]), clear(signal)
    base = gls_snr(signal, one, sure, SPACING, LAW)
    torch.testing.assert_close(gls_snr(3 * signal, one, sure, SPACING, LAW), 3 * base)
    torch.testing.assert_close(gls_snr(signal, 2 * one, sure, SPACING, LAW), base / 2, rtol=1e-3, atol=0)
    east, north = ground(SHAPE, SPACING)
    tilted = signal + 1e-3 * east + 2e-3 * north + 5
    assert float(gls_snr(tilted, one, sure, SPACING, LAW)) == pytest.approx(float(base), rel=0.02)


def test_noise_hides_what_moves_and_data_elsewhere_does_not_help() -> None:
    signal, one = uplift(0.02, 2e3), torch.tensor([1.0])
    base = float(gls_snr(signal, one, clear(signal), SPACING, LAW))
    noisy = phase_information(torch.full_like(signal, 0.01), 10.0, torch.ones_like(signal, dtype=torch.bool))
    assert float(gls_snr(signal, one, noisy, SPACING, LAW)) < 0.7 * base
    assert float(gls_snr(signal, one, torch.zeros_like(signal), SPACING, LAW)) < 0.05 * base
    hidden = torch.where(deformation_mask(signal), 0.0, clear(signal))
    assert float(gls_snr(signal, one, hidden, SPACING, LAW)) < 0.8 * base


def test_information_is_the_inverse_variance_of_the_sampler() -> None:
    coherence = torch.full((200, 200), 0.9)
    noise = phase_noise(coherence, 20.0, generator=torch.Generator().manual_seed(0))
    told = phase_information(coherence, 20.0, torch.ones_like(coherence, dtype=torch.bool))
    assert float(noise.var()) == pytest.approx(1 / float(told[0, 0]), rel=0.08)


def test_a_batch_is_its_scenes() -> None:
    signal = torch.cat([uplift(0.02), torch.zeros(1, *SHAPE), uplift(0.05, 2e3)])
    rms = torch.tensor([0.5, 1.0, 2.0])
    information = torch.rand(signal.shape, generator=torch.Generator().manual_seed(0))
    both = gls_snr(signal, rms, information, SPACING, LAW)
    each = [
        gls_snr(signal[i : i + 1], rms[i : i + 1], information[i : i + 1], SPACING, LAW) for i in range(3)
    ]
    torch.testing.assert_close(both, torch.cat(each))
    assert float(both[1]) == 0


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
    assert float(gls_snr(still, torch.ones(1), clear(still), SPACING, LAW)) == 0
