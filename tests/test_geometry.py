"""Line of sight, sign and wavelength against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_insar import geometry as geo

C_BAND = geo.WAVELENGTHS["C"]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [(-10, (-0.61976, -0.10928, 0.777146)), (190, (0.61976, -0.10928, 0.777146))],
    ids=["ascending", "descending"],
)
def test_line_of_sight(heading: float, expected: tuple[float, float, float]) -> None:
    assert geo.line_of_sight(heading, 39) == pytest.approx(expected, abs=5e-6)


@given(st.floats(-180, 360), st.floats(0, 89))
def test_line_of_sight_is_a_unit_vector_that_looks_up(heading: float, incidence: float) -> None:
    los = geo.line_of_sight(heading, incidence)
    assert np.linalg.norm(los) == pytest.approx(1)
    assert los[2] == pytest.approx(np.cos(np.deg2rad(incidence)))


@given(st.floats(-180, 360), st.floats(5, 80))
def test_right_looking(heading: float, incidence: float) -> None:
    """Facing along the flight, the ground is on the right, so the satellite is on the ground's left."""
    h = np.deg2rad(heading)
    right = np.array([np.cos(h), -np.sin(h), 0])
    assert geo.line_of_sight(heading, incidence) @ right == pytest.approx(-np.sin(np.deg2rad(incidence)))


def test_line_of_sight_broadcasts_over_a_field_of_incidence() -> None:
    los = geo.line_of_sight([[-10.0], [190.0]], [30.0, 35.0, 40.0])
    assert los.shape == (2, 3, 3)
    np.testing.assert_allclose(los[1, 2], geo.line_of_sight(190, 40))


@pytest.mark.parametrize(
    ("displacement", "heading", "phase"),
    [
        ((0, 0, 0.01), -10, -1.760709),
        ((0, 0, 0.01), 190, -1.760709),
        ((0.01, 0, 0), -10, 1.404133),
        ((0.01, 0, 0), 190, -1.404133),
    ],
    ids=["uplift ascending", "uplift descending", "east ascending", "east descending"],
)
def test_phase_of_a_centimetre(
    displacement: tuple[float, float, float], heading: float, phase: float
) -> None:
    toward = geo.project(displacement, geo.line_of_sight(heading, 39))
    assert geo.displacement_to_phase(toward, C_BAND) == pytest.approx(phase, abs=2e-6)


def test_mirrored_scene_is_the_other_pass() -> None:
    """Flipping East turns an ascending line of sight into the descending one: an exact augmentation."""
    mirrored = geo.line_of_sight(-10, 39) * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, geo.line_of_sight(190, 39), atol=1e-12)


def test_wavelengths() -> None:
    assert pytest.approx(0.0554657647, abs=1e-10) == C_BAND
    assert geo.WAVELENGTHS["L"] == pytest.approx(0.238404, abs=1e-6)
    assert geo.WAVELENGTHS["X"] == pytest.approx(0.031067, abs=1e-6)
    assert C_BAND / geo.WAVELENGTHS["L"] == pytest.approx(0.232655, abs=1e-6)
    # One fringe is half a wavelength of motion; away is positive.
    assert geo.displacement_to_phase(-C_BAND / 2, C_BAND) == pytest.approx(2 * np.pi)


@given(st.floats(-10, 10), st.sampled_from(sorted(geo.WAVELENGTHS)))
def test_round_trip(toward: float, band: str) -> None:
    wavelength = geo.WAVELENGTHS[band]
    phase = geo.displacement_to_phase(toward, wavelength)
    assert geo.phase_to_displacement(phase, wavelength) == pytest.approx(toward, abs=1e-12)


def test_project_broadcasts() -> None:
    field = np.zeros((4, 5, 3))
    field[..., 2] = 0.02
    np.testing.assert_allclose(
        geo.project(field, geo.line_of_sight(-10, 39)), np.full((4, 5), 0.02 * np.cos(np.deg2rad(39)))
    )


@pytest.mark.parametrize("wavelength", [0.0, -0.05, float("nan")])
def test_a_wavelength_must_be_positive(wavelength: float) -> None:
    with pytest.raises(ValueError, match="wavelength"):
        geo.displacement_to_phase(0.01, wavelength)
    with pytest.raises(ValueError, match="wavelength"):
        geo.phase_to_displacement(1.0, wavelength)
