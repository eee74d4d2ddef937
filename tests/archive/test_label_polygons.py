from __future__ import annotations

import time
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from ssl_insar.archive.labels import attach, check_files, join
from ssl_insar.errors import UserError


def made_catalogue(outlines: list[BaseGeometry | None], dates: tuple[str, str] | None = None) -> pd.DataFrame:
    first, second = (date.fromisoformat(day) for day in dates) if dates else (None, None)
    return gpd.GeoDataFrame(
        {
            "id": [f"t{i}" for i in range(len(outlines))],
            "source": "/d/a.tif",
            "reference_date": [first] * len(outlines),
            "secondary_date": [second] * len(outlines),
            "volcano": pd.Series([None] * len(outlines), dtype=object),
        },
        geometry=outlines,
        crs="EPSG:4326",
    )


def made_file(
    path: Path, shapes: list[Any], layer: str | None = None, crs: str = "EPSG:4326", **columns: Any
):
    more = {"layer": layer} if layer else {}
    gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path, **more)
    return path


TILES = [box(0, 0, 1, 1), box(1, 0, 2, 1), box(2, 0, 3, 1)]
UNKNOWN = pd.NA


def labels(catalogue: pd.DataFrame, path: Path) -> list[Any]:
    return join(catalogue, path)["label_deformation"].tolist()


