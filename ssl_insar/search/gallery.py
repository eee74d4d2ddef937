"""Pictures of a query and its neighbours: a PNG for a paper or a message, an HTML page to look around in."""

from __future__ import annotations

import base64
import io
import textwrap
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.atomic import replacing
from ssl_insar.maps import PHASE_COLOURS, SIGN, colour_bar, phase_rgb
from ssl_insar.search.index import Index
from ssl_insar.search.pictures import Pictures
from ssl_insar.search.query import Query

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 100
"""Neighbours drawn; the table has them all."""

_ACROSS, _CELL = 5, 2.1
"""Pictures in a row of the figure, and their side in inches."""

_MARK = (194, 24, 91)
"""sRGB of what belongs to the query; no phase has this colour."""

_LABELS = 3
"""Labels in a caption; the details have them all."""

_LARGEST = 512
"""px; a larger query frame is multilooked down to this for the picture."""


@dataclass(frozen=True)
class Panel:
    """One picture and its caption.

    Attributes:
        rgb: (H, W, 3) uint8.
        title: first line of the caption.
        lines: the others.
        details: name and value of what the page shows on demand.
    """

    rgb: NDArray[np.uint8]
    title: str
    lines: list[str]
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gallery:
    """What there is to draw.

    Attributes:
        query: the query.
        neighbours: its neighbours, best first.
        notes: sentences on how they were found.
    """

    query: Panel
    neighbours: list[Panel]
    notes: list[str] = field(default_factory=list)

    def figure(self) -> Figure:
        """The query on top, neighbours below, and the colour bar, as a matplotlib figure."""
        lines = 1 + max((len(panel.lines) for panel in self.neighbours), default=0)
        cell, gap, leading = _CELL, 0.14, 0.15  # inches
        pitch = cell + lines * leading + 0.05 + gap
        rows = -(-len(self.neighbours) // _ACROSS)
        top = 0.36  # of the query's picture, below its heading
        below = top + cell + 0.22
        page = _Page(_ACROSS * (cell + gap) + gap, below + rows * pitch, self._dots_per_inch())

        page.text(gap, 0.1, "Query", size=10, weight="bold")
        page.picture(gap, top, cell, self.query.rgb, edge=_MARK, edge_width=2.0)
        beside = 2 * gap + cell
        room = int((page.width - beside) * 15)  # letters
        told = [_short(line, room) for line in [self.query.title, *self.query.lines]]
        told += [""] + [line for note in self.notes for line in textwrap.wrap(note, room)]
        for number, line in enumerate(told[:10]):
            page.text(beside, top + number * leading, line, weight="bold" if number == 0 else "normal")
        colour_bar(page.axes(beside, top + cell - 0.4, 2 * cell + gap, 0.14), text_size=7)
        for number, panel in enumerate(self.neighbours):
            left = gap + number % _ACROSS * (cell + gap)
            upper = below + number // _ACROSS * pitch
            page.picture(left, upper, cell, panel.rgb)
            for place, line in enumerate([panel.title, *panel.lines]):
                at = upper + cell + 0.05 + place * leading
                page.text(left, at, _short(line, 36), weight="bold" if place == 0 else "normal")
        return page.figure

    def _dots_per_inch(self) -> float:
        """As many as make a tile's pixel a whole number of dots, so that fringes are not resampled."""
        side = max((panel.rgb.shape[0] for panel in self.neighbours), default=224)
        return max(100.0, min(-(-_CELL * 140 // side) * side / _CELL, 220.0))

    def save_png(self, path: str | Path) -> None:
        """Write the figure, whole or not at all."""
        with replacing(Path(path)) as scratch, warnings.catch_warnings():
            # A file name in a script that the font lacks gets boxes, not a page of warnings.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            self.figure().savefig(scratch)

    def save_html(self, path: str | Path) -> None:
        """Write one self-contained page, whole or not at all; names in it are text, never markup."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["picture"] = _data_uri
        ramp = np.roll(PHASE_COLOURS, ph.STEPS_PER_CYCLE // 2, axis=0)[None]
        page = environment.get_template("gallery.html.j2").render(gallery=self, ramp=ramp, sign=SIGN)
        with replacing(Path(path)) as scratch:
            # A file name can hold bytes that are no text at all; they show as question marks.
            scratch.write_text(page, encoding="utf-8", errors="replace")


def make_gallery(
    index: Index, query: Query, table: pd.DataFrame, archive: Archive | Pictures, notes: Sequence[str] = ()
) -> Gallery:
    """Pictures and captions of a query and its neighbours.

    Args:
        index: where they were found.
        query: what was searched for.
        table: its neighbours, from `ssl_insar.search.query.as_table`.
        archive: holds the tiles, from `open_archive`; or `Pictures` of several archives.
        notes: sentences on how they were found.
    """
    shown = table.head(MOST)
    told = list(notes)
    if len(shown) < len(table):
        told.append(f"The first {len(shown)} of {len(table)} neighbours are drawn; results.csv has them all.")
    tiles = archive if isinstance(archive, Pictures) else Pictures(index, [archive])
    own = [] if query.position is None else [str(index.catalogue["id"].iloc[query.position])]
    pictures = tiles.phasors([*own, *shown["id"]])
    several = len(query.tiles) > 1
    neighbours = []
    for picture, (_, row) in zip(pictures[len(own) :], shown.iterrows(), strict=True):
        lines = _caption(row)
        if several:
            lines.append(f"like the query at row {row['query_row']}, col {row['query_col']}")
        details = {str(name).removeprefix(LABEL_PREFIX): plain(value) for name, value in row.items()}
        neighbours.append(
            Panel(phase_rgb(picture), f"{row['rank']}   cosine {row['cosine']:.3f}", lines, details)
        )
    panel = _query_panel(index, query, shown, pictures[0] if own else None)
    return Gallery(panel, neighbours, [*told, *tiles.missing])


def _query_panel(
    index: Index, query: Query, table: pd.DataFrame, picture: NDArray[np.complex64] | None
) -> Panel:
    if query.frame is None:
        assert query.position is not None  # a query is a tile or a file
        assert picture is not None
        row = index.catalogue.iloc[query.position]
        return Panel(phase_rgb(picture), plain(row["id"]), _caption(row))
    frame = query.frame
    facts = {
        name: getattr(frame, name)
        for name in ("volcano", "track", "frame", "reference_date", "secondary_date")
    }
    lines = _caption(pd.Series(facts, dtype=object))
    height, width = frame.shape
    looks = max(1, -(-max(height, width) // _LARGEST))
    z = frame.phasor if looks == 1 else ph.multilook(frame.phasor, looks)[0]
    rgb = phase_rgb(z)
    if len(query.tiles) == 1:
        lines.append(f"{height} x {width} px")
    else:
        lines.append(
            f"{height} x {width} px, {len(query.tiles)} tiles; framed: most like the first neighbour"
        )
        if len(table):
            first = table.iloc[0]
            _frame(rgb, first["query_row"] // looks, first["query_col"] // looks, (index.tile or 0) // looks)
    return Panel(rgb, plain(frame.source.name), lines)


def _frame(rgb: NDArray[np.uint8], row: int, col: int, side: int) -> None:
    """Draw a square into a picture, wide enough to be seen when the picture is small."""
    wide = max(2, max(rgb.shape) // 120)
    for inset, colour in ((0, (255, 255, 255)), (wide // 2, _MARK)):
        square = rgb[row + inset : row + side - inset, col + inset : col + side - inset]
        rim = np.ones(square.shape[:2], bool)
        rim[wide - inset : inset - wide, wide - inset : inset - wide] = False
        square[rim] = colour


def _caption(row: pd.Series[Any]) -> list[str]:
    """Place and track, dates, labels: what a person asks first about a neighbour."""

    def known(name: str) -> str | None:
        value = row.get(name)
        return None if pd.isna(value) else plain(value)

    place = known("volcano") or known("file") or "place unknown"
    track = known("track") or known("frame")
    dates = known("reference_date"), known("secondary_date")
    lines = [
        " · ".join(part for part in (place, track) if part),
        f"{dates[0]} to {dates[1]}" if all(dates) else "dates unknown",
    ]
    names = [str(name) for name in row.index if str(name).startswith(LABEL_PREFIX)]
    labels = [f"{name.removeprefix(LABEL_PREFIX)} {known(name)}" for name in names if known(name)]
    return lines + labels[:_LABELS]


class _Page:
    """A figure measured in inches from its upper left corner."""

    def __init__(self, width: float, height: float, dots: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=dots, facecolor="white")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = 1 - (top + height) / self.height
        axes: Axes = self.figure.add_axes(
            (left / self.width, bottom, width / self.width, height / self.height)
        )
        return axes

    def picture(
        self,
        left: float,
        top: float,
        side: float,
        rgb: NDArray[np.uint8],
        edge: tuple[int, ...] = (209, 209, 209),
        edge_width: float = 0.8,
    ) -> None:
        axes = self.axes(left, top, side, side)
        dots = side * self.figure.dpi
        axes.imshow(rgb, interpolation="nearest" if max(rgb.shape[:2]) <= dots else "antialiased")
        axes.set_anchor("NW")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(color=[level / 255 for level in edge], linewidth=edge_width)

    def text(self, left: float, top: float, text: str, size: float = 8, weight: str = "normal") -> None:
        # A dollar in a file name is a dollar, not the start of a formula.
        self.figure.text(
            left / self.width,
            1 - (top + 0.11) / self.height,
            text,
            size=size,
            weight=weight,
            color="#222222",
            va="baseline",
            parse_math=False,
        )


def plain(value: Any) -> str:
    """Text of a value on one line, without the control characters that a file name can hold."""
    if value is None or pd.isna(value):
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text
    )


def _short(text: str, length: int) -> str:
    """The text with its middle left out when it is too long: both ends of a file name tell something."""
    if len(text) <= length:
        return text
    head = (length - 1) // 2
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"


def _data_uri(rgb: NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
