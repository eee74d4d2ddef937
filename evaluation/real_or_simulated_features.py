"""Numbers of a tile that tell how it looks, and not what it shows: for telling real from simulated.

No data counts nowhere: spectra come from the normalised autocorrelation, in which every lag is divided by
the number of pairs that both have data, and all else is a mean over pixels or pairs that have data. So
the share of missing pixels leaks into no number but those of the family `NO_DATA`, which are there to be
left out, and an edge into none. Logarithms have a floor above the noise of 1/256 cycle, in which
archives hold every phase.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ssl_insar.phase import local_coherence

Families: TypeAlias = dict[str, dict[str, NDArray[np.float64]]]
"""Name of a family of features -> name of a feature -> its value in each tile, (n,)."""

WAVELENGTHS = (2.0, 2.5, 3.0, 4.0, 5.5, 8.0, 11.0, 16.0, 22.0, 32.0, 45.0, 64.0, 90.0)
"""Edges of the bands of the spectrum, px; those beyond half the tile are left out."""

FINE = 4.0
"""px; the spectrum at shorter wavelengths stands apart: resampling of a delivered picture shows there."""

COHERENCE_BINS = 10
NO_DATA = "no data"
SPECTRUM, FINE_SPECTRUM = "spectrum from 4 px", "spectrum below 4 px"
COHERENCE = "local coherence"

SMALLEST = 32
"""px; smaller tiles have too few bands of the spectrum."""

_POWER_FLOOR = 2e-4
"""Of the mean power; rounding to 1/256 cycle makes 5e-5."""

_VARIANCE_FLOOR = 3e-4
"""Of 1 - cos of a phase difference; rounding makes 5e-5."""

_COHERENT, _INCOHERENT = 0.7, 0.4
_FEWEST = 200
"""Pairs of pixels that a mean over part of a tile needs."""


def measure(z: NDArray[np.complex64]) -> Families:
    """All features of tiles, by family; NaN where a tile has none of the ground they are measured on.

    None changes with a constant phase or with the order of the two dates. T is `SMALLEST` or more.

    Shape:
        (n, T, T), 0 where there is no data -> (n,) each
    """
    valid = z != 0
    coherence = local_coherence(z)
    correlation = autocorrelation(z, valid)
    spectrum = log_spectrum(correlation)
    fine = {name: value for (name, low), value in spectrum.items() if low < FINE}
    shortest, next_to_it, *_ = fine.values()
    return {
        SPECTRUM: {name: value for (name, low), value in spectrum.items() if low >= FINE},
        FINE_SPECTRUM: {**fine, "rise of power from 2.5-3 to 2-2.5 px": shortest - next_to_it},
        "autocorrelation": _correlations(
            "autocorrelation",
            lambda rows, cols: correlation[:, rows, cols],
            ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 4), (4, 0), (8, 8), (16, 16)),
        ),
        COHERENCE: _coherence(coherence, valid),
        "phase gradients": _gradients(z),
        # Is noise white, or have looks, filter and geocoding joined neighbours?
        "incoherent ground": _correlations(
            "autocorrelation of noise",
            partial(_mean_product, z, valid & (coherence < _INCOHERENT)),
            ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 3), (3, 0)),
        ),
        "coherent ground": _coherent_ground(z, valid & (coherence > _COHERENT)),
        NO_DATA: {
            "share of data": valid.mean(axis=(1, 2)),
            "border of no data, a pixel": _border(valid, np.ones_like(valid)),
        },
    }


def autocorrelation(z: NDArray[np.complex64], valid: NDArray[np.bool_]) -> NDArray[np.complex128]:
    """Mean of ``z(x + lag) conj(z(x))`` over the pairs that have data at both ends.

    Shape:
        (n, T, T), (n, T, T) -> (n, 2T, 2T), lags as in an FFT, 1 at lag 0; 0 where pairs are few
    """
    side = z.shape[-1]
    size = (2 * side, 2 * side)  # not periodic
    products = fft.ifft2(np.abs(fft.fft2(z, size)) ** 2)
    pairs = fft.ifft2(np.abs(fft.fft2(valid.astype(np.float32), size)) ** 2).real
    enough = pairs > max(0.005 * side**2, 0.5)
    correlation: NDArray[np.complex128] = np.where(enough, products / np.where(enough, pairs, 1), 0)
    return correlation


def log_spectrum(correlation: NDArray[np.complex128]) -> dict[tuple[str, float], NDArray[np.float64]]:
    """Common logarithm of the radially averaged power spectrum (Blackman & Tukey 1958), 0 for white noise.

    Args:
        correlation: of `autocorrelation`; (n, 2T, 2T).

    Returns:
        (name, shortest wavelength in px) of each band -> (n,).
    """
    double = correlation.shape[-1]
    lag = fft.fftfreq(double, 1 / double)
    # A Gaussian has a positive transform and no side lobes, so strong bands do not leak into weak ones.
    taper = np.exp(-0.5 * (lag / (double / 10)) ** 2)
    power = fft.fft2(correlation * taper[:, None] * taper).real
    radial = np.hypot(fft.fftfreq(double)[:, None], fft.fftfreq(double)[None])
    bands = {}
    for short, long in pairwise(WAVELENGTHS):
        if long <= double / 4:
            mean = power[:, (radial > 1 / long) & (radial <= 1 / short)].mean(axis=1)
            bands[f"power at {short:g}-{long:g} px", short] = np.log10(np.maximum(mean, _POWER_FLOOR))
    return bands


def _coherence(coherence: NDArray[np.floating], valid: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    edges = np.linspace(0, 1, COHERENCE_BINS + 1)
    area = np.maximum(valid.sum(axis=(1, 2)), 1)
    values = {}
    for low, high in pairwise(edges):
        within = valid & (coherence >= low) & ((coherence < high) | (high == 1))
        values[f"share of coherence {low:.1f}-{high:.1f}"] = within.sum(axis=(1, 2)) / area
    held = np.where(valid, coherence, np.nan)
    for level in (5, 25, 50, 75, 95):
        values[f"{level} % quantile of coherence"] = np.nanpercentile(held, level, axis=(1, 2))
    values["border of coherent ground, a pixel"] = _border(coherence > 0.5, valid)
    return values


def _gradients(z: NDArray[np.complex64]) -> dict[str, NDArray[np.float64]]:
    values = {}
    for name, (rows, cols) in {"down": (1, 0), "right": (0, 1)}.items():
        product, both = _steps(z, z != 0, rows, cols)
        step = np.where(both, np.abs(np.angle(product)), np.nan)
        values[f"mean gradient {name}"] = np.nanmean(step, axis=(1, 2))
        for level in (10, 50, 90):
            values[f"{level} % quantile of the gradient {name}"] = np.nanpercentile(step, level, axis=(1, 2))
    values["mean gradient, right less down"] = values["mean gradient right"] - values["mean gradient down"]
    return values


def _correlations(
    what: str, of: Callable[[int, int], NDArray[np.complex128]], lags: tuple[tuple[int, int], ...]
) -> dict[str, NDArray[np.float64]]:
    """Lengths at some lags, and how they differ between the two directions."""
    values = {f"{what} at {rows} px down, {cols} px right": np.abs(of(rows, cols)) for rows, cols in lags}
    for lag in (1, 2):
        values[f"{what} at {lag} px, right less down"] = np.abs(of(0, lag)) - np.abs(of(lag, 0))
    return values


def _coherent_ground(z: NDArray[np.complex64], where: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Structure function of the phase: noise at lag 1, atmosphere at long lags, their slope between."""
    values = {}
    for lag in (1, 2, 4, 8, 16):
        cosine = (_mean_product(z, where, lag, 0).real + _mean_product(z, where, 0, lag).real) / 2
        values[f"phase difference at {lag} px (log 1 - cos)"] = np.log10(
            np.maximum(1 - cosine, _VARIANCE_FLOOR)
        )
    return values


