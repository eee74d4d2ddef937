"""What parameter files tell of the radar."""

from __future__ import annotations

import pytest

from ssl_insar.readers.companions import radar_wavelength


@pytest.mark.parametrize("metres", [0.0084, 0.0311, 0.0554658, 0.2362, 0.69])
def test_wavelengths_of_radars(metres: float) -> None:
    assert radar_wavelength(metres) == metres


@pytest.mark.parametrize("metres", [None, 0.0, -0.056, 5.6, 5.5e7, 5.6e-5])
def test_other_numbers_are_none(metres: float | None) -> None:
    assert radar_wavelength(metres) is None
