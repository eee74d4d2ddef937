"""Water, layover and shadow, incoherent ground."""

from __future__ import annotations

import math

import pytest
import torch

from ssl_insar.geometry import line_of_sight
from ssl_insar.synth.masks import flood, layover_shadow, water_mask
from ssl_insar.synth.stratified import ground

SHAPE, SPACING = (16, 18), (100.0, 70.0)


def test_water_is_what_lies_at_or_below_its_level() -> None:
    height = torch.tensor([[-1.0, 0.0, 5.0, 50.0]])
    water = water_mask(height, torch.tensor([0.0, 10.0]))
    assert water.tolist() == [[[True, True, False, False]], [[True, True, True, False]]]
    assert water_mask(height).shape == (1, 1, 4)


def test_water_is_no_data_or_noise() -> None:
    water = torch.tensor([[[True, False]]])
    coherence, valid = flood(torch.full((2, 1, 2), 0.8), water, torch.tensor([True, False]))
    torch.testing.assert_close(coherence, torch.tensor([[[0.0, 0.8]], [[0.0, 0.8]]]))
    assert valid.tolist() == [[[False, True]], [[True, True]]]


def rising(azimuth: float, degrees: float) -> torch.Tensor:
    """A plane that rises toward an azimuth at an angle."""
    east, north = ground(SHAPE, SPACING)
    angle = math.radians(azimuth)
    return math.tan(math.radians(degrees)) * (east * math.sin(angle) + north * math.cos(angle))


@pytest.mark.parametrize("heading", [-10.0, 190.0, 45.0])
def test_layover_and_shadow_begin_at_their_angles(heading: float) -> None:
    """Planes that face the radar or face away, seen at 39 degrees: limits are 39 and -51 degrees."""
    planes = torch.stack([rising(heading + 90, d) for d in (38.9, 39.1, -50.9, -51.1)])
    layover, shadow = layover_shadow(planes, SPACING, heading, 39.0)
    assert layover.flatten(1).all(1).tolist() == [False, True, False, False]
    assert layover.flatten(1).any(1).tolist() == [False, True, False, False]
    assert shadow.flatten(1).all(1).tolist() == [False, False, False, True]
    assert shadow.flatten(1).any(1).tolist() == [False, False, False, True]


def test_shadow_faces_away_from_the_line_of_sight() -> None:
    """By the geometry of the package: shadow is where the surface normal points away from the radar."""
    heading, incidence = -11.0, 33.0
    los = line_of_sight(heading, incidence)
    for azimuth in range(0, 360, 15):
        slope = math.tan(math.radians(65))
        normal = (-slope * math.sin(math.radians(azimuth)), -slope * math.cos(math.radians(azimuth)), 1.0)
        hidden = sum(a * b for a, b in zip(normal, los.tolist(), strict=True)) < 0
        _, shadow = layover_shadow(rising(azimuth, 65), SPACING, heading, incidence)
        assert bool(shadow.all()) == hidden
        assert bool(shadow.any()) == hidden


def test_each_interferogram_has_its_own_geometry() -> None:
    slope = rising(90, 35)
    layover, shadow = layover_shadow(
        slope, SPACING, torch.tensor([0.0, 0.0, 180.0]), torch.tensor([30.0, 40, 30])
    )
    assert layover.flatten(1).all(1).tolist() == [True, False, False]
    assert not shadow.any()
    varying = torch.linspace(30, 40, SHAPE[1]).expand(1, *SHAPE)
    layover, _ = layover_shadow(slope, SPACING, 0.0, varying)
    assert layover[0, :, 0].all()
    assert not layover[0, :, -1].any()


@pytest.mark.parametrize("incidence", [0.0, 90.0, -30.0])
def test_impossible_incidences_are_refused(incidence: float) -> None:
    with pytest.raises(ValueError, match="incidence"):
        layover_shadow(torch.zeros(SHAPE), SPACING, 0.0, incidence)
