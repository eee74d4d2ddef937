"""Flat binaries of GAMMA, and of LiCSBAS, which keeps GAMMA's parameter files."""

from __future__ import annotations

from pathlib import Path

from made_products.scenes import PAIR, SHAPE, Shape, coherence, flat, heights, level, phasor, scene


def _dem_par(shape: Shape) -> str:
    return (
        f"Gamma DIFF&GEO DEM/MAP parameter file\nDEM_projection: EQA\nwidth: {shape[1]}\nnlines: {shape[0]}\n"
        "corner_lat: 40.5000000 decimal degrees\ncorner_lon: 13.2500000 decimal degrees\n"
        "post_lat: -1.0e-03 decimal degrees\npost_lon: 2.0e-03 decimal degrees\n"
    )


def _gamma_layers(folder: Path, shape: Shape) -> None:
    flat(folder / f"{PAIR}.cc", coherence(shape), ">f4")
    flat(folder / "scene.lv_theta", level(0.89, shape), ">f4")
    flat(folder / "scene.lv_phi", level(-2.91, shape), ">f4")
    flat(folder / "scene.hgt", heights(shape), ">f4")
    (folder / "scene.dem_par").write_text(_dem_par(shape))
    (folder / "20190105_slc.par").write_text(
        "date: 2019 1 5\nradar_frequency: 5.4050000e+09 Hz\nincidence_angle: 39.0 degrees\n"
        "heading: -10.0 degrees\nazimuth_angle: 90.0 degrees\nrange_samples: 3000\nazimuth_lines: 4000\n"
        "sar_to_earth_center: 7070000.0 m\nearth_radius_below_sensor: 6371000.0 m\n"
    )
    (folder / f"{PAIR}.base").write_text(
        "initial_baseline(TCN): 0.0 120.5 -7.25 m m m\nprecision_baseline(TCN): 0.0 121.0 -7.0 m m m\n"
    )


def gamma_unw(folder: Path, shape: Shape = SHAPE) -> Path:
    """Unwrapped, big-endian, with coherence, heights, look angles and baseline."""
    _gamma_layers(folder, shape)
    return flat(folder / f"{PAIR}.unw", scene(shape), ">f4")


def gamma_int(folder: Path, shape: Shape = SHAPE) -> Path:
    """Wrapped, complex, big-endian."""
    _gamma_layers(folder, shape)
    return flat(folder / f"{PAIR}.diff", phasor(shape), ">c8")


def _licsbas_layers(folder: Path, shape: Shape) -> None:
    for axis, value in zip("ENU", (0.6, -0.11, 0.7924), strict=True):
        flat(folder / f"{axis}.geo", level(value, shape), "<f4")
    flat(folder / "hgt", heights(shape), "<f4")
    (folder / "EQA.dem_par").write_text(_dem_par(shape))
    (folder / "slc.mli.par").write_text(
        f"range_samples: {shape[1]}\nazimuth_lines: {shape[0]}\nradar_frequency: 5405000000.0 Hz\n"
    )


def licsbas(folder: Path, shape: Shape = SHAPE) -> Path:
    """A pair of a stack, with coherence, heights and look vectors."""
    _licsbas_layers(folder / "GEOCml1", shape)
    flat(folder / "GEOCml1" / PAIR / f"{PAIR}.cc", coherence(shape) * 255, "u1")
    return flat(folder / "GEOCml1" / PAIR / f"{PAIR}.unw", scene(shape), "<f4")


def licsbas_velocity(folder: Path, shape: Shape = SHAPE) -> Path:
    """A velocity map, mm/year."""
    _licsbas_layers(folder / "results", shape)
    return flat(folder / "results" / "vel.filt.mskd", scene(shape), "<f4")