def _mean_product(
    z: NDArray[np.complex64], where: NDArray[np.bool_], rows: int, cols: int
) -> NDArray[np.complex128]:
    product, both = _steps(z, where, rows, cols)
    count = both.sum(axis=(1, 2))
    total = np.where(both, product, 0).sum(axis=(1, 2), dtype=np.complex128)
    mean: NDArray[np.complex128] = np.where(count >= _FEWEST, total / np.maximum(count, 1), np.nan)
    return mean


def _steps(
    z: NDArray[np.complex64], where: NDArray[np.bool_], rows: int, cols: int
) -> tuple[NDArray[np.complex64], NDArray[np.bool_]]:
    """Products of each pixel with the conjugate of the one a lag before, and where both ends count."""
    height, width = z.shape[-2:]
    after, before = np.s_[:, rows:, cols:], np.s_[:, : height - rows, : width - cols]
    return z[after] * np.conj(z[before]), where[after] & where[before]


def _border(inside: NDArray[np.bool_], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of neighbours of which one is inside and one is not."""
    crossings, pairs = np.zeros(len(inside)), np.zeros(len(inside))
    for after, before in (
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :, 1:], np.s_[:, :, :-1]),
    ):
        both = where[after] & where[before]
        crossings += ((inside[after] != inside[before]) & both).sum(axis=(1, 2))
        pairs += both.sum(axis=(1, 2))
    share: NDArray[np.float64] = crossings / np.maximum(pairs, 1)
    return share
