"""Files that say little of themselves: numpy arrays and raw binaries."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from made_products.scenes import PAIR, SHAPE, Shape, flat, grey, phasor, scene, wrapped


def _npy(folder: Path, name: str, values: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    np.save(folder / name, values)
    return folder / name


def npy_float(folder: Path, shape: Shape = SHAPE) -> Path:
    """Unwrapped phase."""
    return _npy(folder, f"{PAIR}.npy", scene(shape))


def npy_complex(folder: Path, shape: Shape = SHAPE) -> Path:
    """A complex interferogram."""
    return _npy(folder, f"{PAIR}.npy", phasor(shape))


def npy_grey(folder: Path, shape: Shape = SHAPE) -> Path:
    """Grey phase."""
    return _npy(folder, f"{PAIR}.npy", grey(shape))


def raw(folder: Path, shape: Shape = SHAPE) -> Path:
    """A flat binary of nobody knows whom."""
    return flat(folder / f"{PAIR}_unw.bin", scene(shape), "<f4")


def diapason(folder: Path, shape: Shape = SHAPE) -> Path:
    """One byte a pixel."""
    return flat(folder / f"{PAIR}.pha", np.rint(wrapped(shape) * (256 / (2 * np.pi))) % 256, "u1")
