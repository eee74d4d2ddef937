"""Labels from Hephaestus annotations: JSON files, one an interferogram or many in one.

An annotation is of a whole LiCSAR interferogram, named by its frame and its two dates, with the
deformation drawn as polygons (``segmentation_mask``: lists x0, y0, x1, y1, ...) in pixels of the
frame's quick-look, ``<dates>.geo.diff.png``. Sources: README and ``annotation_utils.py`` of
github.com/Orion-AI-Lab/Hephaestus; ``annotations.json`` of the minicubes is one object of the same
annotations by their ``uniqueID``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ssl_insar.archive.catalogue import LABEL_PREFIX
from ssl_insar.archive.label_rows import laid
from ssl_insar.errors import UserError
from ssl_insar.readers.coverage import deforms
from ssl_insar.readers.hephaestus import at_tile, facts_of_annotation, joined, texts

QUICKLOOK = 0.3
"""Quick-look pixels a frame pixel, along each side: LiCSAR writes them with ``convert -resize 30%``."""

LICSAR_POSTING = 0.001
"""degrees; pixel spacing of LiCSAR's geocoded frames."""

_LARGEST = 2**30
"""bytes; all of Hephaestus is 20 MB."""

_WHOLE = 0.9
"""A tile that covers this share of a frame shows what the frame shows."""

_ROUNDING = 1.02
"""Polygons drawn to the edge may end a little beyond it."""

_USED = ("file", "row", "col", "height", "width", "geometry", LABEL_PREFIX + "deformation")
"""Catalogue columns that place a tile in its frame, or say what is known of it."""

Key = tuple[str, date, date]


@dataclass(frozen=True)
class Annotation:
    """What was said of one interferogram.

    Attributes:
        key: frame, earlier and later date.
        facts: labels of the whole; see `facts_of_annotation`.
        polygons: what deforms, in quick-look pixels, columns then rows.
        types: activity type of each polygon, where they are told apart.
        intensities: intensity of each polygon, where they are told apart.
    """

    key: Key
    facts: dict[str, Any]
    polygons: tuple[BaseGeometry, ...]
    types: tuple[str | None, ...]
    intensities: tuple[str | None, ...]

    @cached_property
    def union(self) -> BaseGeometry:
        """All that deforms."""
        return shapely.union_all(list(self.polygons))

    def at(self, tile: BaseGeometry) -> dict[str, Any]:
        """Labels of a tile, given as a rectangle in quick-look pixels."""
        inside = shapely.area(shapely.intersection(list(self.polygons), tile))
        verdict = deforms(
            self.union.intersection(tile).area / tile.area,
            float(np.max(inside / shapely.area(list(self.polygons)))),
        )
        seen = np.flatnonzero(inside > 0)
        shown = {
            name: joined([word for i in seen if (word := words[i])])
            for name, words in (("activity_type", self.types), ("intensity", self.intensities))
        }
        return at_tile(self.facts, verdict, **shown)


def read_annotations(path: Path) -> dict[Key, Annotation]:
    """Annotations of a JSON file, or of all JSON files of a folder, by frame and dates.

    Of an interferogram that was annotated twice, the later one counts.

    Raises:
        UserError: it cannot be read, or holds no annotation.
    """
    found: dict[Key, Annotation] = {}
    total = repeated = 0
    for record in _records(path):
        total += 1
        annotation = _annotation(record)
        if annotation is not None:
            repeated += annotation.key in found
            found[annotation.key] = annotation
    if not found:
        raise UserError(
            f"{path}: holds no Hephaestus annotation; each needs 'frameID', 'primary_date', "
            "'secondary_date' and 'label'"
        )
    if total > len(found):
        warnings.warn(
            f"{path}: of {total:,} entries {total - len(found) - repeated:,} are left out as no annotations, "
            f"and {repeated:,} repeat an interferogram",
            stacklevel=2,
        )
    return found


def columns(catalogue: pd.DataFrame, path: Path, tile: int | None = None) -> dict[str, pd.Series[Any]]:
    """What annotations say of a catalogue's tiles.

    All tiles of a frame without deformation are negative. In a deforming frame a tile is judged by
    the polygons where their place in it is known: in whole frames as LiCSAR names them
    (``*.geo.*``). Elsewhere it stays what it was: unknown in crops, and in minicubes what their own
    masks say.

    Args:
        catalogue: n rows.
        path: see `read_annotations`.
        tile: side of a tile, px; None: not known, and polygons are not used.

    Returns:
        columns of n values, None where nothing is known.
    """
    annotations = read_annotations(path)
    told: dict[str, dict[int, Any]] = {"deformation": {}}
    rows = _rows_of(catalogue)
    # Lists: looking up a row of a table a hundred thousand times takes minutes.
    held = {name: catalogue[name].tolist() for name in _USED if name in catalogue}
    for key in annotations.keys() & rows.keys():
        for row in rows[key]:
            here = {name: values[row] for name, values in held.items()}
            for name, value in _at_row(here, annotations[key], tile).items():
                told.setdefault(name, {})[row] = value
    if not annotations.keys() & rows.keys():
        warnings.warn(
            f"{path}: none of its {len(annotations):,} annotations is of a frame and dates in the archive",
            stacklevel=3,
        )
    return {name: laid(values, len(catalogue)) for name, values in sorted(told.items())}


