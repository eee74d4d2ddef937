"""A folder of explanations: a PNG a tile, a GeoPackage of outlines, and a page to look around in."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ssl_insar import phase as ph
from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import GEOGRAPHIC
from ssl_insar.atomic import replacing
from ssl_insar.augment import field as fd
from ssl_insar.errors import UserError
from ssl_insar.explain.chip import Chip, Picture
from ssl_insar.explain.evidence import Evidence, Neighbour
from ssl_insar.explain.judge import Judge
from ssl_insar.explain.outline import Salient, on_the_map, salient_part
from ssl_insar.explain.saliency import METHOD, STRIDE, Method, saliency
from ssl_insar.models.precision import best_device
from ssl_insar.progress import bar

PAGE = "index.html"
TABLE = "explained.gpkg"
_BATCH = 32


@dataclass(frozen=True)
class Explained:
    """What is told of one tile, a row of the page and of the GeoPackage.

    Attributes:
        id: of the tile.
        picture: name of its PNG.
        score: NaN for an encoder alone.
        facts: place, dates, and where the saliency has its maximum.
        salient: see `ssl_insar.explain.outline.Salient`; None where nothing speaks for the class.
        neighbours: "label (cosine, place)" of the nearest labelled tiles.
    """

    id: str
    picture: str
    score: float
    facts: dict[str, Any]
    salient: Salient | None
    neighbours: list[str]


def explain(
    judge: Judge,
    archive: Archive,
    rows: Sequence[int],
    out: Path,
    *,
    scores: NDArray[np.float64] | None = None,
    evidence: Evidence | None = None,
    method: Method = METHOD,
    stride: int = STRIDE,
    progress: bool = True,
) -> list[Explained]:
    """Explain tiles, one after the other, into a folder.

    Args:
        judge: the model.
        archive: the tiles.
        rows: their positions, in the order of the page.
        out: folder; files of the same names are replaced.
        scores: (N,) of all tiles of the archive; None: not told.
        evidence: labelled tiles; None: none are shown.
        method: of the saliency.
        stride: see `ssl_insar.explain.saliency.saliency`.
        progress: draw a progress bar.

    Raises:
        UserError: a gradient is asked for where the model has none, or ``out`` is a file.
    """
    if method != "eigencam" and not judge.graded:
        raise UserError(f"this model has no linear head to take a {method} of; use --method eigencam")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    out.mkdir(parents=True, exist_ok=True)
    device = best_device()
    judge.network.to(device)
    told: list[Explained] = []
    label = "" if evidence is None else evidence.target
    with bar(len(rows), "explain", "tile", shown=progress) as progress_bar:
        for start in range(0, len(rows), _BATCH):
            chosen = list(rows[start : start + _BATCH])
            z = archive.phasors(chosen)
            tiles = fd.from_complex(torch.from_numpy(z)).to(device)
            maps = saliency(judge.network, tiles, judge.output, method, stride).cpu().numpy()
            coherence, delivered = _coherence(archive, chosen, z)
            for i, row in enumerate(chosen):
                score = float("nan") if scores is None else float(scores[row])
                one = _Tile(archive, row, len(told) + 1, score, salient_part(maps[i]), judge.what)
                near = [] if evidence is None else evidence.nearest(row)
                pictures = [one.neighbour(n, label) for n in near]
                chip = Chip(
                    z[i],
                    maps[i],
                    one.salient,
                    coherence[i],
                    "coherence of the product" if delivered[i] else "local coherence of the phase (5 x 5 px)",
                    one.title,
                    one.lines,
                    _NAMES[method],
                    pictures,
                )
                with replacing(out / one.file) as scratch:
                    chip.figure().savefig(scratch, format="png")
                named = [f"{label} {n.label} (cosine {n.cosine:.3f}, {_where(archive, n)})" for n in near]
                told.append(Explained(one.id, one.file, score, one.facts, one.salient, named))
                progress_bar.update()
    _write_outlines(told, archive, rows, out / TABLE, judge.what)
    _write_page(told, out / PAGE, judge.what, _NAMES[method])
    return told


_NAMES = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM", "eigencam": "Eigen-CAM"}


@dataclass(frozen=True)
class _Tile:
    """A tile in words."""

    archive: Archive
    row: int
    rank: int
    score: float
    salient: Salient | None
    what: str

    @property
    def _facts(self) -> pd.Series[Any]:
        facts: pd.Series[Any] = self.archive.catalogue.iloc[self.row]
        return facts

    @property
    def id(self) -> str:
        return str(self._facts["id"])

    @property
    def file(self) -> str:
        plain = re.sub(r"[^\w.-]+", "_", self.id)[-180:]  # file systems take 255 bytes at most
        return f"{self.rank:04d}_{plain}.png"

    @property
    def title(self) -> str:
        return self.id if np.isnan(self.score) else f"{self.what}: {self.score:.3f}"

    @property
    def lines(self) -> list[str]:
        named = ("largest saliency", "salient share")
        told = (f"{name}: {value}" if name in named else str(value) for name, value in self.facts.items())
        where = " · ".join(told)
        return [where] if np.isnan(self.score) else [_short(self.id, 140), where]

    @property
    def facts(self) -> dict[str, Any]:
        told = {"volcano": self._facts["volcano"], "track": self._facts["track"]}
        told["dates"] = _dates(self._facts)
        if self.salient is not None:
            told["largest saliency"] = f"row {self.salient.row}, column {self.salient.col}"
            told["salient share"] = f"{self.salient.share:.0%} of the tile"
        return {name: value for name, value in told.items() if value}

    def neighbour(self, found: Neighbour, label: str) -> Picture:
        at = found.position
        dates = _dates(self.archive.catalogue.iloc[at])
        line = f"cosine {found.cosine:.3f}, {_where(self.archive, found)}\n{dates}"
        return Picture(self.archive.phasors([at])[0], _short(f"{label} {found.label}", 24), line)


def _dates(facts: pd.Series[Any]) -> str:
    first, second = facts["reference_date"], facts["secondary_date"]
    return f"{first} to {second}" if first and second else ""


def _place(archive: Archive, position: int) -> str:
    return _short(str(archive.catalogue["volcano"].iloc[position] or "place unknown"), 26)


def _where(archive: Archive, neighbour: Neighbour) -> str:
    return "same place" if neighbour.same_place else _place(archive, neighbour.position)


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _coherence(
    archive: Archive, rows: list[int], z: NDArray[np.complex64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Coherence as delivered, else of the phase itself, NaN without data; and which it is."""
    delivered = archive.catalogue["has_coherence"].to_numpy(bool)[rows]
    local = ph.local_coherence(z).astype(np.float32)
    shown = np.where(delivered[:, None, None], archive.coherence(rows), local)
    return np.where(z == 0, np.nan, shown).astype(np.float32), delivered


