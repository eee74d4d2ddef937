"""Many interferograms on one page, in the colours of phase and with the colour bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssl_insar.atomic import replacing
from ssl_insar.maps.phase_image import colour_bar, phase_rgb

_CELL = 2.6
"""Inches a picture."""


def save_sheet(
    fields: Sequence[NDArray[np.complex64]], titles: Sequence[str], path: Path, columns: int = 4
) -> None:
    """Draw phasor fields side by side into a PNG.

    Args:
        fields: (H, W) phasors, of any sizes.
        titles: what to write above each.
        path: PNG to write.
        columns: pictures side by side; fewer if there are not as many.
    """
    from matplotlib.figure import Figure

    across = min(len(fields), columns)
    down = math.ceil(len(fields) / across)
    width = max(across * _CELL, 4.2)  # the colour bar needs that
    figure = Figure(figsize=(width, down * _CELL * 1.12 + 0.6), dpi=130, layout="constrained")
    grid = figure.add_gridspec(down + 1, across, height_ratios=[1.0] * down + [0.06])
    for i, (field, title) in enumerate(zip(fields, titles, strict=True)):
        axes = figure.add_subplot(grid[i // across, i % across])
        axes.imshow(phase_rgb(field), interpolation="nearest")
        axes.set_title(title, fontsize=6)
        axes.set_axis_off()
    colour_bar(figure.add_subplot(grid[down, :]))
    with replacing(path) as scratch:
        figure.savefig(scratch, format="png")
