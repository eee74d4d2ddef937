"""Labels from polygons: where the ground was seen to deform, and where it was looked at and lay still.

A layer holds one or the other, or both, told apart by a column:

* ``deformation`` (or ``label``, ``class``, ``kind``, ``type``, ``activity_type``): 1 or 0, yes or no,
  or a word (`DEFORMING`, `QUIET`); a blank says nothing. Without such a column a layer called
  ``examined`` or ``quiet`` is quiet, and any other deforms.
* dates, if the polygon is not for all times: ``reference_date`` and ``secondary_date``, ``start`` and
  ``end``, or one ``date``. A deformation counts for interferograms that overlap its time; quiet only
  for those that lie within it.
* ``volcano``, which names the tiles that the polygon decides, where they have no volcano yet.

A tile is positive when polygons cover enough of it or it holds enough of one (`deforms`); negative
when quiet polygons cover it and no deformation touches it; everything else stays unknown. Areas are
compared in degrees: within a tile or a deformation the scale hardly changes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ssl_insar.archive.catalogue import GEOGRAPHIC
from ssl_insar.archive.label_rows import laid
from ssl_insar.errors import UserError
from ssl_insar.readers.coverage import TILE_SHARE, deforms

QUIET_SHARE = 0.95
"""Share of a tile that must have been looked at for it to be negative; outlines are drawn by hand."""

DEFORMING = frozenset(
    {"yes", "true", "positive", "deformation", "deforming", "unrest", "inflation", "deflation", "uplift"}
    | {"subsidence", "mogi", "dyke", "dike", "sill", "spheroid", "earthquake", "unidentified"}
)
"""Words for deformation, Hephaestus's activity types among them."""

QUIET = frozenset(
    {"no", "false", "negative", "none", "quiet", "examined", "stable", "background"}
    | {"non_deformation", "no_deformation"}
)
"""Words for quiet; what is neither is refused rather than guessed at."""

_UNKNOWN = frozenset({"", "nan", "unknown", "uncertain"})
_NO_TYPE = frozenset({"yes", "true", "deformation", "deforming", "positive"})
_VALUES = ("deformation", "label", "class", "kind", "type", "activity_type")
_TYPES = ("activity_type", "kind", "class", "type")
_STARTS = ("reference_date", "primary_date", "start", "start_date", "date_from", "date", "event_date")
_ENDS = ("secondary_date", "end", "end_date", "date_to", "date", "event_date")
_ALWAYS = np.datetime64("0001-01-01"), np.datetime64("9999-12-31")


def read_polygons(path: Path) -> gpd.GeoDataFrame:
    """Polygons of all layers of a file, in longitude and latitude.

    Returns:
        ``geometry`` (valid), ``deformation`` (1 or 0), ``start`` and ``end`` (``datetime64``, the
        ends of time where open), ``activity_type`` and ``volcano`` (None where not told).

    Raises:
        UserError: it cannot be read, has no coordinate system, no polygons, or unknown words.
    """
    if not path.exists():
        raise UserError(f"{path}: no such label file")
    try:
        found = gpd.list_layers(path)
        # A table without geometry has no type.
        names = [name for name, kind in zip(found["name"], found["geometry_type"], strict=True) if kind]
        layers = {str(name): gpd.read_file(path, layer=name) for name in names}
    except Exception as error:  # GDAL raises many kinds on a damaged file
        raise UserError(f"{path}: cannot be read as polygons ({str(error).splitlines()[0]})") from error
    tables = [_settled(layer, name, path) for name, layer in layers.items() if len(layer)]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"geometry": []})
    area = shapely.area(table["geometry"].to_numpy(object)) > 0
    if not area.any():
        raise UserError(f"{path}: holds no polygon")
    if not area.all():
        warnings.warn(
            f"{path}: {(~area).sum():,} of {len(area):,} shapes have no area; left out", stacklevel=2
        )
    said = area & table["deformation"].notna()
    return gpd.GeoDataFrame(table[said].reset_index(drop=True), geometry="geometry", crs=GEOGRAPHIC)


