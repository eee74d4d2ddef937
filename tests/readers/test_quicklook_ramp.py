"""Colouring A: the ramp, the disc of its averages, and back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ssl_insar.readers import quicklook_ramp as ramp

PHASES = np.linspace(-3.13, 3.13, 500)


def error(found: NDArray[np.complex64], phase: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.angle(found * np.exp(-1j * phase)))


def cell_middles(rgb: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    width = 256 >> bits
    return (np.floor(rgb / width) + 0.5) * width - 0.5


def test_blue_is_negative_and_red_positive() -> None:
    blue, yellow, red = ramp.colours(np.array([-3.0, 0.0, 3.0]))
    assert blue[2] > 140 > blue[0] + 60
    assert (yellow > [250, 250, 180]).all()
    assert red[0] > 160 > red[2] + 100
    found = ramp.phasors(np.stack([blue, yellow, red]), 1)
    np.testing.assert_allclose(np.angle(found), [-3.0, 0.0, 3.0], atol=0.03)


def test_every_ramp_colour_gives_its_phase_in_order() -> None:
    found = ramp.phasors(ramp.colours(PHASES), 1)
    assert np.abs(error(found, PHASES)).max() < 0.05
    # One palette step is 0.025 rad; two steps apart the order is strict.
    apart = np.linspace(-3.1, 3.1, 120)
    assert (np.diff(np.angle(ramp.phasors(ramp.colours(apart), 1))) > 0).all()


@pytest.mark.parametrize(("bits", "bound", "cells", "back"), [(3, 0.3, 30, 0.0), (4, 0.15, 55, 0.01)])
def test_posterised_cells_follow_the_ramp_in_order(bits: int, bound: float, cells: int, back: float) -> None:
    middles = cell_middles(ramp.colours(PHASES), bits)
    found = ramp.phasors(middles, 256 >> bits)
    assert np.abs(error(found, PHASES)).max() < bound
    entered = np.append(True, (np.diff(middles, axis=0) != 0).any(axis=1))
    assert entered.sum() > cells
    # Two pale blue cells of 4 bits cover nearly the same colours.
    assert (np.diff(np.angle(found[entered])) > -back).all()


def test_the_middle_of_the_disc_is_no_phase() -> None:
    average = ramp.colours(np.linspace(-np.pi, np.pi, 1000)).mean(axis=0)
    assert np.abs(ramp.phasors(average[None], 32))[0] < 0.1
    assert ramp.distance_to_disc(average[None])[0] < 2
    assert ramp.distance_to_ramp(average[None])[0] > 40


def test_the_purple_of_a_wrap_line_is_half_a_cycle() -> None:
    ends = ramp.colours(np.array([-3.1, 3.1]))
    for share in (0.3, 0.5, 0.7):
        found = ramp.phasors((share * ends[0] + (1 - share) * ends[1])[None], 32)[0]
        assert abs(found) > 0.8
        assert abs(np.angle(-found)) < 0.15


def test_a_pixel_of_two_phases_lies_between_them_and_is_less_sure() -> None:
    """The mean colour of phases spread about 1 rad: nearer the centre, at the same angle."""
    length = []
    for spread in (0.1, 0.6, 1.2, 1.8):
        draws = 1 + spread * np.random.default_rng(0).normal(size=20000)
        wrapped = (draws + np.pi) % (2 * np.pi) - np.pi
        found = ramp.phasors(ramp.colours(wrapped).mean(axis=0)[None], 1)[0]
        assert abs(np.angle(found) - 1) < 0.2
        assert abs(abs(found) - np.exp(-(spread**2) / 2)) < 0.15
        length.append(abs(found))
    assert (np.diff(length) < 0).all()


@pytest.mark.parametrize("colour", [(0, 255, 0), (0, 255, 255), (255, 0, 255), (0, 0, 0), (20, 120, 40)])
def test_colours_off_the_disc_have_no_confidence(colour: tuple[int, int, int]) -> None:
    rgb = np.array([colour], np.float64)
    assert ramp.distance_to_disc(rgb)[0] > 50
    assert np.abs(ramp.phasors(rgb, 1))[0] < 0.01
