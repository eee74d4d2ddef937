"""The scene and the layers that the made products hold, and helpers to write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SHAPE = (48, 40)
"""Of every product unless told otherwise; the GAMMA and LiCSBAS ones are as large as each other, too."""

FRAME = "079D_07894_131313"
PAIR = "20190105_20190117"
DAYS = ("20190105", "20190117", "20190129")
WAVELENGTH = 0.0554658


Shape = tuple[int, int]


def scene(shape: Shape = SHAPE, seed: int = 0) -> np.ndarray:
    """(H, W) float32 rad, unwrapped; 0 where there is no data."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    noise = np.random.default_rng(seed).normal(0, 0.2, shape)
    phase = rows / 5 + cols / 7 + (cols - 20) ** 2 / 90 + seed + noise - 4
    phase[:6, :5] = 0
    return phase.astype(np.float32)


def wrapped(shape: Shape = SHAPE, seed: int = 0) -> np.ndarray:
    """(H, W) float32 rad in [-pi, pi]; 0 where there is no data."""
    return np.angle(np.exp(1j * scene(shape, seed))).astype(np.float32)


def phasor(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) complex64 of uneven amplitude; 0 where there is no data."""
    phase = scene(shape)
    return np.where(phase != 0, amplitude(shape) * np.exp(1j * phase), 0).astype(np.complex64)


def amplitude(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) float32, all of it positive."""
    return np.random.default_rng(1).uniform(1, 9, shape).astype(np.float32)


def coherence(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) float32 in (0, 1)."""
    return np.random.default_rng(2).uniform(0.1, 0.9, shape).astype(np.float32)


def heights(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) float32 m."""
    return np.random.default_rng(3).uniform(10, 3000, shape).astype(np.float32)


def grey(shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) uint8: 0 to 255 for -pi to pi."""
    return np.rint((wrapped(shape) + np.pi) * (255 / (2 * np.pi))).astype(np.uint8)


def level(value: float, shape: Shape = SHAPE) -> np.ndarray:
    """(H, W) float32 of one value."""
    return np.full(shape, value, np.float32)


def flat(path: Path, values: np.ndarray, dtype: str) -> Path:
    """Write a flat binary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.ascontiguousarray(values.astype(dtype)).tobytes())
    return path


def interleaved(phase: np.ndarray, dtype: str = "<f4") -> np.ndarray:
    """Amplitude and phase, line by line."""
    return np.stack([amplitude(phase.shape), phase], axis=1).astype(dtype)


def stack(shape: Shape) -> np.ndarray:
    """(3, H, W): three scenes."""
    return np.stack([scene(shape, seed) for seed in range(3)])


def centres(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of columns and rows, the northernmost first."""
    return 13.25 + 0.002 * np.arange(shape[1]), 40.5 - 0.001 * np.arange(shape[0])
