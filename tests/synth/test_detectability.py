from __future__ import annotations

import math

import pytest
import torch

from ssl_insar.synth.decorrelation import phase_noise
from ssl_insar.synth.detectability import (
    Atmosphere,
    _cell,
    _plane,
    _screen,
    deformation_mask,
    gls_snr,
    phase_information,
    variance_ratio,
)
from ssl_insar.synth.exponential import exponential_fields
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


def air(rms: float | torch.Tensor, count: int = 1) -> Atmosphere:
    """Turbulence alone."""
    none = torch.zeros((count, 0))
    return Atmosphere(SPACING, LAW, torch.as_tensor(rms).expand(count), none, none)


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
    told = gls_snr(signal, air(rms), information)

    screen, plane = _screen(SHAPE, SPACING, LAW), _plane(SHAPE)
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
    sure = clear(signal)
    base = gls_snr(signal, air(1.0), sure)
    torch.testing.assert_close(gls_snr(3 * signal, air(1.0), sure), 3 * base)
    torch.testing.assert_close(gls_snr(signal, air(2.0), sure), base / 2, rtol=1e-3, atol=0)
    east, north = ground(SHAPE, SPACING)
    tilted = signal + 1e-3 * east + 2e-3 * north + 5
    assert float(gls_snr(tilted, air(1.0), sure)) == pytest.approx(float(base), rel=0.02)


def test_exponential_screens_count_by_their_own_covariance() -> None:
    signal, count = uplift(0.02), 500
    sigma, length = torch.tensor([[0.8, 0.6]]), torch.tensor([[2e3, 9e3]])
    atmosphere = Atmosphere(SPACING, LAW, torch.zeros(1), sigma, length)
    told = float(gls_snr(signal, atmosphere, clear(signal)))
    generator = torch.Generator().manual_seed(1)
    noise = sum(
        exponential_fields(
            torch.full((count,), float(s)),
            torch.full((count,), float(n)),
            SHAPE,
            SPACING,
            generator=generator,
        ).double()
        for s, n in zip(sigma[0], length[0], strict=True)
    )
    plane = _plane(SHAPE)
    inverse = torch.linalg.inv(atmosphere.between_cells(torch.tensor([0]), SHAPE)[0])
    inverse = inverse - inverse @ plane @ torch.linalg.inv(plane.T @ inverse @ plane) @ plane.T @ inverse

    def cells(field: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(field[:, None].double(), _cell(SHAPE)).flatten(1)

    template = inverse @ cells(signal)[0]
    statistic = cells(noise) @ template
    # Cells are taken as points, whose covariance at no distance is a little larger than that of means.
    assert float(cells(signal)[0] @ template) / float(statistic.std()) == pytest.approx(told, rel=0.15)


def test_noise_hides_what_moves_and_data_elsewhere_does_not_help() -> None:
    signal = uplift(0.02, 2e3)
    base = float(gls_snr(signal, air(1.0), clear(signal)))
    everywhere = torch.ones_like(signal, dtype=torch.bool)
    white = phase_information(torch.full_like(signal, 0.99), 10.0, everywhere, white=0.9)
    assert float(gls_snr(signal, air(0.1), white)) < 0.7 * float(gls_snr(signal, air(0.1), clear(signal)))
    lost = phase_information(torch.full_like(signal, 0.15), 10.0, everywhere)
    assert not lost.any(), "phase that goes round the circle says nothing"
    assert float(gls_snr(signal, air(1.0), lost)) < 0.05 * base
    hidden = torch.where(deformation_mask(signal), 0.0, clear(signal))
    assert float(gls_snr(signal, air(1.0), hidden)) < 0.8 * base


def test_information_is_the_inverse_variance_of_the_sampler() -> None:
    coherence = torch.full((200, 200), 0.9)
    noise = phase_noise(coherence, 20.0, generator=torch.Generator().manual_seed(0))
    told = phase_information(coherence, 20.0, torch.ones_like(coherence, dtype=torch.bool))
    assert float(noise.var()) == pytest.approx(1 / float(told[0, 0]), rel=0.08)


def test_a_batch_is_its_scenes() -> None:
    signal = torch.cat([uplift(0.02), torch.zeros(1, *SHAPE), uplift(0.05, 2e3)])
    rms = torch.tensor([0.5, 1.0, 2.0])
    information = torch.rand(signal.shape, generator=torch.Generator().manual_seed(0))
    both = gls_snr(signal, air(rms, 3), information)
    each = [gls_snr(signal[i : i + 1], air(rms[i]), information[i : i + 1]) for i in range(3)]
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
    assert float(gls_snr(still, air(1.0), clear(still))) == 0
