"""Orbital ramps."""

from __future__ import annotations

import math

import pytest
import torch

from ssl_insar.synth.ramps import bilinear, orbital_ramp

FRINGE = 2 * math.pi


def test_fringes_across_the_scene_each_field_its_own() -> None:
    ramp = orbital_ramp(torch.tensor([1.5, 0.0]), torch.tensor([0.0, -2.0]), (30, 50))
    assert ramp.shape == (2, 30, 50)
    assert ramp.dtype == torch.float32
    torch.testing.assert_close(ramp[0, :, -1] - ramp[0, :, 0], torch.full((30,), 1.5 * FRINGE))
    # Rows run from north to south.
    torch.testing.assert_close(ramp[1, 0] - ramp[1, -1], torch.full((50,), -2 * FRINGE))
    torch.testing.assert_close(ramp.mean((-2, -1)), torch.zeros(2), rtol=0, atol=1e-5)
    assert ramp[0].diff(dim=0).abs().max() < 1e-5


def test_twist_changes_the_gradient_from_south_to_north() -> None:
    ramp = orbital_ramp(torch.tensor([1.0]), torch.tensor([0.5]), (21, 21), twist=torch.tensor([0.8]))[0]
    across = (ramp[:, -1] - ramp[:, 0]) / FRINGE
    assert float(across[0]) == pytest.approx(1.4, abs=1e-5)
    assert float(across[-1]) == pytest.approx(0.6, abs=1e-5)
    assert float(ramp.mean()) == pytest.approx(0, abs=1e-5)


def test_one_row_has_no_ramp_along_its_height() -> None:
    assert torch.isfinite(bilinear(torch.ones(1), torch.ones(1), (1, 5))).all()