@pytest.mark.parametrize("name", ["labels.gpkg", "labels.geojson", "labels.shp"])
def test_polygons_of_every_format_label_tiles(tmp_path: Path, name: str) -> None:
    shapes = [box(0.2, 0.2, 0.6, 0.6), box(1.9, -1, 3.1, 2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the Shapefile's ten letters a column
        path = made_file(tmp_path / name, shapes, deformation=[1, 0])
    check_files(path, [])
    assert labels(made_catalogue(TILES), path) == [1, UNKNOWN, 0]
    assert attach(made_catalogue(TILES), path).tolist() == [1, UNKNOWN, 0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (box(0, 0, 1, 0.06), [1, UNKNOWN, UNKNOWN]),  # 6 % of the tile
        (box(0, 0, 1, 0.04), [1, UNKNOWN, UNKNOWN]),  # 4 %, but the tile holds all of it
        (box(0.4, 0.4, 0.41, 0.41), [1, UNKNOWN, UNKNOWN]),  # the smallest counts where it lies
        (box(-9, -9, 1.02, 9), [1, UNKNOWN, UNKNOWN]),  # 2 % of the second tile: grazed
        (box(0.99, 0, 1.01, 0.5), [1, 1, UNKNOWN]),  # half in either
        (box(0.97, 0, 1.01, 0.5), [1, UNKNOWN, UNKNOWN]),  # three quarters in the first
        (box(5, 5, 6, 6), [UNKNOWN] * 3),
    ],
)
def test_a_tile_is_positive_by_its_own_share_or_the_polygons(
    tmp_path: Path, shape: BaseGeometry, expected: list[Any]
) -> None:
    assert labels(made_catalogue(TILES), made_file(tmp_path / "a.gpkg", [shape])) == expected


def test_only_what_was_looked_at_is_negative_and_a_deformation_wins(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    made_file(path, [box(1.3, 0.3, 1.6, 0.6), box(2.99, -5, 9, 5)], layer="deformation")
    # Two halves together cover the first tile; they cover 90 % of a fourth.
    looked_at = [box(-1, -1, 0.5, 2), box(0.4, -1, 3, 2), box(4, 0, 4.9, 1)]
    made_file(path, looked_at, layer="Examined areas")
    tiles = [*TILES, box(-4, 0, -3, 1)]
    # The third tile is examined, but a deformation grazes it.
    assert labels(made_catalogue(tiles), path) == [0, 1, UNKNOWN, UNKNOWN]
    made_file(path, [box(-4, 0, -3.1, 1)], layer="quiet")
    assert labels(made_catalogue(tiles), path) == [0, 1, UNKNOWN, UNKNOWN]
    made_file(path, [box(-4, 0, -3.04, 1)], layer="quiet")
    assert labels(made_catalogue(tiles), path) == [0, 1, UNKNOWN, 0]


def test_overlapping_polygons_are_not_counted_twice(tmp_path: Path) -> None:
    # Each covers 3 % of the tile and lies mostly outside it; together they cover 3 or 6 %.
    same = made_file(tmp_path / "same.gpkg", [box(0, -9, 0.03, 1), box(0, -9, 0.03, 1)])
    apart = made_file(tmp_path / "apart.gpkg", [box(0, -9, 0.03, 1), box(0.5, -9, 0.53, 1)])
    assert labels(made_catalogue(TILES[:1]), same) == [UNKNOWN]
    assert labels(made_catalogue(TILES[:1]), apart) == [1]
    quiet = made_file(tmp_path / "quiet.gpkg", [box(0, 0, 0.8, 1), box(0, 0, 0.9, 1)], layer="quiet")
    assert labels(made_catalogue(TILES[:1]), quiet) == [UNKNOWN]


def test_polygons_are_brought_to_longitude_and_latitude(tmp_path: Path) -> None:
    shapes = gpd.GeoSeries([box(14.9, 37.6, 15.1, 37.8)], crs="EPSG:4326").to_crs("EPSG:32633").tolist()
    path = made_file(tmp_path / "utm.gpkg", shapes, crs="EPSG:32633")
    tiles = [box(14.8, 37.5, 15.2, 37.9), box(15.3, 37.5, 15.7, 37.9)]
    assert labels(made_catalogue(tiles), path) == [1, UNKNOWN]


@pytest.mark.parametrize(
    "shape",
    [
        Polygon([(179.8, 0), (-179.8, 0), (-179.8, 1), (179.8, 1)]),
        box(179.8, 0, 180.2, 1),
        box(-180.2, 0, -179.8, 1),
        MultiPolygon([box(179.8, 0, 180, 1), box(-180, 0, -179.8, 1)]),
    ],
)
def test_a_polygon_across_the_antimeridian_stays_there(tmp_path: Path, shape: BaseGeometry) -> None:
    across = MultiPolygon([box(179.5, 0, 180, 1), box(-180, 0, -179.5, 1)])
    tiles = [across, box(0, 0, 1, 1), box(178, 0, 179, 1), box(-179.8, 0, -179.7, 1)]
    path = made_file(tmp_path / "fiji.gpkg", [shape])
    assert labels(made_catalogue(tiles), path) == [1, UNKNOWN, UNKNOWN, UNKNOWN]


def test_all_the_world_was_looked_at(tmp_path: Path) -> None:
    path = made_file(tmp_path / "a.gpkg", [box(-180, -90, 180, 90)], layer="examined")
    assert labels(made_catalogue(TILES), path) == [0, 0, 0]


@pytest.mark.parametrize(
    ("start", "end", "interferogram", "positive", "negative"),
    [
        ("2018-01-01", "2018-12-31", ("2018-03-01", "2018-03-13"), 1, 0),
        ("2018-01-01", "2018-12-31", ("2017-12-26", "2018-01-07"), 1, UNKNOWN),
        ("2018-01-01", "2018-12-31", ("2017-12-01", "2018-01-01"), UNKNOWN, UNKNOWN),
        ("2018-01-01", None, ("2019-03-01", "2019-03-13"), 1, 0),
        (None, "2018-12-31", ("2019-03-01", "2019-03-13"), UNKNOWN, UNKNOWN),
        (None, None, ("2019-03-01", "2019-03-13"), 1, 0),
        (None, None, None, 1, 0),
        ("2018-01-01", "2018-12-31", None, UNKNOWN, UNKNOWN),
        ("2018-05-05", "2018-05-05", ("2018-05-01", "2018-05-13"), 1, UNKNOWN),
        ("2018-05-05", "2018-05-05", ("2018-05-07", "2018-05-13"), UNKNOWN, UNKNOWN),
    ],
)
def test_polygons_count_in_their_time(
    tmp_path: Path, start: Any, end: Any, interferogram: Any, positive: Any, negative: Any
) -> None:
    for layer, expected in (("deformation", positive), ("quiet", negative)):
        path = made_file(
            tmp_path / f"{layer}.gpkg", [box(0, 0, 1, 1)], layer=layer, Start_Date=[start], end_date=[end]
        )
        assert labels(made_catalogue(TILES[:1], interferogram), path) == [expected]


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp"])
@pytest.mark.parametrize("days", [[20180301, 20180313], ["20180301", "2018/03/13"], [20180301.0, 20180313.0]])
def test_dates_may_be_spelt_in_other_ways(tmp_path: Path, days: list[Any], name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the Shapefile's ten letters a column
        path = made_file(tmp_path / name, TILES[:1], reference_date=days[:1], secondary_date=days[1:])
    same, next_ = (
        made_catalogue(TILES[:1], pair)
        for pair in (("2018-03-01", "2018-03-13"), ("2018-03-13", "2018-03-25"))
    )
    assert labels(pd.concat([same, next_], ignore_index=True), path) == [1, UNKNOWN]


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        ("Deformation", [1, 0], [1, 0]),
        ("deformation", [1.0, None], [1, UNKNOWN]),
        ("deformation", ["yes", "No"], [1, 0]),
        ("class", ["Mogi", "non-deformation"], [1, 0]),
        ("kind", ["Dyke", "unknown"], [1, UNKNOWN]),
        ("label", [3, 0], [1, 0]),
    ],
)
def test_a_column_says_what_a_polygon_is(
    tmp_path: Path, column: str, cells: list[Any], expected: Any
) -> None:
    path = made_file(tmp_path / "a.gpkg", TILES[:2], **{column: cells})
    joined = join(made_catalogue(TILES), path)
    assert joined["label_deformation"].tolist() == [*expected, UNKNOWN]
    if column in ("class", "kind"):
        assert joined["label_activity_type"].tolist() == [cells[0], UNKNOWN, UNKNOWN]
    else:
        assert "label_activity_type" not in joined


def test_the_largest_polygon_names_type_and_volcano_of_the_nameless(tmp_path: Path) -> None:
    path = made_file(
        tmp_path / "a.gpkg",
        [box(0, 0, 1, 0.2), box(0, 0.2, 1, 0.9), box(1, -1, 3, 2)],
        deformation=[1, 1, 0],
        activity_type=["Dyke", "Mogi", "Sill"],
        volcano=["Etna", "Vulcano", "Stromboli"],
    )
    catalogue = made_catalogue(TILES)
    catalogue["volcano"] = pd.Series([None, "unknown", "lipari"], dtype=object)
    joined = join(catalogue, path)
    assert joined["label_deformation"].tolist() == [1, 0, 0]
    assert joined["label_activity_type"].tolist() == ["Mogi", UNKNOWN, UNKNOWN]
    assert joined["volcano"].tolist() == ["Vulcano", "Stromboli", "lipari"]


def test_a_polygon_that_crosses_itself_is_mended_and_shapes_without_area_are_left_out(tmp_path: Path) -> None:
    bow_tie = Polygon([(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)])
    shapes = [bow_tie, Point(1.5, 0.5), LineString([(2, 0), (3, 1)]), None]
    path = tmp_path / "a.gpkg"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of writing several kinds into one layer
        made_file(path, shapes)
    with pytest.warns(UserWarning, match=r"3 of 4 shapes have no area; left out"):
        assert labels(made_catalogue(TILES), path) == [1, UNKNOWN, UNKNOWN]


def test_tiles_without_footprint_are_counted_and_stay_unknown(tmp_path: Path) -> None:
    path = made_file(tmp_path / "a.gpkg", [box(0, 0, 9, 9)])
    with pytest.warns(UserWarning, match="2 of 3 tiles have no footprint"):
        assert labels(made_catalogue([TILES[0], None, Polygon()]), path) == [1, UNKNOWN, UNKNOWN]
    with pytest.warns(UserWarning, match="3 of 3 tiles have no footprint"):
        assert labels(pd.DataFrame(made_catalogue(TILES)).drop(columns="geometry"), path) == [UNKNOWN] * 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"class": ["atmosphere"]},
            "'atmosphere' in column 'class' says neither .*add a column 'deformation'",
        ),
        ({"deformation": [-1]}, "'-1' in column 'deformation' says neither"),
        ({"start": ["soon"]}, "'soon' in column 'start' is no date; write it as 2020-01-31"),
        (
            {"start": ["2020-01-02"], "end": ["2020-01-01"]},
            r"polygon 1 of layer 'a' ends \(2020-01-01\) before",
        ),
    ],
)
def test_bad_columns_say_what_to_do(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    path = made_file(tmp_path / "a.gpkg", TILES[:1], **columns)
    with pytest.raises(UserError, match=message) as raised:
        check_files(path, [])
    assert str(raised.value).startswith(f"{path}: ")


def test_bad_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.gpkg: no such label file"):
        check_files(tmp_path / "none.gpkg", [])
    (tmp_path / "damaged.gpkg").write_bytes(b"not a database")
    with pytest.raises(UserError, match=r"damaged.gpkg: cannot be read as polygons"):
        check_files(tmp_path / "damaged.gpkg", [])
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        gpd.GeoDataFrame(geometry=TILES).to_file(tmp_path / "nowhere.shp")
    with pytest.raises(UserError, match="layer 'nowhere' has no coordinate reference system"):
        check_files(tmp_path / "nowhere.shp", [])
    (tmp_path / "empty.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(UserError, match="holds no polygon"):
        check_files(tmp_path / "empty.geojson", [])
    with pytest.raises(
        UserError, match=r"labels.xlsx: is no kind of label file.*\.csv, \.tsv, \.txt.*\.gpkg"
    ):
        check_files(tmp_path / "labels.xlsx", [])


def test_a_large_archive_takes_seconds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(-170, 170, (100_000, 2)) * [1, 0.4]
    catalogue = made_catalogue(
        [box(x, y, x + 0.2, y + 0.2) for x, y in corners], ("2018-03-01", "2018-03-13")
    )
    centres = rng.uniform(-170, 170, (1000, 2)) * [1, 0.4]
    shapes = [Point(x, y).buffer(rng.uniform(0.05, 1)) for x, y in centres]
    path = made_file(
        tmp_path / "a.gpkg", shapes, deformation=rng.integers(0, 2, 1000), start=["2018-01-01"] * 1000
    )
    started = time.monotonic()
    found = join(catalogue, path)["label_deformation"]
    assert time.monotonic() - started < 30
    assert (found == 1).sum() > 500
    assert (found == 0).sum() > 500
