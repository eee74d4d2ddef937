r"""Line of sight, wavelength and the sign convention.

Axes are x = East, y = North, z = Up, in metres. Package-wide sign: the reference date is the
earlier one and **positive phase means motion away from the satellite**,

.. math:: \phi = -\frac{4\pi}{\lambda}\, \mathbf{u}\cdot\mathbf{l}

with :math:`\mathbf{l}` the unit vector from the ground to the satellite (Hanssen 2001, ch. 2).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

SPEED_OF_LIGHT = 299_792_458.0
"""m/s, exact."""

WAVELENGTHS = {
    "C": SPEED_OF_LIGHT / 5.405e9,  # Sentinel-1
    "L": SPEED_OF_LIGHT / 1.2575e9,  # NISAR, ALOS-2 near this
    "X": SPEED_OF_LIGHT / 9.65e9,  # TerraSAR-X
}
"""Radar wavelength by band, m."""


def line_of_sight(heading: ArrayLike, incidence: ArrayLike) -> NDArray[np.float64]:
    """Unit vector from the ground to a right-looking satellite, in East, North, Up.

    Args:
        heading: flight direction, degrees clockwise from north (about -10 ascending, 190
            descending for Sentinel-1).
        incidence: angle from the vertical, degrees.

    Shape:
        broadcast(heading, incidence) -> (..., 3)
    """
    h, theta = np.broadcast_arrays(np.deg2rad(heading), np.deg2rad(incidence))
    return np.stack([-np.sin(theta) * np.cos(h), np.sin(theta) * np.sin(h), np.cos(theta)], axis=-1)


def project(displacement: ArrayLike, los: ArrayLike) -> NDArray[np.float64]:
    """Line-of-sight displacement in m, positive toward the satellite.

    Shape:
        displacement (..., 3) and los (..., 3), broadcast -> (...)
    """
    product: NDArray[np.float64] = np.sum(np.asarray(displacement, float) * np.asarray(los, float), axis=-1)
    return product


def displacement_to_phase(toward: ArrayLike, wavelength: float) -> NDArray[np.float64]:
    """Unwrapped phase in rad of a line-of-sight displacement in m, positive toward the satellite."""
    _check_wavelength(wavelength)
    return np.asarray(toward, float) * (-4.0 * np.pi / wavelength)


def phase_to_displacement(phase: ArrayLike, wavelength: float) -> NDArray[np.float64]:
    """Line-of-sight displacement in m, positive toward the satellite, of an unwrapped phase in rad."""
    _check_wavelength(wavelength)
    return np.asarray(phase, float) * (-wavelength / (4.0 * np.pi))


def _check_wavelength(wavelength: Any) -> None:
    if not wavelength > 0:
        raise ValueError(f"wavelength must be positive, in metres, not {wavelength}")
