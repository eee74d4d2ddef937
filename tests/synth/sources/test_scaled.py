"""Scaling to a peak along the line of sight."""

from __future__ import annotations

import pytest
import torch

from ssl_insar.geometry import line_of_sight
from ssl_insar.synth.sources import line_of_sight_scaled, mogi

LOS = torch.tensor(line_of_sight([-10.0, 190.0], 39.0))


def displaced(volume: torch.Tensor) -> torch.Tensor:
    x, y = torch.meshgrid(torch.arange(-5.0, 6) * 1e3, torch.arange(-4.0, 5) * 1e3, indexing="ij")
    return mogi(x, y, east=200.0, north=0.0, depth=3e3, volume_change=volume)


def test_peak_is_as_asked_and_the_sign_is_kept() -> None:
    peak = torch.tensor([0.05, 0.2], dtype=torch.float64)
    got, _ = line_of_sight_scaled(displaced(torch.tensor([1e6, -1e3])), LOS, peak)
    assert got.shape == (2, 11, 9)
    torch.testing.assert_close(got.abs().amax((1, 2)), peak)
    assert got[0].max() == pytest.approx(0.05)
    assert got[1].min() == pytest.approx(-0.2)


def test_the_factor_is_what_the_strength_has_to_be_multiplied_with() -> None:
    volume = torch.tensor([1e6, -1e3], dtype=torch.float64)
    got, factor = line_of_sight_scaled(displaced(volume), LOS, torch.tensor([0.05, 0.2]))
    again = (displaced(volume * factor) * LOS[:, None, None]).sum(-1)
    torch.testing.assert_close(got, again, rtol=1e-12, atol=0)


def test_one_line_of_sight_serves_all() -> None:
    moved = displaced(torch.tensor([1e6, 2e6]))
    one, _ = line_of_sight_scaled(moved, LOS[0], torch.ones(2))
    each, _ = line_of_sight_scaled(moved, LOS[:1].expand(2, 3), torch.ones(2))
    torch.testing.assert_close(one, each, rtol=0, atol=0)


def test_what_cannot_be_scaled_is_refused() -> None:
    moved = displaced(torch.tensor([1e6, 0.0]))
    with pytest.raises(ValueError, match="without displacement"):
        line_of_sight_scaled(moved, LOS, torch.ones(2))
    with pytest.raises(ValueError, match="positive"):
        line_of_sight_scaled(moved[:1], LOS[0], torch.zeros(1))
