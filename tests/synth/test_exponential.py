"""Fields with exponential covariance against the theory."""

from __future__ import annotations

import math

import pytest
import torch
from made_spectra import correlation, seeded

from ssl_insar.synth.exponential import _eigenvalues, exponential_fields


def measured(fields: torch.Tensor, down: int, right: int) -> float:
    """Covariance at a lag; the process has mean 0."""
    height, width = fields.shape[-2:]
    return float((fields[:, down:, right:] * fields[:, : height - down, : width - right]).mean())


@pytest.mark.parametrize("length", [150.0, 600.0, 2000.0])
@pytest.mark.parametrize("spacing", [(100.0, 100.0), (110.0, 70.0)])
def test_covariance_is_exponential_in_every_direction(length: float, spacing: tuple[float, float]) -> None:
    count = 8000  # where L exceeds the field, a field is little more than one sample
    fields = exponential_fields(
        torch.full((count,), 2.0), torch.full((count,), length), (12, 16), spacing, generator=seeded()
    )
    for down, right in ((0, 0), (1, 0), (0, 1), (3, 3), (0, 8), (8, 0), (6, 10)):
        theory = math.exp(-math.hypot(down * spacing[0], right * spacing[1]) / length)
        assert measured(fields, down, right) / 4 == pytest.approx(theory, abs=0.04)


def test_each_field_has_its_own_length_and_rms() -> None:
    length = torch.tensor([200.0, 1000.0]).repeat(6000)
    rms = torch.tensor([1.0, 1.0, 0.1, 5.0]).repeat(3000)
    fields = exponential_fields(rms, length, (12, 12), (100, 100), generator=seeded(1))
    for index in range(4):
        own = fields[index::4]
        variance = float(rms[index]) ** 2
        assert measured(own, 0, 0) / variance == pytest.approx(1, abs=0.05)
        assert measured(own, 4, 0) / variance == pytest.approx(
            math.exp(-400 / float(length[index])), abs=0.05
        )


def test_opposite_edges_are_not_correlated() -> None:
    fields = exponential_fields(
        torch.ones(400), torch.full((400,), 500.0), (48, 48), (100, 100), generator=seeded()
    )
    assert abs(correlation(fields[..., 0], fields[..., -1])) < 0.04
    assert abs(correlation(fields[:, 0], fields[:, -1])) < 0.04


@pytest.mark.parametrize("length", [300.0, 2e3, 1e4, 1e5, 1e7])
@pytest.mark.parametrize("spacing", [(100.0, 100.0), (100.0, 40.0)])
def test_differences_between_pixels_are_exact_along_axes_and_diagonals(
    length: float, spacing: tuple[float, float]
) -> None:
    """However long L is: what a torus cannot hold leaves streaks, which show in the axes first."""
    count = 3000
    fields = exponential_fields(
        torch.ones(count), torch.full((count,), length), (24, 32), spacing, generator=seeded(4)
    )
    for down, right in ((1, 0), (0, 1), (7, 7), (12, 0), (0, 16), (20, 28)):
        moved = fields[:, down:, right:] - fields[:, : 24 - down, : 32 - right]
        distance = math.hypot(down * spacing[0], right * spacing[1])
        assert float(moved.square().mean()) == pytest.approx(-2 * math.expm1(-distance / length), rel=0.08)


def test_the_embedded_covariance_has_no_negative_eigenvalues() -> None:
    length = torch.logspace(1, 7, 61, dtype=torch.float64)
    for shape in ((96, 96), (20, 200), (31, 64)):
        for spacing in ((100.0, 100.0), (100.0, 30.0)):
            reach = math.hypot(shape[0] * spacing[0], shape[1] * spacing[1])
            left = torch.exp(-reach / length)
            curvature, constant = left / (2 * length * reach), left * (1 + reach / (2 * length))
            _, eigenvalues = _eigenvalues(length, curvature, constant, reach, spacing)
            assert float(eigenvalues.min()) > -1e-9


def test_reproducible_from_the_generator() -> None:
    one, two, other = (
        exponential_fields(torch.ones(3), torch.full((3,), 1e3), (20, 24), (100, 100), generator=seeded(s))
        for s in (1, 1, 2)
    )
    assert one.shape == (3, 20, 24)
    assert one.dtype == torch.float32
    assert torch.equal(one, two)
    assert not torch.allclose(one, other)
    assert not torch.allclose(one[0], one[1])


@pytest.mark.parametrize("length", [0.0, -5.0, float("nan")])
def test_impossible_lengths_are_refused(length: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        exponential_fields(torch.ones(1), torch.tensor([length]), (8, 8), (100, 100))
