"""Which colouring a picture is in: both are known, all others refused."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from ssl_insar.readers.quicklook_detect import Fit, cells_of, fit_of, palette_of, posterised, repeated

SIDE = 240


def wrapped(side: int = SIDE) -> NDArray[np.float64]:
    rows, cols = np.mgrid[:side, :side]
    noise = np.random.default_rng(1).normal(0, 0.3, (side, side))
    phase = cols / 7 + 3 * np.sin(rows / 30) + noise
    return np.asarray((phase + np.pi) % (2 * np.pi) - np.pi)


def mapped(name: str) -> NDArray[np.uint8]:
    rgba = colormaps[name]((wrapped() + np.pi) / (2 * np.pi))
    return np.asarray(rgba[..., :3] * 255).astype(np.uint8)


def shrunk(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(rgb).resize((72, 72), Image.Resampling.LANCZOS))


def fit(rgb: NDArray[np.uint8]) -> Fit:
    palette = palette_of(rgb.reshape(-1, 3))
    return fit_of(palette, cells_of(palette))


def test_repeated_levels_fill_the_byte() -> None:
    assert repeated(np.array([0, 31, 32, 100, 255], np.uint8), 3).tolist() == [0, 0, 36, 109, 255]
    assert repeated(np.array([0, 15, 16, 100, 255], np.uint8), 4).tolist() == [0, 0, 17, 102, 255]


@pytest.mark.parametrize("bits", [3, 4])
def test_bits_kept(bits: int) -> None:
    rgb = repeated(np.random.default_rng(0).integers(0, 256, (500, 3), dtype=np.uint8), bits)
    assert posterised(palette_of(rgb)) == bits
    rgb[7, 1] ^= 1
    assert posterised(palette_of(rgb)) == 8


def test_a_palette_puts_the_picture_together_again() -> None:
    rgb = np.random.default_rng(0).integers(0, 4, (900, 3), dtype=np.uint8) * 80
    palette = palette_of(rgb)
    np.testing.assert_array_equal(palette.colours[palette.rows_of(rgb)], rgb)
    assert palette.counts.sum() == 900
    assert len(palette.counts) == len(np.unique(rgb, axis=0)) == 64


@pytest.mark.parametrize("bits", [3, 4])
def test_posterised_ramp(bits: int) -> None:
    found = fit(repeated(shrunk(mapped("RdYlBu_r")), bits))
    assert found.colouring == f"colouring A (blue-yellow-red ramp), posterised to {bits} bits a channel"
    assert found.on_disc > 0.99


def test_full_ramp_as_drawn_and_shrunk() -> None:
    for rgb in (mapped("RdYlBu_r"), shrunk(mapped("RdYlBu_r"))):
        assert fit(rgb).colouring == "colouring A (blue-yellow-red ramp), full colours"


def test_wheel() -> None:
    corners = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 1, 1]])
    at = np.arange(4) * 2 * np.pi / 3
    hue = np.stack([np.interp(wrapped() % (2 * np.pi), at, corners[:, k]) for k in range(3)], -1)
    brightness = np.random.default_rng(3).uniform(60, 250, (SIDE, SIDE, 1))
    rgb = np.rint((0.2 + 0.8 * hue) * brightness).astype(np.uint8)
    for picture in (rgb, shrunk(rgb)):
        assert fit(picture).colouring == "colouring B (phase as hue, amplitude as brightness)"
    # The same wheel in full saturation is another colouring.
    assert fit(np.rint(hue * brightness).astype(np.uint8)).colouring is None


OTHERS = (
    "jet viridis rainbow hsv turbo twilight coolwarm seismic RdBu_r Spectral_r RdYlGn_r YlOrRd OrRd Reds "
    "inferno cividis pink Pastel1 copper terrain"
)


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_colour_maps_are_told_apart(name: str) -> None:
    rgb = mapped(name)
    for picture in (rgb, shrunk(rgb), repeated(shrunk(rgb), 3), repeated(shrunk(rgb), 4)):
        assert fit(picture).colouring is None


@pytest.mark.parametrize("tint", [0.05, 0.2, 0.5, 1.0])
def test_pictures_like_photographs_are_told_apart(tint: float) -> None:
    """Smooth brightness and smooth, independent hue; from greyish to gaudy."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(5)
    brightness = 128 + 60 * _unit(gaussian_filter(rng.normal(size=(SIDE, SIDE, 1)), (9, 9, 0)))
    hue = 60 * _unit(gaussian_filter(rng.normal(size=(SIDE, SIDE, 3)), (5, 5, 0)))
    rgb = np.clip(brightness + tint * hue, 0, 255).astype(np.uint8)
    for picture in (rgb, repeated(rgb, 3)):
        assert fit(picture).colouring is None


def _unit(field: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(field / field.std())


def test_random_colours_are_told_apart() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    assert fit(rgb).colouring is None
    assert fit(repeated(rgb, 3)).colouring is None


def test_the_misfit_says_how_much() -> None:
    found = fit(mapped("jet"))
    assert found.on_disc < 0.05
    assert found.beyond > 0.9
    assert "0% of its pixels have colours of the blue-yellow-red ramp (99% needed)" in found.misfit
    assert "100% more so" in found.misfit
