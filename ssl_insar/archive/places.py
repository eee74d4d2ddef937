"""A table of volcanoes names the tiles near them.

Products cover whole frames and do not say which volcano a tile shows; splits by volcano need to know.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from ssl_insar.archive.catalogue import GEOGRAPHIC
from ssl_insar.archive.groups import assign_groups
from ssl_insar.errors import UserError

EARTH_RADIUS = 6371.0088
"""km, mean (IUGG)."""

TABLES = (".csv", ".tsv", ".txt")
POINTS = (".gpkg", ".geojson", ".shp")

_NAME = r"(volcano|place)?_?name|volcano|place"
_LATITUDE = r"lat(itude)?(_.*)?"
_LONGITUDE = r"(lon|lng|long|longitude)(_.*)?"
_NUMBER = r"(gvp|volcano|smithsonian)_?(number|id|num|no)|vnum|number|id"

Table = TypeVar("Table", bound=pd.DataFrame)


def read_places(places: str | Path) -> pd.DataFrame:
    """Read a table of volcanoes.

    Args:
        places: CSV (comma, semicolon or tab) with a name, a latitude and a longitude in degrees, in
            any usual spelling, such as the list of the Global Volcanism Program, and maybe a number;
            or points with a name (GeoPackage, GeoJSON, Shapefile).

    Returns:
        ``name``, ``latitude`` and ``longitude`` (-180 to 180). Different places of one name (there
        are many called "Unnamed") get their number or their coordinates added, so as to stay apart.

    Raises:
        UserError: it cannot be read, lacks a column, or holds a coordinate that is none.
    """
    path = Path(places)
    suffix = path.suffix.casefold()
    if suffix not in TABLES + POINTS:
        raise UserError(
            f"{path}: is no table of places; give a table ({', '.join(TABLES)}) or points "
            f"({', '.join(POINTS)})"
        )
    if not path.exists():
        raise UserError(f"{path}: no such table of places")
    try:
        raw = _read_table(path) if suffix in TABLES else _read_points(path)
    except UserError:
        raise
    except Exception as error:  # pandas and GDAL raise many kinds on a damaged file
        why = (str(error).splitlines() or [""])[0]
        if isinstance(error, UnicodeDecodeError):
            why = "it is not UTF-8; save it as that"
        raise UserError(f"{path}: cannot be read as a table of places ({why})") from error
    table = pd.DataFrame(
        {
            "name": _column(raw, _NAME, "name", path).astype(str).str.strip(),
            "latitude": _degrees(_column(raw, _LATITUDE, "latitude", path), "latitude", path),
            "longitude": _degrees(_column(raw, _LONGITUDE, "longitude", path), "longitude", path),
        }
    )
    named = ~table["name"].str.casefold().isin(("", "nan", "none"))
    if not named.any():
        raise UserError(f"{path}: holds no place with a name")
    _check_range(table, path)
    table["longitude"] = (table["longitude"] + 180) % 360 - 180
    numbers = next((raw[name] for name in raw if re.fullmatch(_NUMBER, str(name))), None)
    table["number"] = None if numbers is None else numbers.astype(object)
    return _told_apart(table[named].drop_duplicates().reset_index(drop=True))


def assign(
    catalogue: Table, places: str | Path, max_distance_km: float = 50.0, *, override: bool = False
) -> Table:
    """A catalogue with the nearest place as the volcano of its tiles.

    Args:
        catalogue: n rows, with their outlines in ``geometry``.
        places: see `read_places`.
        max_distance_km: farther places name nothing; along a great circle, from a tile's centre.
        override: also name tiles whose volcano is known.

    Returns:
        a copy with ``volcano`` filled in, and ``place_distance`` (km) where a place gave the name.

    Raises:
        UserError: what `read_places` raises, or a distance that is none.
    """
    from scipy.spatial import cKDTree

    if not 0 < max_distance_km < np.pi * EARTH_RADIUS:  # also refuses NaN
        raise UserError(f"{max_distance_km} km: must be more than 0 and no more than half round the Earth")
    table = read_places(places)
    outlines = catalogue["geometry"].to_numpy(object) if "geometry" in catalogue else None
    named = catalogue.copy()
    wanted = np.ones(len(catalogue), bool) if override else assign_groups(catalogue).kinds != "volcano"
    if "place_distance" in catalogue:
        # What a table named, a later one may name better; where it knows nothing near, the name stays.
        wanted |= catalogue["place_distance"].notna().to_numpy()
    centres = np.full((len(catalogue), 3), np.nan) if outlines is None else _centres(outlines)
    placed = np.isfinite(centres[:, 0])
    lost = int((wanted & ~placed).sum())
    if lost:
        warnings.warn(
            f"{places}: {lost:,} of {len(catalogue):,} tiles have no footprint; their volcano stays unknown",
            stacklevel=2,
        )
    rows = np.flatnonzero(wanted & placed)
    points = _unit(table["longitude"].to_numpy(float), table["latitude"].to_numpy(float))
    chord, found = cKDTree(points).query(centres[rows])
    nearest = np.asarray(found)
    distance = 2 * EARTH_RADIUS * np.arcsin(np.clip(chord / 2, 0, 1))
    near = distance <= max_distance_km
    volcano = catalogue["volcano"].to_numpy(object, copy=True)
    volcano[rows[near]] = table["name"].to_numpy(object)[nearest[near]]
    distances = (
        catalogue["place_distance"].to_numpy(np.float32, copy=True)
        if "place_distance" in catalogue
        else np.full(len(catalogue), np.nan, np.float32)
    )
    distances[rows[near]] = distance[near]
    # As objects, or pandas would make text of the column and NaN of the unknown.
    named["volcano"] = pd.Series(volcano, index=named.index, dtype=object)
    named["place_distance"] = distances
    return named


def _read_table(path: Path) -> pd.DataFrame:
    lines = path.read_text(encoding="utf-8-sig").splitlines()[:2]
    found = []
    # Exports of the Global Volcanism Program begin with a line of title.
    for skip, line in enumerate(lines):
        mark = next((m for m in ";\t," if m in line), ",")
        raw = pd.read_csv(
            path, sep=mark, skiprows=skip, dtype=str, encoding="utf-8-sig", keep_default_na=False
        )
        raw.columns = pd.Index([_plain(name) for name in raw.columns])
        if any(re.fullmatch(_LATITUDE, name) for name in raw.columns):
            return raw
        found.append(raw)
    if not found:
        raise UserError(f"{path}: is empty; a table of places needs a name, a latitude and a longitude")
    return found[0]


def _read_points(path: Path) -> pd.DataFrame:
    layer = gpd.read_file(path)
    if layer.crs is None:
        raise UserError(f"{path}: has no coordinate reference system; set it in your GIS")
    layer = layer[layer.geometry.notna() & ~layer.geometry.is_empty]
    points = shapely.centroid(layer.geometry.to_crs(GEOGRAPHIC).to_numpy(object))
    columns = {_plain(name): layer[name] for name in layer.columns if name != layer.geometry.name}
    kept = {n: c for n, c in columns.items() if not re.fullmatch(f"{_LATITUDE}|{_LONGITUDE}", n)}
    return pd.DataFrame(kept | {"latitude": shapely.get_y(points), "longitude": shapely.get_x(points)})


def _plain(heading: Any) -> str:
    return re.sub(r"[^a-z0-9]+", "_", str(heading).casefold()).strip("_")


def _column(raw: pd.DataFrame, pattern: str, what: str, path: Path) -> pd.Series[Any]:
    """The column whose heading matches, the one that says it most plainly first."""
    matching = [name for name in raw.columns if re.fullmatch(pattern, name)]
    if not matching:
        raise UserError(
            f"{path}: has no column for the {what}; name it '{what}' (it has: {', '.join(raw.columns)})"
        )
    best: pd.Series[Any] = raw[next((name for name in matching if name.endswith("name")), matching[0])]
    return best


def _degrees(cells: pd.Series[Any], what: str, path: Path) -> pd.Series[Any]:
    text = cells.astype(str).str.strip().str.replace(",", ".", regex=False)
    numbers = pd.to_numeric(text, errors="coerce")
    wrong = ~np.isfinite(numbers.to_numpy(float))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UserError(
            f"{path}: {what} '{cells.iloc[row]}' of entry {row + 1} is no number; write degrees such as -8.34"
        )
    return numbers


def _check_range(table: pd.DataFrame, path: Path) -> None:
    beyond = (table["latitude"].abs() > 90).to_numpy()
    if beyond.any():
        row = int(np.argmax(beyond))
        swapped = "; are latitude and longitude swapped?" if abs(table["longitude"][row]) <= 90 else ""
        raise UserError(
            f"{path}: latitude {table['latitude'][row]} of '{table['name'][row]}' is beyond 90 degrees"
            f"{swapped}"
        )
    beyond = ~table["longitude"].between(-180, 360).to_numpy()
    if beyond.any():
        row = int(np.argmax(beyond))
        raise UserError(
            f"{path}: longitude {table['longitude'][row]} of '{table['name'][row]}' is beyond the Earth; "
            "degrees east are expected"
        )


def _told_apart(table: pd.DataFrame) -> pd.DataFrame:
    several = table["name"].str.casefold().duplicated(keep=False)
    suffix = [
        f"{number}" if number is not None and str(number).strip() else f"{lat:.2f} {lon:.2f}"
        for number, lat, lon in zip(table["number"], table["latitude"], table["longitude"], strict=True)
    ]
    added = table["name"] + " (" + pd.Series(suffix, dtype=object) + ")"
    table["name"] = table["name"].where(~several, added)
    return table[["name", "latitude", "longitude"]]


def _centres(outlines: NDArray[Any]) -> NDArray[np.float64]:
    """(n, 3) unit vectors to the centres of outlines, NaN where there is none.

    Averaged as vectors, so that the two halves of a tile across the antimeridian meet there and not
    at the other side of the Earth.
    """
    parts, of = shapely.get_parts(outlines, return_index=True)
    centroids = shapely.centroid(parts)
    weighted = _unit(shapely.get_x(centroids), shapely.get_y(centroids)) * shapely.area(parts)[:, None]
    total = np.zeros((len(outlines), 3))
    np.add.at(total, of, weighted)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    centres: NDArray[np.float64] = np.divide(total, length, out=np.full_like(total, np.nan), where=length > 0)
    return centres


def _unit(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) unit vectors to points given in degrees."""
    east, north = np.deg2rad(lon), np.deg2rad(lat)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=-1)
