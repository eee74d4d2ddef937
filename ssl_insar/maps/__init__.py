"""Figures: phase in colour, and what is drawn from it."""

from ssl_insar.maps.phase_image import (
    NO_DATA,
    PHASE_COLOURS,
    SIGN,
    colour_bar,
    phase_colormap,
    phase_png,
    phase_rgb,
)

__all__ = ["NO_DATA", "PHASE_COLOURS", "SIGN", "colour_bar", "phase_colormap", "phase_png", "phase_rgb"]
