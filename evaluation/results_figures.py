"""The figures of the page of results."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation.few_shot import SHARES, SHOTS, part_of
from evaluation.leave_one_volcano_out import VOLCANO
from ssl_insar.atomic import replacing
from ssl_insar.classify.compare import PRIOR
from ssl_insar.maps import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = (figures.ORANGE, figures.BLUE, figures.GREEN, "#CC79A7", "#E69F00", "#56B4E9")
_GRID = "#E7EAED"
_MARKERS = "osD^vPX*"
_NAMES = {"ap": "average precision", "auroc": "AUROC"}


def style_of(methods: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each method: the first ones in colour, the rest in grey."""
    return {
        name: (_COLOURS[i] if i < len(_COLOURS) else figures.GREY, _MARKERS[i % len(_MARKERS)])
        for i, name in enumerate(methods)
    }


def few_shot_curve(lines: pd.DataFrame, metric: str) -> Figure:
    """A metric against the number of labels a class, and against the share of all labels, with intervals.

    Args:
        lines: of the few-shot protocol and one metric.
        metric: its name.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.6), dpi=160, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(6, 5))
    # The volcano prior is the line of chance: that of AP, the share of positives, is another in each half.
    chance = lines[lines["method"] == PRIOR].set_index("part")["value"]
    methods = [str(name) for name in dict.fromkeys(lines["method"]) if name != PRIOR]
    for axes, numbers, unit in ((left, SHOTS, "a class"), (right, SHARES, "%")):
        _plain(axes)
        for place, (name, (colour, marker)) in enumerate(style_of(methods).items()):
            own = lines[lines["method"] == name].set_index("part")
            known = [
                (i, own.loc[part_of(n, unit)]) for i, n in enumerate(numbers) if part_of(n, unit) in own.index
            ]
            if not known:
                continue
            # Moved aside a little, so that bars of equal height stay apart.
            x = np.array([i for i, _ in known]) + (place - (len(methods) - 1) / 2) * 0.06
            y = np.array([line["value"] for _, line in known])
            ends = np.array([[line["low"], line["high"]] for _, line in known]).T
            axes.errorbar(
                x, y, np.abs(ends - y), color=colour, marker=marker, markersize=4.5 if place else 6,
                linewidth=1.2 if place else 2.2, elinewidth=0.8, capsize=0, label=name,
                zorder=2 if place else 3,
            )  # fmt: skip
        axes.set_xticks(range(len(numbers)), [f"{number:g}" for number in numbers])
        axes.set_xlabel("labels a class" if unit == "a class" else "share of the labels, %", fontsize=9)
        level = chance.reindex([part_of(number, unit) for number in numbers]).to_numpy()
        axes.plot(range(len(numbers)), level, color=figures.GREY, linewidth=1.0, linestyle=":")
        axes.grid(axis="y", color=_GRID, linewidth=0.7)
        axes.set_axisbelow(True)
    right.annotate(
        "chance", (1, level[-1]), (3, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        va="center", fontsize=7.5, color=figures.GREY,
    )  # fmt: skip
    left.set_ylabel(f"{_NAMES[metric]} at other volcanoes", fontsize=9)
    handles = {
        label: handle
        for axes in (left, right)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(handles.values()), list(handles), loc="outside upper center", ncols=4, fontsize=8, frameon=False
    )
    return figure


def volcano_figure(lines: pd.DataFrame, methods: Sequence[str]) -> Figure:
    """AUROC of each volcano that was left out, the worst of the first method on top.

    Args:
        lines: AUROC of parts that are volcanoes.
        methods: that are shown.
    """
    table = lines.pivot_table(index="part", columns="method", values="value", sort=False)
    shown = [name for name in methods if name in table]
    table = table.sort_values(shown[0], ascending=False)
    counts = lines.drop_duplicates("part").set_index("part").loc[table.index]
    figure, axes = figures.new_figure(6.8, 1.3 + 0.32 * len(table))
    for name, (colour, marker) in reversed(list(style_of(shown).items())):
        first = name == shown[0]
        axes.scatter(
            table[name], range(len(table)), s=46 if first else 26, color=colour, marker=marker,
            label=name, zorder=3 if first else 2, linewidths=0, clip_on=False,
        )  # fmt: skip
    labels = [
        f"{str(part).removeprefix(VOLCANO).replace('_', ' ')} ({int(n)})"
        for part, n in zip(table.index, counts["positives"], strict=True)
    ]
    axes.set_yticks(range(len(table)), labels)
    axes.axvline(0.5, color=figures.GREY, linewidth=0.8, linestyle=":")
    axes.annotate(
        "chance", (0.5, 0), (3, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
        fontsize=7.5, color=figures.GREY,
    )  # fmt: skip
    axes.set_xlim(min(0.0 if table[shown].min().min() < 0.3 else 0.3, 0.5), 1.0)
    axes.grid(axis="y", color=_GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("AUROC of a volcano that was left out (its positives in brackets)", fontsize=9)
    axes.legend(
        **_in_order(axes), fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3
    )
    return figure


def save(figure: Figure, stem: Path) -> list[str]:
    """Write ``stem.png`` and ``stem.svg``, and give their names."""
    import matplotlib as mpl

    for suffix in (".png", ".svg"):
        buffer = io.BytesIO()
        # Without a date, and with names that are not random, so that the same numbers give the same file.
        with mpl.rc_context({"svg.hashsalt": "ssl_insar"}):
            figure.savefig(
                buffer, format=suffix[1:], dpi=160, metadata={"Date": None} if suffix == ".svg" else None
            )
        with replacing(stem.with_suffix(suffix)) as scratch:
            scratch.write_bytes(buffer.getvalue())
    return [stem.with_suffix(suffix).name for suffix in (".png", ".svg")]


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(figures.GREY)
    axes.tick_params(colors=figures.INK, labelsize=8, length=3)


def _in_order(axes: Axes) -> dict[str, Any]:
    """Handles and labels of a legend in the order of the tables; they were drawn the other way round."""
    handles, labels = axes.get_legend_handles_labels()
    return {"handles": handles[::-1], "labels": labels[::-1]}
