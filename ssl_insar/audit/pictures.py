"""Pictures of what was found, to be judged by eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ssl_insar import phase as ph
from ssl_insar.archive import Archive
from ssl_insar.audit.align import common_parts
from ssl_insar.audit.copies import Copies, Copy
from ssl_insar.audit.leaks import Leak
from ssl_insar.audit.overlaps import Overlaps
from ssl_insar.audit.transforms import TRANSFORMS, Transform
from ssl_insar.audit.verify import Match
from ssl_insar.maps import colour_bar, figures, phase_rgb

SAMPLE = 50
"""Pairs of copies drawn; of more a random sample."""

_SIDE = 112
"""px of a drawn tile; larger ones are multilooked."""

_GAP = 6
_ACROSS = 2
_BADS = 12
_BARS = 15


@dataclass(frozen=True)
class Pair:
    """Two tiles to be drawn beside each other.

    Attributes:
        other: the tile that is repeated.
        tile: its copy.
        back: what turns the copy back.
        title: above the picture.
        shift: (rows, columns) by which the copy is moved before it is turned back.
    """

    other: int
    tile: int
    back: Transform
    title: str
    shift: tuple[int, int] = (0, 0)


def sample_pairs(archive: Archive, copies: Copies, count: int = SAMPLE, seed: int = 0) -> list[Pair]:
    """Some of the copies, drawn at random, in the order of the archive."""
    chosen = np.random.default_rng(seed).permutation(len(copies.found))[:count]
    return [_pair_of(archive, copies.found[i]) for i in np.sort(chosen)]


def look_alikes(archive: Archive, matches: Sequence[Match], count: int = 8) -> list[Pair]:
    """The pairs that came nearest to being taken for copies."""
    pairs = []
    for match in matches[:count]:
        kind = TRANSFORMS[match.transform].kind
        title = _title(archive, match.second, match.first, f"no copy ({kind}) {match.correlation:.3f}")
        pairs.append(Pair(match.first, match.second, TRANSFORMS[match.transform].inverse, title))
    return pairs


def overlapping(archive: Archive, overlaps: Overlaps, count: int = 12, seed: int = 0) -> list[Pair]:
    """Some of the overlaps that were told from the pixels, drawn at random."""
    told = [overlap for overlap in overlaps.found if overlap.correlation is not None]
    chosen = np.random.default_rng(seed).permutation(len(told))[:count]
    pairs = []
    for overlap in (told[i] for i in np.sort(chosen)):
        said = f"{overlap.share:.0%} in common, {overlap.detail}"
        title = _title(archive, overlap.second, overlap.first, said)
        down, across = overlap.shift
        pairs.append(Pair(overlap.first, overlap.second, overlap.turn.inverse, title, (-down, -across)))
    return pairs


def pair_sheet(archive: Archive, pairs: Sequence[Pair], path: Path) -> None:
    """Draw pairs: a tile, its copy, and the copy turned back, which should look like the first."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    down = -(-len(pairs) // _ACROSS)
    inch = (3 * _SIDE + 2 * _GAP) / 100
    figure = Figure(figsize=(_ACROSS * (inch + 0.25), down * 1.62 + 0.7), dpi=100, layout="constrained")
    grid = figure.add_gridspec(down + 1, _ACROSS, height_ratios=[1.0] * down + [0.08])
    for number, pair in enumerate(pairs):
        other, tile = archive.phasors([pair.other, pair.tile])
        moved = np.zeros_like(tile)
        taken, left = common_parts(tile, moved, pair.shift)
        left[...] = taken
        shown = [phase_rgb(_small(field)) for field in (other, tile, pair.back(moved))]
        gap = np.full((len(shown[0]), _GAP, 3), 255, np.uint8)
        strip = np.concatenate([shown[0], gap, shown[1], gap, shown[2]], axis=1)
        axes = figure.add_subplot(grid[number // _ACROSS, number % _ACROSS])
        axes.imshow(strip, interpolation="nearest")
        axes.set_title(pair.title, fontsize=5.5, loc="left")
        axes.set_axis_off()
    colour_bar(figure.add_subplot(grid[down, :]), text_size=6)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    drawn.quantize(256).save(path)  # noise does not compress: a byte a pixel instead of four


def tile_sheet(archive: Archive, rows: Sequence[int], titles: Sequence[str], path: Path) -> None:
    """Draw single tiles, those given first."""
    from ssl_insar.maps.contact_sheet import save_sheet

    shown = list(rows)[:_BADS]
    fields = [_small(field).astype(np.complex64) for field in archive.phasors(shown)]
    save_sheet(fields, [_fit(title, 44) for title in titles[:_BADS]], path)


def correlation_histogram(copies: Copies, path: Path) -> None:
    """How the correlations of the compared pairs are spread, and where copies begin."""
    figure, axes = figures.new_figure(6.4, 2.8)
    values = copies.correlations
    edges = np.linspace(0, 1, 81).tolist()
    axes.hist(values[values < copies.threshold], edges, color=figures.GREY, label="look alike")
    axes.hist(values[values >= copies.threshold], edges, color=figures.ORANGE, label="copies")
    axes.axvline(copies.threshold, color=figures.INK, linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.set_xlabel("correlation of the two tiles, pixel by pixel", fontsize=9)
    axes.set_ylabel("pairs", fontsize=9)
    axes.legend(fontsize=8, frameon=False, loc="upper center")
    path.write_bytes(figures.png(figure))


def balance_bars(name: str, table: pd.DataFrame, value: Any, path: Path) -> None:
    """How many tiles of one class the volcanoes hold that hold most of it."""
    held = table[value][table[value] > 0].head(_BARS)
    figure, axes = figures.new_figure(6.4, 0.6 + 0.24 * len(held))
    places = np.arange(len(held))[::-1]
    axes.barh(places, held.to_numpy(), color=figures.BLUE)
    total = int(table[value].sum())
    for place, count in zip(places, held.to_numpy(), strict=True):
        axes.annotate(
            f"{count:,} ({count / total:.0%})", (count, place), (3, 0), textcoords="offset points",
            va="center", fontsize=7.5, color=figures.INK,
        )  # fmt: skip
    axes.set_yticks(places, [str(volcano)[:40] for volcano in held.index])
    axes.margins(x=0.15)
    axes.set_xlabel(f"tiles with {name} = {value}", fontsize=9)
    path.write_bytes(figures.png(figure))


def leak_bars(leaks: Sequence[Leak], path: Path) -> None:
    """Which share of the held-out tiles is known from training, and in which respect."""
    known = [leak for leak in leaks if leak.tiles]
    figure, axes = figures.new_figure(6.4, 0.7 + 0.26 * len(known))
    places = np.arange(len(known))[::-1]
    axes.barh(places, [leak.share for leak in known], color=figures.ORANGE)
    for place, leak in zip(places, known, strict=True):
        axes.annotate(
            f"{leak.leaked:,} of {leak.tiles:,}", (leak.share, place), (3, 0), textcoords="offset points",
            va="center", fontsize=7.5, color=figures.INK,
        )  # fmt: skip
    several = len({leak.part for leak in known}) > 1
    names = [f"{leak.part}: {leak.what}" if several else leak.what for leak in known]
    axes.set_yticks(places, [name.replace("-", " ") for name in names])
    axes.set_xlim(0, 1.18)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("held-out tiles that share it with training", fontsize=9)
    path.write_bytes(figures.png(figure))


def _pair_of(archive: Archive, copy: Copy) -> Pair:
    said = f"{copy.kind} {copy.correlation:.3f}" + (f" ({copy.detail})" if copy.detail else "")
    return Pair(copy.other, copy.tile, copy.transform.inverse, _title(archive, copy.tile, copy.other, said))


def _title(archive: Archive, tile: int, other: int, said: str) -> str:
    ids = archive.catalogue["id"]
    names = (_fit(str(ids.iloc[row]), 66) for row in (other, tile))
    return "\n".join([*names, _fit(said, 96)])


def _fit(text: str, most: int) -> str:
    """A text without its middle if it is too long: ends tell tiles apart better than beginnings."""
    if len(text) <= most:
        return text
    return f"{text[: most // 3]}…{text[len(text) - (most - most // 3 - 1) :]}"


def _small(field: ph.ComplexArray) -> ph.ComplexArray:
    looks = max(1, -(-len(field) // _SIDE))
    return ph.multilook(field, looks)[0] if looks > 1 else field
