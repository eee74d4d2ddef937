"""One picture of a verdict: the tile, what speaks for it, how coherent it is, and what it resembles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.explain.outline import LEVEL, Salient
from ssl_insar.maps import colour_bar, phase_rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS = 6
"""Columns of the picture: three large panels above, up to this many neighbours below."""
_CELL = 1.75
"""Inches a column."""
_INK, _SOFT = "#222222", "#59636e"
_MARK = "#c2185b"
"""Of what belongs to the tile in question; no phase has this colour."""
_PALE = 0.55
"""How far the phase under the saliency is taken toward white."""


@dataclass(frozen=True)
class Picture:
    """A labelled neighbour.

    Attributes:
        phasor: (T, T).
        title: label.
        line: cosine, place and dates.
    """

    phasor: NDArray[np.complex64]
    title: str
    line: str


@dataclass(frozen=True)
class Chip:
    """What there is to draw of a tile.

    Attributes:
        phasor: (T, T).
        saliency: (T, T), 0 to 1.
        salient: its outline; None where nothing speaks for the class.
        coherence: (T, T), 0 to 1; NaN without data.
        coherence_of: how the coherence was got.
        title: the verdict.
        lines: what else is known.
        method: of the saliency.
        neighbours: nearest labelled tiles.
    """

    phasor: NDArray[np.complex64]
    saliency: NDArray[np.float32]
    salient: Salient | None
    coherence: NDArray[np.float32]
    coherence_of: str
    title: str
    lines: list[str]
    method: str
    neighbours: list[Picture] = field(default_factory=list)

    def figure(self) -> Figure:
        """The picture, as a matplotlib figure."""
        from matplotlib.figure import Figure

        gap, bar, head = 0.2, 0.55, 0.32 + 0.17 * len(self.lines)
        large = (_ACROSS * _CELL - 2 * gap) / 3
        below = 0.0 if not self.neighbours else 0.25 + _CELL - gap + 0.42
        width, height = _ACROSS * _CELL + 2 * gap, head + 0.25 + large + bar + below + gap
        figure = Figure(figsize=(width, height), dpi=120, facecolor="white")

        def axes(left: float, top: float, wide: float, high: float) -> Axes:
            rectangle = (left / width, 1 - (top + high) / height, wide / width, high / height)
            made: Axes = figure.add_axes(rectangle)
            return made

        def text(left: float, top: float, words: str, **how: Any) -> None:
            given: dict[str, Any] = {"size": 8.5, "color": _SOFT, "va": "top", "parse_math": False} | how
            figure.text(left / width, 1 - top / height, words, **given)

        text(gap, 0.1, self.title, size=11, weight="bold", color=_INK)
        for number, line in enumerate(self.lines):
            text(gap, 0.34 + 0.17 * number, line)
        top, under = head + 0.25, head + 0.25 + large + 0.06
        titles = ("wrapped phase", f"what speaks for it ({self.method})", self.coherence_of)
        panels = [axes(gap + i * (large + gap), top, large, large) for i in range(3)]
        for panel, title in zip(panels, titles, strict=True):
            panel.set_title(title, size=9, color=_INK, pad=4)
            _frame(panel)
        bars = [axes(gap + i * (large + gap) + 0.1, under, large - 0.2, 0.11) for i in range(3)]
        panels[0].imshow(phase_rgb(self.phasor), interpolation="nearest")
        colour_bar(bars[0], text_size=7)
        self._draw_saliency(panels[1], bars[1])
        self._draw_coherence(panels[2], bars[2])
        for number, neighbour in enumerate(self.neighbours[:_ACROSS]):
            left, high = gap + number * _CELL, top + large + bar + 0.25
            one = axes(left, high, _CELL - gap, _CELL - gap)
            one.imshow(phase_rgb(neighbour.phasor), interpolation="antialiased")
            _frame(one)
            text(left, high + _CELL - gap + 0.05, neighbour.title, size=8, weight="bold", color=_INK)
            text(left, high + _CELL - gap + 0.2, neighbour.line, size=6.5)
        if self.neighbours:
            text(gap, top + large + bar + 0.06, "nearest labelled tiles", size=9, color=_INK)
        return figure

    def _draw_saliency(self, panel: Axes, bar: Axes) -> None:
        """The phase paled, the saliency over it, and the outline of the salient part."""
        rgb = phase_rgb(self.phasor) / 255
        shown = panel.imshow(rgb + _PALE * (1 - rgb), interpolation="nearest")
        glow = panel.imshow(
            self.saliency,
            cmap="inferno",
            vmin=0,
            vmax=1,
            alpha=0.75 * self.saliency,
            interpolation="bilinear",
        )
        panel.set_xlim(shown.get_extent()[:2])
        panel.set_ylim(shown.get_extent()[2:])
        if self.salient is None:
            panel.text(
                0.5,
                0.5,
                "nothing speaks for it",
                ha="center",
                va="center",
                transform=panel.transAxes,
                color=_INK,
            )
        else:
            for polygon in getattr(self.salient.outline, "geoms", [self.salient.outline]):
                for ring in (polygon.exterior, *polygon.interiors):
                    panel.plot(*(np.asarray(ring.coords).T - 0.5), color=_MARK, linewidth=1.6)
            panel.plot(
                self.salient.col, self.salient.row, "+", color=_MARK, markersize=9, markeredgewidth=1.6
            )
        _scale(bar, glow, f"relative to the tile's largest; outline: {LEVEL:g}, cross: the largest")

    def _draw_coherence(self, panel: Axes, bar: Axes) -> None:
        shown = panel.imshow(self.coherence, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        panel.set_facecolor("#e8d5b5")
        _scale(bar, shown, "0: noise, 1: coherent; sand: no data")


def _frame(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="#d1d1d1", linewidth=0.8)


def _scale(axes: Axes, drawn: Any, words: str) -> None:
    """A colour bar in the style of the phase's."""
    ramp = np.linspace(0, 1, 256)[None]
    axes.imshow(ramp, cmap=drawn.get_cmap(), aspect="auto", extent=(0, 1, 0, 1))
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=7, length=2)
    axes.set_xlabel(words, fontsize=7)
    for spine in axes.spines.values():
        spine.set_visible(False)
