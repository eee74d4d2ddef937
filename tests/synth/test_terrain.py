"""Slopes of planes."""

from __future__ import annotations

import pytest
import torch

from ssl_insar.synth.stratified import ground
from ssl_insar.synth.terrain import along, gradient, slope


def test_gradient_of_a_plane_in_east_and_north() -> None:
    east, north = ground((12, 9), (110.0, 70.0))
    plane = torch.stack([0.3 * east - 0.4 * north, 0 * east + 5])
    rise_east, rise_north = gradient(plane, (110.0, 70.0))
    expected = torch.tensor([0.3, 0.0], dtype=torch.float64)[:, None, None].expand_as(plane)
    torch.testing.assert_close(rise_east, expected)
    expected = torch.tensor([-0.4, 0.0], dtype=torch.float64)[:, None, None].expand_as(plane)
    torch.testing.assert_close(rise_north, expected)
    steep = slope(plane, (110.0, 70.0))
    assert float(steep[0].min()) == pytest.approx(0.5)
    assert float(steep[0].max()) == pytest.approx(0.5)
    assert float(steep[1].max()) == 0


@pytest.mark.parametrize(("azimuth", "expected"), [(0, 2.0), (90, 1.0), (180, -2.0), (270, -1.0)])
def test_along_an_azimuth(azimuth: float, expected: float) -> None:
    component = along(torch.tensor(1.0), torch.tensor(2.0), torch.tensor(float(azimuth)))
    assert float(component) == pytest.approx(expected, abs=1e-5)
