"""Colouring B: the cyan, magenta and yellow wheel, and back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ssl_insar.readers import quicklook_wheel as wheel


def drawn(phase: NDArray[np.float64], brightness: float, saturation: float = 0.8) -> NDArray[np.float64]:
    """Straight lines between the three corners; what a channel lacks is the saturation's share."""
    at = np.array([0, 1, 2, 3]) * 2 * np.pi / 3
    lack = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], float)
    share = np.stack([np.interp(phase % (2 * np.pi), at, lack[:, k]) for k in range(3)], -1)
    return brightness * (1 - saturation * share)


def difference(found: NDArray[np.complex64], phase: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(np.angle(found * np.exp(-1j * phase)))


@pytest.mark.parametrize(
    ("colour", "phase"),
    [
        ((20, 100, 100), 0.0),
        ((60, 60, 100), np.pi / 3),
        ((100, 20, 100), 2 * np.pi / 3),
        ((100, 60, 60), np.pi),
        ((100, 100, 20), -2 * np.pi / 3),
        ((60, 100, 60), -np.pi / 3),
    ],
)
def test_corners_and_middles(colour: tuple[int, int, int], phase: float) -> None:
    found = wheel.phasors(np.array([colour], np.uint8))
    assert difference(found, np.array([phase]))[0] < 1e-5
    assert np.abs(found)[0] > 0.9
    assert wheel.saturation(np.array([colour], np.uint8))[0] == pytest.approx(0.8)


@pytest.mark.parametrize("brightness", [40, 80, 128, 200, 255])
def test_every_hue_at_every_brightness(brightness: float) -> None:
    phase = np.linspace(-np.pi, np.pi, 721)
    found = wheel.phasors(np.rint(drawn(phase, brightness)).astype(np.uint8))
    # Half a level in each of two channels, over the 0.8 of the brightness that a third of a turn takes.
    assert difference(found, phase).max() < 2 * np.pi / 3 / (0.8 * brightness) * 1.1
    assert np.abs(found).min() > 0.85


def test_added_grey_changes_the_confidence_only() -> None:
    phase = np.linspace(-np.pi, np.pi, 100)
    lengths = []
    for saturation in (0.8, 0.4, 0.1):
        found = wheel.phasors(np.rint(drawn(phase, 250, saturation)).astype(np.uint8))
        assert difference(found, phase).max() < 0.1
        lengths.append(float(np.abs(found).mean()))
    np.testing.assert_allclose(lengths, [0.98, 0.49, 0.12], atol=0.02)


def test_grey_black_and_nearly_black_have_no_confidence() -> None:
    rgb = np.array([[0, 0, 0], [90, 90, 90], [255, 255, 255], [0, 1, 1], [1, 1, 2]], np.uint8)
    assert (np.abs(wheel.phasors(rgb)) < 0.4).all()
    assert (wheel.phasors(rgb[:3]) == 0).all()


def test_masked_water_is_found_with_its_coast_and_honest_zero_is_not() -> None:
    phase = np.tile(np.linspace(-2, 2, 80), (60, 1))
    phase[20:50, 10:40] = 0  # water
    phase[45:54, 30:39] = 0  # and a bay, narrower than what is certainly water
    phase[5:14, 60:69] = 0  # a calm spot
    brightness = np.random.default_rng(0).uniform(80, 120, phase.shape)[..., None]
    z = wheel.phasors(np.rint(drawn(phase, 1) * brightness).astype(np.uint8))
    found = wheel.masked(wheel.at_zero(z))
    assert found[20:50, 10:40].all()
    assert found[45:54, 30:39].all()
    assert not found[5:14, 60:69].any()
    assert found.sum() < 30 * 30 + 9 * 9
