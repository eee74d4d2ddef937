from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import MultiPolygon, Point, box
from shapely.geometry.base import BaseGeometry

from ssl_insar.archive.places import assign, read_places
from ssl_insar.errors import UserError

PLACES = "name,latitude,longitude\nEtna,37.748,14.999\nStromboli,38.789,15.213\nVulcano,38.404,14.962\n"


@pytest.fixture
def csv(tmp_path: Path) -> Any:
    def write(text: str, name: str = "places.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def tile(lon: float, lat: float, size: float = 0.2) -> BaseGeometry:
    return box(lon - size / 2, lat - size / 2, lon + size / 2, lat + size / 2)


def made_catalogue(outlines: list[BaseGeometry | None], volcanoes: list[Any] | None = None) -> Any:
    names = pd.Series(volcanoes or [None] * len(outlines), dtype=object)
    return gpd.GeoDataFrame({"volcano": names}, geometry=outlines, crs="EPSG:4326")


def test_the_nearest_place_names_a_tile(csv) -> None:
    catalogue = made_catalogue([tile(15.0, 37.7), tile(15.1, 38.6), tile(15.0, 38.5), tile(20, 38)])
    named = assign(catalogue, csv(PLACES))
    assert named["volcano"].tolist() == ["Etna", "Stromboli", "Vulcano", None]
    # 0.048 degrees of latitude and hardly any of longitude.
    assert named["place_distance"][0] == pytest.approx(0.048 * 111.195, rel=1e-3)
    assert np.isnan(named["place_distance"][3])
    assert catalogue["volcano"].isna().all()
    assert type(named) is type(catalogue)


def test_no_place_names_a_tile_that_is_too_far_from_it(csv) -> None:
    path = csv(PLACES)
    lone = made_catalogue([tile(14.999, 37.248)])  # 0.5 degrees: 55.6 km
    assert assign(lone, path)["volcano"].tolist() == [None]
    assert assign(lone, path, max_distance_km=55)["volcano"].tolist() == [None]
    assert assign(lone, path, max_distance_km=56)["volcano"].tolist() == ["Etna"]
    for wrong in (0, -1, float("nan"), 30_000):
        with pytest.raises(UserError, match="must be more than 0"):
            assign(lone, path, max_distance_km=wrong)


def test_distance_is_along_the_sphere_not_in_degrees(csv) -> None:
    # At 70 N a degree of longitude is 38 km, one of latitude 111 km.
    path = csv("name,lat,lon\nEast,70,1\nNorth,70.6,0\n")
    named = assign(made_catalogue([tile(0, 70)]), path)
    assert named["volcano"][0] == "East"
    assert named["place_distance"][0] == pytest.approx(38.0, abs=0.2)


def test_known_names_stay_unless_they_are_to_go(csv) -> None:
    catalogue = made_catalogue([tile(15, 37.7)] * 4, ["mongibello", "unknown", None, ""])
    named = assign(catalogue, csv(PLACES))
    assert named["volcano"].tolist() == ["mongibello", "Etna", "Etna", "Etna"]
    assert named["place_distance"].isna().tolist() == [True, False, False, False]
    assert assign(catalogue, csv(PLACES), override=True)["volcano"].tolist() == ["Etna"] * 4
    # A second table does not undo the first where it knows nothing near, and corrects it where it does.
    again = assign(named, csv("name,lat,lon\nFar,0,0\n"))
    assert again["place_distance"].tolist()[1:] == named["place_distance"].tolist()[1:]
    better = assign(named, csv("name,lat,lon\nMongibello Nuovo,37.7,15\n"))
    assert better["volcano"].tolist() == ["mongibello", *["Mongibello Nuovo"] * 3]


def test_tiles_across_the_antimeridian_are_where_they_are(csv) -> None:
    path = csv("name,lat,lon\nTaveuni,-16.82,-179.97\nNull,-16.8,0\n")
    across = MultiPolygon([box(179.9, -16.9, 180, -16.7), box(-180, -16.9, -179.9, -16.7)])
    named = assign(made_catalogue([across, tile(179.8, -16.8)]), path)
    assert named["volcano"].tolist() == ["Taveuni", "Taveuni"]
    assert named["place_distance"][0] == pytest.approx(3.9, abs=0.1)
    assert named["place_distance"][1] == pytest.approx(24.6, abs=0.2)


def test_tiles_without_footprint_are_counted(csv) -> None:
    catalogue = made_catalogue([tile(15, 37.7), None, None], [None, None, "known"])
    with pytest.warns(UserWarning, match="1 of 3 tiles have no footprint"):
        assert assign(catalogue, csv(PLACES))["volcano"].tolist() == ["Etna", None, "known"]
    with pytest.warns(UserWarning, match="2 of 3 tiles have no footprint"):
        assign(pd.DataFrame(catalogue).drop(columns="geometry"), csv(PLACES))


@pytest.mark.parametrize(
    "text",
    [
        "Volcano Name;Longitude;Latitude\nEtna;14,999;37,748\n",
        "volcano\tLAT\tLong\nEtna\t37.748\t14.999\n",
        "\ufeffid,Volcano_Name,lat_dd,lon_dd\n7,Etna,37.748, 14.999\n",
        '"Holocene Volcanoes, version 5"\n'
        "Volcano Number,Volcano Name,Primary Volcano Type,Latitude,Longitude\n"
        "211060,Etna,Stratovolcano(es),37.748,14.999\n",
    ],
)
def test_tables_in_many_spellings(csv, text: str) -> None:
    table = read_places(csv(text))
    assert table["name"].tolist() == ["Etna"]
    assert table["latitude"][0] == 37.748
    assert table["longitude"][0] == pytest.approx(14.999)


def test_longitudes_may_count_eastward_all_round(csv) -> None:
    assert read_places(csv("name,lat,lon\nTonga,-20.5,184.6\n"))["longitude"][0] == pytest.approx(-175.4)


@pytest.mark.parametrize("name", ["places.gpkg", "places.geojson", "places.shp"])
def test_points_of_a_map(tmp_path: Path, name: str) -> None:
    points = gpd.GeoSeries([Point(14.999, 37.748)], crs="EPSG:4326")
    if not name.endswith("geojson"):
        points = points.to_crs("EPSG:32633")
    gpd.GeoDataFrame({"Volcano": ["Etna"], "lat": [0.0]}, geometry=points).to_file(tmp_path / name)
    table = read_places(tmp_path / name)
    assert table["name"].tolist() == ["Etna"]
    assert table[["latitude", "longitude"]].to_numpy()[0] == pytest.approx([37.748, 14.999])


def test_places_of_one_name_are_told_apart(csv) -> None:
    plain = csv("name,lat,lon\nUnnamed,10,20\nunnamed,-10,20\nEtna,37.7,15\nEtna,37.7,15\n")
    assert read_places(plain)["name"].tolist() == ["Unnamed (10.00 20.00)", "unnamed (-10.00 20.00)", "Etna"]
    numbered = csv("gvp_number,name,lat,lon\n1,Unnamed,10,20\n2,Unnamed,-10,20\n3,Etna,37.7,15\n")
    assert read_places(numbered)["name"].tolist() == ["Unnamed (1)", "Unnamed (2)", "Etna"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a table of places needs"),
        ("name,x,y\nEtna,1,2\n", r"no column for the latitude; name it 'latitude' \(it has: name, x, y\)"),
        ("name,lat\nEtna,1\n", "no column for the longitude"),
        ("title,lat,lon\nEtna,1,2\n", "no column for the name"),
        ("name,lat,lon\nA,1,2\nEtna,37.7N,15\n", "latitude '37.7N' of entry 2 is no number"),
        ("name,lat,lon\nEtna,,15\n", "latitude '' of entry 1 is no number"),
        ("name,lat,lon\nFuji,138.7,35.4\n", "138.7 of 'Fuji' is beyond 90 degrees; are .* swapped"),
        ("name,lat,lon\nFuji,95,138\n", "95 of 'Fuji' is beyond 90 degrees$"),
        ("name,lat,lon\nFuji,35,400\n", "longitude 400 of 'Fuji' is beyond the Earth"),
        ("name,lat,lon\n,35,40\n", "holds no place with a name"),
        ('name,lat,lon\n"Etna,35,40\n', "cannot be read as a table of places"),
    ],
)
def test_bad_tables_say_what_to_do(csv, text: str, message: str) -> None:
    path = csv(text)
    with pytest.raises(UserError, match=message) as raised:
        read_places(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_bad_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.csv: no such table"):
        read_places(tmp_path / "none.csv")
    with pytest.raises(UserError, match=r"a.xlsx: is no table of places; give a table \(.csv"):
        read_places(tmp_path / "a.xlsx")
    (tmp_path / "a.gpkg").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"a.gpkg: cannot be read"):
        read_places(tmp_path / "a.gpkg")
    (tmp_path / "latin.csv").write_bytes("name,lat,lon\nPopocatépetl,19,-98\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin.csv: cannot be read .*UTF-8"):
        read_places(tmp_path / "latin.csv")