def _rows_of(catalogue: pd.DataFrame) -> dict[Key, list[int]]:
    """Rows of each interferogram whose frame and dates are known."""
    rows: dict[Key, list[int]] = {}
    named = zip(catalogue["frame"], catalogue["reference_date"], catalogue["secondary_date"], strict=True)
    for row, (frame, first, second) in enumerate(named):
        if isinstance(frame, str) and not pd.isna(first) and not pd.isna(second):
            earlier, later = sorted((pd.Timestamp(first).date(), pd.Timestamp(second).date()))
            rows.setdefault((frame, earlier, later), []).append(row)
    return rows


def _at_row(here: Mapping[str, Any], annotation: Annotation, tile: int | None) -> dict[str, Any]:
    facts = annotation.facts
    whole = facts.get("deformation")
    if whole != 1:
        return at_tile(facts, whole)
    scale = _scale(here, annotation, tile) if annotation.polygons and tile is not None else None
    if scale is not None and tile is not None:
        corners = np.array([here["col"], here["row"], here["col"] + tile, here["row"] + tile]) / scale
        return annotation.at(shapely.box(*corners))
    if tile is not None and tile**2 >= _WHOLE * here["height"] * here["width"]:
        return at_tile(facts, 1)
    # A minicube's mask, or another label file, may have told where the deformation is.
    before = here.get(LABEL_PREFIX + "deformation")
    return at_tile(facts, int(before) if not pd.isna(before) and before in (0, 1) else None)


def _scale(here: Mapping[str, Any], annotation: Annotation, tile: int) -> float | None:
    """Pixels of an archived frame a quick-look pixel; None where the frame may not be the whole one."""
    name = str(here["file"]).casefold()
    if ".geo." not in name:
        return None
    if name.endswith(".png"):
        scale = 1 / QUICKLOOK if ".full." in name else 1.0
    else:
        outline = here.get("geometry")
        if outline is None or outline.is_empty:
            return None
        west, _, east, _ = outline.bounds
        if east - west > 180:  # across the antimeridian
            return None
        scale = LICSAR_POSTING / QUICKLOOK * tile / (east - west)
    right, bottom = annotation.union.bounds[2:]
    fits = right * scale <= here["width"] * _ROUNDING and bottom * scale <= here["height"] * _ROUNDING
    return scale if fits else None


def _records(path: Path) -> Iterator[Any]:
    """Everything that might be an annotation."""
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise UserError(f"{path}: holds no .json file; give the folder of Hephaestus annotations")
    for file in files:
        try:
            if file.stat().st_size > _LARGEST:
                raise UserError(f"{file}: is too large for Hephaestus annotations")
            held = json.loads(file.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise UserError(f"{file}: no such label file") from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{file}: cannot be read as JSON ({str(error).splitlines()[0]})") from error
        if isinstance(held, dict) and held.get("type") == "FeatureCollection":
            raise UserError(f"{file}: is GeoJSON; rename it to .geojson to have it read as polygons")
        if isinstance(held, dict) and "frameID" not in held:
            held = list(held.values())
        yield from held if isinstance(held, list) else [held]


def _annotation(record: Any) -> Annotation | None:
    """A record as an annotation, or None if it is none."""
    if not isinstance(record, dict) or not isinstance(record.get("frameID"), str) or "label" not in record:
        return None
    try:
        dates = sorted(
            datetime.strptime(str(record[name]), "%Y%m%d").date()
            for name in ("primary_date", "secondary_date")
        )
    except (KeyError, ValueError):
        return None
    drawn = [_polygon(points) for points in _lists(record.get("segmentation_mask"))]
    types, levels = texts(record.get("activity_type")), texts(record.get("intensity_level"))
    kept = [i for i, polygon in enumerate(drawn) if polygon is not None]
    return Annotation(
        key=(record["frameID"], dates[0], dates[1]),
        facts=facts_of_annotation(record),
        polygons=tuple(polygon for polygon in drawn if polygon is not None),
        types=tuple(types[i] if len(types) == len(drawn) else None for i in kept),
        intensities=tuple(levels[i] if len(levels) == len(drawn) else None for i in kept),
    )


def _lists(mask: Any) -> list[list[Any]]:
    """The polygons of a mask, which is one list of numbers or a list of such lists."""
    if not isinstance(mask, list) or not mask:
        return []
    return [part for part in mask if isinstance(part, list)] if isinstance(mask[0], list) else [mask]


def _polygon(points: list[Any]) -> BaseGeometry | None:
    try:
        flat = np.asarray(points, float)
    except (TypeError, ValueError):
        return None
    if flat.ndim != 1 or len(flat) < 6 or len(flat) % 2 or not np.isfinite(flat).all():
        return None
    polygon = shapely.make_valid(shapely.Polygon(flat.reshape(-1, 2)))
    return polygon if polygon.area > 0 else None
