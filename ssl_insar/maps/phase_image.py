r"""Wrapped phase in colour: cyclic, signed, and readable for the colour-blind.

The colours lie on a closed loop around mid grey in CIELAB: phase 0 is light, :math:`\pm\pi` dark,
positive phase (away from the satellite) warm, negative phase blue. What tells two phases apart is
lightness and the blue-yellow axis :math:`b^*`, which red-green blindness (protanopia,
deuteranopia) leaves alone; the little red in the warm half is for everyone else's pleasure. Each
half has equal steps in CIELAB (Kovesi 2015, "Good Colour Maps", on why). No-data is the grey at
the centre of the loop, which no phase comes near.

The package draws all phase with this one map, so that a colour means the same thing everywhere.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar import phase as ph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

SIGN = "positive = away from satellite"
"""The sign convention in the words that stand on every colour bar."""

_CENTRE, _SWING = 57.0, 30.0
"""CIELAB lightness of the loop's centre, and how far light and dark lie from it."""

_WARM, _COLD = (22.0, 52.0), (0.0, -46.0)
"""CIELAB (a*, b*) at phase +pi/2 and -pi/2; as far out as sRGB lets the loop go."""

# D65 white and the linear sRGB matrix of IEC 61966-2-1.
_WHITE = np.array([0.95047, 1.0, 1.08883])
_XYZ_TO_RGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)


def _lab_to_srgb(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    """CIELAB (D65) to 8-bit sRGB. Shape: (..., 3) -> (..., 3)."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = _WHITE * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = np.clip(xyz @ _XYZ_TO_RGB.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    levels: NDArray[np.uint8] = np.rint(srgb * 255).astype(np.uint8)
    return levels


def _half(chroma: tuple[float, float]) -> NDArray[np.float64]:
    """CIELAB colours from phase 0 to half a cycle, 129 equal steps of colour difference."""
    angle = np.linspace(0, np.pi, 2001)
    out = np.sin(angle)
    lab = np.stack([_CENTRE + _SWING * np.cos(angle), chroma[0] * out, chroma[1] * out], axis=-1)
    travelled = np.concatenate([[0.0], np.linalg.norm(np.diff(lab, axis=0), axis=1).cumsum()])
    at = np.linspace(0, travelled[-1], ph.STEPS_PER_CYCLE // 2 + 1)
    return np.stack([np.interp(at, travelled, lab[:, i]) for i in range(3)], axis=-1)


def _loop() -> NDArray[np.uint8]:
    warm, cold = _half(_WARM), _half(_COLD)
    return _lab_to_srgb(np.concatenate([warm[:-1], cold[:0:-1]]))


PHASE_COLOURS: NDArray[np.uint8] = _loop()
"""(256, 3) sRGB; row n is the colour of the wrapped count n, that is of the phase 2 pi n / 256."""

NO_DATA: NDArray[np.uint8] = _lab_to_srgb(np.array([_CENTRE, 0.0, 0.0]))
"""(3,) sRGB of pixels without data."""

PHASE_COLOURS.setflags(write=False)
NO_DATA.setflags(write=False)


def phase_rgb(z: ph.ComplexArray) -> NDArray[np.uint8]:
    """Colours of a phasor field; only its phase is drawn, and where it is 0 there is no data.

    Shape:
        (..., H, W) complex -> (..., H, W, 3) uint8, sRGB
    """
    z = np.asarray(z)
    rgb = PHASE_COLOURS[ph.encode_wrapped(np.angle(z))]
    rgb[z == 0] = NO_DATA
    return rgb


def phase_png(z: ph.ComplexArray) -> bytes:
    """A phasor field as a PNG file, one pixel a sample.

    Shape:
        (H, W) complex -> bytes
    """
    return rgb_png(phase_rgb(z))


def rgb_png(rgb: NDArray[np.uint8]) -> bytes:
    """An sRGB image as a PNG file.

    Shape:
        (H, W, 3) uint8 -> bytes
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, format="PNG")
    return buffer.getvalue()


def phase_colormap() -> Colormap:
    """The same colours as a matplotlib colour map over [-pi, pi); not-a-number is no-data grey."""
    from matplotlib.colors import ListedColormap

    colours = np.roll(PHASE_COLOURS, ph.STEPS_PER_CYCLE // 2, axis=0) / 255
    return ListedColormap(colours, name="ssl_insar.phase").with_extremes(bad=(*(NO_DATA / 255), 1.0))


def colour_bar(axes: Axes, *, text_size: float = 8.0) -> None:
    """Fill axes with the phase colour bar, which states the sign and shows the no-data grey.

    Args:
        axes: empty, wider than high; ticks and labels are drawn below it.
        text_size: points.
    """
    ramp: NDArray[Any] = np.roll(PHASE_COLOURS, ph.STEPS_PER_CYCLE // 2, axis=0)[None]
    axes.imshow(ramp, aspect="auto", extent=(-np.pi, np.pi, 0, 1), interpolation="nearest")
    axes.set_xticks([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi], ["−π", "toward", "0", "away", "π"])
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=text_size, length=2)
    axes.set_xlabel(f"wrapped phase (rad), {SIGN}; grey: no data", fontsize=text_size)
    for spine in axes.spines.values():
        spine.set_visible(False)
