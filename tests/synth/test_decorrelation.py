"""Phase noise against the analytic density of multilooked phase."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln, hyp2f1

from ssl_insar.synth.decorrelation import gamma_samples, phase_noise

SAMPLES = 20_000


def density(phase: NDArray[np.float64], coherence: float, looks: float) -> NDArray[np.float64]:
    """Lee et al. (1994), also Hanssen (2001) equation 4.2.24."""
    beta = coherence * np.cos(phase)
    rest = (1 - coherence**2) ** looks
    ratio = math.exp(gammaln(looks + 0.5) - gammaln(looks))
    first = ratio * rest * beta / (2 * math.sqrt(math.pi) * (1 - beta**2) ** (looks + 0.5))
    return first + rest / (2 * math.pi) * hyp2f1(looks, 1, 0.5, beta**2)


def sample(coherence: float, looks: float, seed: int = 3, count: int = SAMPLES) -> NDArray[np.float64]:
    field = torch.full((count,), coherence, dtype=torch.float64)
    return phase_noise(field, looks, generator=torch.Generator().manual_seed(seed)).numpy()


@pytest.mark.parametrize("looks", [1, 2.5, 10, 100])
@pytest.mark.parametrize("coherence", [0.0, 0.3, 0.5, 0.7, 0.9])
def test_samples_follow_the_density(coherence: float, looks: float) -> None:
    grid = np.linspace(-np.pi, np.pi, 20_001)
    values = density(grid, coherence, looks)
    cumulative = np.concatenate([[0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(grid))])
    assert cumulative[-1] == pytest.approx(1, abs=1e-5)  # the density itself is right
    test = stats.kstest(sample(coherence, looks), lambda x: np.interp(x, grid, cumulative / cumulative[-1]))
    assert test.pvalue > 1e-3


@pytest.mark.parametrize(
    ("coherence", "looks", "deviation"),
    [
        (0.3, 1, 1.543),
        (0.5, 1, 1.336),
        (0.7, 1, 1.082),
        (0.9, 1, 0.692),
        (0.3, 10, 0.900),
        (0.5, 10, 0.473),
        (0.7, 10, 0.251),
        (0.9, 10, 0.115),
        (0.5, 100, 0.124),
    ],
)
def test_standard_deviations(coherence: float, looks: float, deviation: float) -> None:
    assert sample(coherence, looks, count=200_000).std() == pytest.approx(deviation, rel=0.01)


def test_the_extremes() -> None:
    assert np.abs(sample(1.0, 5)).max() < 1e-6
    assert stats.kstest(sample(0.0, 20), stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


def test_a_field_of_coherence_is_used_pixel_by_pixel() -> None:
    coherence = torch.tensor([0.1, 0.95]).repeat_interleave(5000).reshape(100, 100)
    noise = phase_noise(coherence, 10, generator=torch.Generator().manual_seed(0))
    assert noise.shape == (100, 100)
    assert noise.dtype == torch.float32
    assert noise[:50].std() > 10 * noise[50:].std()


@pytest.mark.parametrize("parameter", [1.0, 1.7, 8.0, 50.0])
def test_gamma_samples(parameter: float) -> None:
    like = torch.empty(SAMPLES, dtype=torch.float64)
    drawn = gamma_samples(like, parameter, generator=torch.Generator().manual_seed(5)).numpy()
    assert stats.kstest(drawn, stats.gamma(parameter).cdf).pvalue > 1e-3
    assert drawn.min() > 0


def test_reproducible_and_apart_from_the_global_state() -> None:
    torch.manual_seed(1)
    first = sample(0.5, 3)
    torch.manual_seed(2)
    np.testing.assert_array_equal(first, sample(0.5, 3))
    assert not np.array_equal(first, sample(0.5, 3, seed=4))


@pytest.mark.parametrize("looks", [0.5, 0, -1, float("nan")])
def test_less_than_one_look_is_refused(looks: float) -> None:
    with pytest.raises(ValueError, match="one look"):
        phase_noise(torch.ones(3), looks)