def _write_outlines(
    told: list[Explained], archive: Archive, rows: Sequence[int], path: Path, what: str
) -> None:
    """Layer ``salient`` in longitude and latitude, and ``salient_px`` of tiles that have no place."""
    table = pd.DataFrame(
        {
            "rank": range(1, len(told) + 1),
            "id": [one.id for one in told],
            "score": [one.score for one in told],
            "what": what,
            "volcano": archive.catalogue["volcano"].to_numpy()[list(rows)],
            "reference_date": _iso(archive, rows, "reference_date"),
            "secondary_date": _iso(archive, rows, "secondary_date"),
            "row": [None if one.salient is None else one.salient.row for one in told],
            "col": [None if one.salient is None else one.salient.col for one in told],
            "share": [np.nan if one.salient is None else one.salient.share for one in told],
            "neighbours": ["; ".join(one.neighbours) for one in told],
            "picture": [one.picture for one in told],
        }
    )
    outlines = [None if one.salient is None else one.salient.outline for one in told]
    prints = archive.catalogue["geometry"].to_numpy()[list(rows)]
    placed = [
        None if outline is None else on_the_map(outline, footprint, archive.tile)
        for outline, footprint in zip(outlines, prints, strict=True)
    ]
    on_map = np.array([place is not None for place in placed], bool)
    with replacing(path) as scratch, warnings.catch_warnings():
        # Pixels have no reference system, and that is meant.
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        if on_map.any():
            gpd.GeoDataFrame(table, geometry=placed, crs=GEOGRAPHIC)[on_map].to_file(
                scratch, driver="GPKG", layer="salient"
            )
        if not on_map.all():
            gpd.GeoDataFrame(table, geometry=outlines)[~on_map].to_file(
                scratch, driver="GPKG", layer="salient_px", mode="a" if on_map.any() else "w"
            )


def _iso(archive: Archive, rows: Sequence[int], name: str) -> list[str | None]:
    return [None if day is None else str(day) for day in archive.catalogue[name].to_numpy()[list(rows)]]


def _write_page(told: list[Explained], path: Path, what: str, method: str) -> None:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ssl_insar.explain", "."), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("index.html.j2").render(told=told, what=what, method=method)
    with replacing(path) as scratch:
        # A file name can hold bytes that are no text at all; they show as question marks.
        scratch.write_text(page, encoding="utf-8", errors="replace")
