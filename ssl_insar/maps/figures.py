"""The figures of a report, in one style: quiet axes, direct labels, colours for the colour-blind."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color Universal Design".
BLUE, ORANGE, GREEN, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#9AA3AB", "#24292F"
_DPI = 160


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one axes, sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=8, length=3)
    return figure, axes


def png(figure: Figure) -> bytes:
    """A figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def loss_curve(step: NDArray[np.int64], loss: NDArray[np.float64], per_epoch: int, chance: float) -> Figure:
    """Loss of every step, and its running mean.

    Args:
        step: (n,) optimiser steps.
        loss: (n,) NT-Xent.
        per_epoch: steps an epoch, for the axis.
        chance: loss of an encoder that cannot tell any two tiles apart.
    """
    figure, axes = new_figure(6.4, 3.0)
    epochs = (step + 1) / per_epoch
    axes.plot(epochs, loss, color=BLUE, alpha=0.25, linewidth=0.8)
    window = max(1, len(loss) // 40)
    smooth = np.convolve(np.pad(loss, (window - 1, 0), mode="edge"), np.ones(window) / window, "valid")
    axes.plot(epochs, smooth, color=BLUE, linewidth=1.8)
    axes.axhline(chance, color=GREY, linewidth=0.8, linestyle=":")
    axes.annotate(
        "no two tiles told apart", (epochs[-1], chance), (0, 3), textcoords="offset points",
        ha="right", fontsize=7.5, color=GREY,
    )  # fmt: skip
    axes.set_xlabel("epoch", fontsize=9)
    axes.set_ylabel("NT-Xent loss", fontsize=9)
    return figure


def progress_curve(epoch: Sequence[float], values: Sequence[float], chance: float, label: str) -> Figure:
    """A score at each look of the monitor, against its chance level."""
    figure, axes = new_figure(6.4, 3.0)
    axes.plot(epoch, values, color=ORANGE, linewidth=1.8, marker="o", markersize=4)
    axes.axhline(chance, color=GREY, linewidth=0.8, linestyle=":")
    axes.annotate(
        "chance", (max(epoch), chance), (0, 3), textcoords="offset points",
        ha="right", fontsize=7.5, color=GREY,
    )  # fmt: skip
    for i in {0, len(values) - 1}:
        axes.annotate(
            f"{values[i]:.3f}", (epoch[i], values[i]), (0, 6), textcoords="offset points",
            ha="center", fontsize=8.5, color=INK, weight="bold",
        )  # fmt: skip
    axes.set_ylim(0, max(*values, chance) * 1.25)
    axes.set_xlabel("epoch", fontsize=9)
    axes.set_ylabel(label, fontsize=9)
    return figure


def scatter_map(
    points: NDArray[np.float32],
    positive: NDArray[np.bool_] | None,
    coherence: NDArray[np.float64],
) -> Figure:
    """Two copies of a map: coloured by label, where there are labels, and by coherence.

    Args:
        points: (n, 2).
        positive: (n,) whether a tile deforms; None without labels.
        coherence: (n,) mean local coherence.
    """
    from matplotlib.figure import Figure

    count = 1 if positive is None else 2
    figure = Figure(figsize=(4.6 * count, 4.3), dpi=_DPI, layout="constrained")
    size = float(np.clip(9000 / len(points), 2, 14))
    axes: Any = None
    if positive is not None:
        axes = figure.add_subplot(1, count, 1)
        axes.scatter(
            *points[~positive].T, s=size, color=GREY, alpha=0.45, linewidths=0, label="no deformation"
        )
        axes.scatter(*points[positive].T, s=size * 1.6, color=ORANGE, linewidths=0, label="deformation")
        axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2)
        axes.set_title("by label (not used in training)", fontsize=9, color=INK)
    other = figure.add_subplot(1, count, count)
    x, y = points.T
    dots = other.scatter(x, y, s=size, c=coherence, cmap="cividis", vmin=0, vmax=1, linewidths=0)
    other.set_title("by mean local coherence", fontsize=9, color=INK)
    bar = figure.colorbar(dots, ax=other, orientation="horizontal", fraction=0.04, pad=0.02, aspect=40)
    bar.ax.tick_params(labelsize=7.5)
    for each in figure.axes[:count] if axes is None else (axes, other):
        each.set_xticks([])
        each.set_yticks([])
        for spine in each.spines.values():
            spine.set_color("#D5DADF")
    return figure