def columns(catalogue: pd.DataFrame, path: Path) -> dict[str, pd.Series[Any]]:
    """What polygons say of a catalogue's tiles.

    Args:
        catalogue: n rows, with their outlines in ``geometry``.
        path: see `read_polygons`.

    Returns:
        columns of n values, None where nothing is known: ``deformation``, and ``activity_type`` and
        ``volcano`` where the polygons tell.
    """
    polygons = read_polygons(path)
    outlines = catalogue["geometry"].to_numpy(object) if "geometry" in catalogue else np.empty(0, object)
    placed = ~(shapely.is_missing(outlines) | shapely.is_empty(outlines))
    if placed.sum() < len(catalogue):
        warnings.warn(
            f"{path}: {len(catalogue) - placed.sum():,} of {len(catalogue):,} tiles have no footprint, "
            "so polygons say nothing of them",
            stacklevel=3,
        )
    pairs = _pairs(catalogue, outlines, placed, polygons)
    verdicts = _verdicts(pairs[pairs["deformation"] == 1], outlines, polygons)
    quiet = _coverage(pairs[pairs["deformation"] == 0], outlines, polygons, QUIET_SHARE)
    decided = {row: 0 for row, share in quiet.items() if share >= QUIET_SHARE and row not in verdicts}
    decided |= {row: 1 for row, verdict in verdicts.items() if verdict == 1}
    told = {"deformation": laid(decided, len(catalogue))}
    deciding = pairs[pairs["row"].map(decided) == pairs["deformation"]].sort_values("of_tile", kind="stable")
    told |= _named("activity_type", deciding[deciding["deformation"] == 1], polygons, len(catalogue))
    if polygons["volcano"].notna().any():
        nameless = _nameless(catalogue)[deciding["row"]]
        told |= _named("volcano", deciding[nameless], polygons, len(catalogue))
    return told


def _named(
    name: str, deciding: pd.DataFrame, polygons: gpd.GeoDataFrame, count: int
) -> dict[str, pd.Series[Any]]:
    """What the polygon that covers most of a tile has to say in a column; nothing if none says anything."""
    values = polygons[name].to_numpy(object)[deciding["polygon"]]
    known = pd.notna(values)
    said = dict(zip(deciding["row"][known], values[known], strict=True))
    return {name: laid(said, count)} if said else {}


