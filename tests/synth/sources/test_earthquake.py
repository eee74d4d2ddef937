"""Sizes of earthquakes, and the displacement that follows from them."""

from __future__ import annotations

import math

import pytest
import torch

from ssl_insar.geometry import line_of_sight
from ssl_insar.synth.sources import earthquake_size, okada


def test_moment_is_that_of_the_magnitude() -> None:
    magnitude = torch.tensor([4.8, 6.0, 7.0])
    length, width, slip = earthquake_size(magnitude)
    moment = torch.log10(3e10 * length * width * slip)
    torch.testing.assert_close(moment, 1.5 * magnitude.double() + 9.05)


def test_magnitude_6() -> None:
    length, width, slip = (float(value) for value in earthquake_size(6.0))
    assert length == pytest.approx(10**1.1 * 1e3)
    assert width == pytest.approx(10**0.91 * 1e3)
    assert 0.2 < slip < 0.5


@pytest.mark.parametrize(("magnitude", "peak"), [(5.0, 0.008), (5.5, 0.038), (6.0, 0.127)])
def test_peak_of_a_normal_fault(magnitude: float, peak: float) -> None:
    """Strike 30, dip 60, centre at 5 km, seen ascending."""
    length, width, slip = earthquake_size(magnitude)
    side = torch.linspace(-2e4, 2e4, 161, dtype=torch.float64)
    x, y = torch.meshgrid(side, side, indexing="ij")
    fault = {"depth": 5e3, "strike": 30.0, "dip": 60.0, "rake": -90.0}
    moved = okada(x, y, east=0.0, north=0.0, **fault, length=length, width=width, slip=slip)[0]
    toward = moved @ torch.tensor(line_of_sight(-10.0, 39.0))
    digit = 10 ** (math.floor(math.log10(peak)) - (1 if peak >= 0.01 else 0))
    assert toward.abs().max().item() == pytest.approx(peak, abs=1.01 * digit)
