"""Pictures of phase: grey crops, and quick-looks in every colouring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from made_products.scenes import PAIR, SHAPE, Shape, amplitude, grey, wrapped


def _picture(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True)
    Image.fromarray(pixels).save(path)
    return path


def _ramp(shape: Shape) -> np.ndarray:
    """Colouring A: dark blue over pale yellow to dark red."""
    return np.rint(colormaps["RdYlBu_r"]((wrapped(shape) + 3.2) / 6.4)[..., :3] * 255).astype(np.uint8)


def png_grey(folder: Path, shape: Shape = SHAPE) -> Path:
    """A grey crop of a collection."""
    return _picture(folder / f"africa_adwa_014A_07885_131313_adwa_{PAIR}.png", grey(shape))


def quicklook_posterised(folder: Path, shape: Shape = SHAPE) -> Path:
    """A quick-look in colouring A, of which 3 bits a channel were kept."""
    high = _ramp(shape) & 0xE0
    return _picture(folder / f"{PAIR}.geo.diff.png", high | high >> 3 | high >> 6)


def quicklook_full(folder: Path, shape: Shape = SHAPE) -> Path:
    """A quick-look in colouring A with all its colours."""
    return _picture(folder / f"{PAIR}.geo.diff.png", _ramp(shape))


def quicklook_wheel(folder: Path, shape: Shape = SHAPE) -> Path:
    """A quick-look in colouring B: phase as hue between cyan, magenta and yellow."""
    thirds = (wrapped(shape) % (2 * np.pi)) / (2 * np.pi / 3)
    lack = np.stack([np.maximum(1 - np.abs((thirds - k + 1.5) % 3 - 1.5), 0) for k in range(3)], axis=-1)
    brightness = 100 + 15 * amplitude(shape)[..., None]
    return _picture(folder / f"{PAIR}.geo.diff.png", np.rint(brightness * (1 - 0.8 * lack)).astype(np.uint8))