def _nameless(catalogue: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows whose volcano is not known."""
    from ssl_insar.archive.groups import assign_groups

    nameless: NDArray[np.bool_] = assign_groups(catalogue).kinds != "volcano"
    return nameless


def _pairs(
    catalogue: pd.DataFrame,
    outlines: NDArray[Any],
    placed: NDArray[np.bool_],
    polygons: gpd.GeoDataFrame,
) -> pd.DataFrame:
    """Tiles and the polygons that overlap them in place and time, with the shares that overlap.

    Interferograms of one frame share their tiles' outlines, so each outline is compared once.
    """
    rows = np.flatnonzero(placed)
    codes, _ = pd.factorize(shapely.to_wkb(outlines[rows]))
    _, first = np.unique(codes, return_index=True)
    different, shapes = outlines[rows[first]], polygons.geometry.to_numpy(object)
    at, of = shapely.STRtree(shapes).query(different, predicate="intersects")
    common = shapely.area(shapely.intersection(different[at], shapes[of]))
    overlaps = pd.DataFrame(
        {
            "outline": at,
            "polygon": of,
            "of_tile": common / shapely.area(different[at]),
            "of_polygon": common / shapely.area(shapes[of]),
            "deformation": polygons["deformation"].to_numpy(int)[of],
        }
    )[common > 0]
    pairs = pd.DataFrame({"row": rows, "outline": codes}).merge(overlaps, on="outline")
    return pairs[_in_time(pairs, catalogue, polygons)]


def _in_time(pairs: pd.DataFrame, catalogue: pd.DataFrame, polygons: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Which pairs fit in time; an interferogram without dates fits no polygon that has some."""
    start, end = (polygons[name].to_numpy("datetime64[D]")[pairs["polygon"]] for name in ("start", "end"))
    first, second = (
        pd.to_datetime(catalogue[name], errors="coerce").to_numpy("datetime64[D]")[pairs["row"]]
        for name in ("reference_date", "secondary_date")
    )
    # Comparisons with an unknown date are false.
    momentary = (start == end) & (first <= start) & (start <= second)
    overlapping = momentary | ((first < end) & (start < second))
    within = (start <= first) & (second <= end)
    always = (start == _ALWAYS[0]) & (end == _ALWAYS[1])
    fits: NDArray[np.bool_] = np.where(pairs["deformation"] == 1, overlapping, within) | always
    return fits


def _verdicts(
    pairs: pd.DataFrame, outlines: NDArray[Any], polygons: gpd.GeoDataFrame
) -> dict[int, int | None]:
    """Verdict on every tile that a deformation touches."""
    largest = pairs.groupby("row")["of_polygon"].max()
    covered = _coverage(pairs, outlines, polygons, TILE_SHARE)
    return {row: deforms(share, largest[row]) for row, share in covered.items()}


def _coverage(
    pairs: pd.DataFrame, outlines: NDArray[Any], polygons: gpd.GeoDataFrame, needed: float
) -> dict[int, float]:
    """Share of each tile that its polygons cover, exact as far as ``needed`` is reached or not.

    Polygons may overlap each other, so they are united where their sum alone makes the difference.
    """
    by_row = pairs.groupby("row")
    largest, total = by_row["of_tile"].max(), by_row["of_tile"].sum()
    shares: dict[Any, float] = total.where(largest < needed, largest).to_dict()
    shapes = polygons.geometry.to_numpy(object)
    held: dict[tuple[int, ...], float] = {}
    for row in total.index[(largest < needed) & (total >= needed)]:
        mine = by_row.get_group(row)
        key = (int(mine["outline"].iloc[0]), *sorted(mine["polygon"]))
        if key not in held:
            union = shapely.union_all(shapes[mine["polygon"]])
            held[key] = union.intersection(outlines[row]).area / outlines[row].area
        shares[row] = held[key]
    return shares


def _settled(layer: gpd.GeoDataFrame, name: str, path: Path) -> pd.DataFrame:
    """A layer with the columns that `read_polygons` returns."""
    if layer.crs is None:
        raise UserError(f"{path}: layer '{name}' has no coordinate reference system; set it in your GIS")
    held = {str(column).strip().casefold(): column for column in layer.columns}
    value = _heading(held, _VALUES)
    if value is None:
        examined = any(word in name.casefold() for word in ("examined", "quiet"))
        values: list[int | None] = [0 if examined else 1] * len(layer)
    else:
        values = [_value(cell, str(value), path) for cell in _cells(layer, value)]
    starts, ends = (_dates(layer, _heading(held, names), path) for names in (_STARTS, _ENDS))
    start = pd.Series(starts).fillna(_ALWAYS[0])
    end = pd.Series(ends).fillna(_ALWAYS[1])
    if (start > end).any():
        row = int(np.argmax(start > end))
        raise UserError(f"{path}: polygon {row + 1} of layer '{name}' ends ({ends[row]}) before it starts")
    shapes = shapely.make_valid(shapely.force_2d(layer.geometry.to_crs(GEOGRAPHIC).to_numpy(object)))
    return pd.DataFrame(
        {
            "geometry": [_folded(shape) for shape in shapes],
            "deformation": values,
            "start": start,
            "end": end,
            "activity_type": [_type(cell) for cell in _cells(layer, _heading(held, _TYPES) or value)],
            "volcano": [_text(cell) or None for cell in _cells(layer, held.get("volcano"))],
        }
    )


def _heading(held: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first of the columns that is there, or None; Shapefiles cut their names to ten letters."""
    found = (held[cut] for name in names for cut in (name, name[:10]) if cut in held)
    return next(found, None)


def _cells(layer: gpd.GeoDataFrame, column: Any) -> list[Any]:
    """A column's cells, all None where there is no such column."""
    cells: list[Any] = [None] * len(layer) if column is None else layer[column].tolist()
    return cells


def _value(cell: Any, column: str, path: Path) -> int | None:
    """1 for deforming, 0 for quiet, None for a blank."""
    text = _text(cell).casefold().replace(" ", "_").replace("-", "_")
    if text in _UNKNOWN:
        return None
    if text in DEFORMING | QUIET:
        return int(text in DEFORMING)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if number < 0:
        raise UserError(
            f"{path}: '{cell}' in column '{column}' says neither deforming nor quiet; add a column "
            "'deformation' with 1 and 0, blank where unknown"
        )
    return int(number > 0)


def _type(cell: Any) -> str | None:
    text = _text(cell)
    plain = text.casefold()
    numeric = text.replace(".", "", 1).isdigit()
    return None if numeric or plain in _NO_TYPE | QUIET | _UNKNOWN else text


def _text(cell: Any) -> str:
    return "" if cell is None or pd.isna(cell) else str(cell).strip()


def _dates(layer: gpd.GeoDataFrame, column: Any, path: Path) -> NDArray[np.datetime64]:
    """Dates of a column, not-a-time where blank."""
    return np.array([_date(cell, str(column), path) for cell in _cells(layer, column)], "datetime64[D]")


def _date(cell: Any, column: str, path: Path) -> date | None:
    if isinstance(cell, datetime) and not pd.isna(cell):
        return cell.date()
    text = _text(cell).removesuffix(".0")  # a whole-number column with blanks is read as floats
    if not text:
        return None
    try:
        return datetime.strptime(text.replace("-", "").replace("/", "")[:8], "%Y%m%d").date()
    except ValueError:
        raise UserError(f"{path}: '{cell}' in column '{column}' is no date; write it as 2020-01-31") from None


def _folded(shape: BaseGeometry | None) -> BaseGeometry | None:
    """A shape whose longitudes leave the range of -180 to 180, or jump across it, cut in two there."""
    if shape is None or shape.is_empty:
        return None
    west, _, east, _ = shape.bounds
    if (west >= -180 and east <= 180 and east - west <= 180) or (west, east) == (-180, 180):
        return shape
    eastward = shapely.make_valid(
        shapely.transform(shape, lambda points: np.column_stack([points[:, 0] % 360, points[:, 1]]))
    )
    near = eastward.intersection(shapely.box(0, -90, 180, 90))
    far = eastward.intersection(shapely.box(180, -90, 360, 90))
    return shapely.union(near, shapely.transform(far, lambda points: points - [360, 0]))
