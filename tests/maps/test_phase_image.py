"""The phase colours: cyclic, signed, even, and apart from each other for the colour-blind too."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ssl_insar import phase as ph
from ssl_insar.maps import NO_DATA, PHASE_COLOURS, SIGN, colour_bar, phase_colormap, phase_png, phase_rgb

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear sRGB.
BLIND = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(rgb: NDArray[np.uint8], seen_by: str = "none") -> NDArray[np.float64]:
    """8-bit sRGB to CIELAB, as a person with that colour vision sees it."""
    value = rgb / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ BLIND[seen_by].T, 0, 1)
    ratio = linear @ RGB_TO_XYZ.T / RGB_TO_XYZ.sum(axis=1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


def test_cyclic_and_even() -> None:
    steps = np.linalg.norm(np.diff(lab(PHASE_COLOURS), axis=0, append=lab(PHASE_COLOURS[:1])), axis=1)
    assert steps.max() < 2.5  # no edge anywhere, the wrap included: about one just noticeable difference
    quarters = steps.reshape(4, 64).sum(axis=1)
    assert quarters.max() / quarters.min() < 1.25


@pytest.mark.parametrize("vision", BLIND)
def test_phases_stay_apart_for_every_vision(vision: str) -> None:
    colours = lab(PHASE_COLOURS, vision)
    for apart in (64, 128):  # a quarter and half a cycle
        difference = np.linalg.norm(colours - np.roll(colours, apart, axis=0), axis=1)
        assert difference.min() > 30, (vision, apart)
    # The same amount of motion, toward against away: told apart by eye.
    toward_against_away = np.linalg.norm(colours[16:113] - colours[240:143:-1], axis=1)
    assert toward_against_away.min() > 25, vision


@pytest.mark.parametrize("vision", BLIND)
def test_no_data_looks_like_no_phase(vision: str) -> None:
    assert len(set(NO_DATA.tolist())) == 1  # neutral
    assert np.linalg.norm(lab(PHASE_COLOURS, vision) - lab(NO_DATA, vision), axis=1).min() > 20


def test_sign_is_warm_away_and_blue_toward() -> None:
    away, toward = (phase_rgb(ph.phasor(np.full((1, 1), p)))[0, 0].astype(int) for p in (1.5, -1.5))
    assert away[0] > away[2] + 60
    assert toward[2] > toward[0] + 60
    assert "away" in SIGN


def test_phasor_to_colours() -> None:
    phase = np.linspace(-np.pi, np.pi, 256, endpoint=False).reshape(16, 16)
    z = ph.phasor(phase)
    z[3, 5] = 0
    rgb = phase_rgb(z)
    assert rgb.shape == (16, 16, 3)
    assert (rgb[3, 5] == NO_DATA).all()
    assert (rgb[8, 0] == PHASE_COLOURS[0]).all()  # phase 0
    # Whole cycles and the amplitude change no colour.
    np.testing.assert_array_equal(rgb[:3], phase_rgb(0.3 * ph.phasor(phase[:3] + 4 * np.pi)))
    assert phase_rgb(np.stack([z, z])).shape == (2, 16, 16, 3)


def test_png_holds_the_colours() -> None:
    z = ph.phasor(np.linspace(-3, 3, 20 * 30).reshape(20, 30))
    with Image.open(io.BytesIO(phase_png(z))) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), phase_rgb(z))


def test_colormap_agrees_with_the_table() -> None:
    cmap = phase_colormap()
    centre = cmap(0.5)[:3]
    np.testing.assert_allclose(centre, PHASE_COLOURS[0] / 255)
    np.testing.assert_allclose(cmap(0.0)[:3], PHASE_COLOURS[128] / 255)
    np.testing.assert_allclose(cmap(np.nan)[:3], NO_DATA / 255)


def test_colour_bar_states_the_sign() -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    colour_bar(axes)
    assert SIGN in axes.get_xlabel()
    ticks = dict(zip((t.get_text() for t in axes.get_xticklabels()), axes.get_xticks(), strict=True))
    assert ticks["away"] > 0 > ticks["toward"]
