"""`ssl-insar score`: the table, the pictures, what it says of labels, what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from made_detector import write_run
from PIL import Image
from shapely import box

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import read_catalogue, write_catalogue
from ssl_insar.cli import group
from ssl_insar.errors import UserError
from ssl_insar.models.detector import Detector


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


def score(archive: Path, run: Path, out: Path, *more: object) -> Result:
    words = ["score", archive, "--detector", run, "--out", out, *more]
    return CliRunner().invoke(group, [str(word) for word in words])


def test_the_table_ranks_every_tile_and_the_first_are_drawn(
    archive_path: Path, run: Path, tmp_path: Path
) -> None:
    out, chips = tmp_path / "deep" / "scores.csv", tmp_path / "chips"
    result = score(archive_path, run, out, "--top", 3, "--chips", chips)
    assert result.exit_code == 0, result.output
    archive = Archive.open(archive_path)
    table = pd.read_csv(out)
    assert sorted(table["id"]) == sorted(archive.catalogue["id"])
    assert table["rank"].tolist() == list(range(1, len(archive) + 1))
    assert table["score"].is_monotonic_decreasing
    expected = Detector.load(run).score(archive, progress=False)
    by_id = dict(zip(archive.catalogue["id"], expected, strict=True))
    assert table["score"].tolist() == pytest.approx([by_id[name] for name in table["id"]], rel=1e-4)
    assert table["quiet_below"].dropna().between(0, 1).all()
    assert {"volcano", "reference_date", "secondary_date"} <= set(table)
    for name in table["id"][:3]:
        assert name in result.stdout
    assert table["id"][3] not in result.stdout
    assert "label 'deformation' (60 tiles, 20 positive; not used for the score)" in result.stdout
    pictures = sorted(chips.iterdir())
    assert [path.name for path in pictures] == [f"000{i + 1}_{table['id'][i]}.png" for i in range(3)]
    assert Image.open(pictures[0]).size == (64, 64)


def test_footprints_reach_a_gis(archive_path: Path, run: Path, tmp_path: Path) -> None:
    placed = tmp_path / "placed"
    shutil.copytree(archive_path, placed)
    table = read_catalogue(placed / "catalogue.parquet")
    outlines = [box(i, 0, i + 1, 1) if i % 2 else None for i in range(len(table))]
    write_catalogue(
        table.set_geometry(gpd.GeoSeries(outlines, crs="EPSG:4326")), placed / "catalogue.parquet"
    )
    assert score(placed, run, tmp_path / "s.gpkg").exit_code == 0
    assert score(placed, run, tmp_path / "s.parquet").exit_code == 0
    shown, held = gpd.read_file(tmp_path / "s.gpkg"), gpd.read_parquet(tmp_path / "s.parquet")
    assert shown["id"].tolist() == held["id"].tolist()
    assert shown.crs == "EPSG:4326"
    where = {name: outline for name, outline in zip(table["id"], outlines, strict=True) if outline}
    found = {name: g for name, g in zip(shown["id"], shown.geometry, strict=True) if g is not None}
    assert set(found) == set(where)
    assert all(found[name].equals(outline) for name, outline in where.items())
    assert str(shown["reference_date"][0])[:10] == str(held["reference_date"][0])


def test_the_place_is_written_in_pixels_and_on_the_map(archive_path: Path, tmp_path: Path) -> None:
    run, placed = write_run(tmp_path / "run", where=True), tmp_path / "placed"
    shutil.copytree(archive_path, placed)
    table = read_catalogue(placed / "catalogue.parquet")
    outlines = [None, *(box(i, 0, i + 2, 1, ccw=False) for i in range(1, len(table)))]
    table = table.set_geometry(gpd.GeoSeries(outlines, crs="EPSG:4326"))
    write_catalogue(table, placed / "catalogue.parquet")
    assert score(placed, run, tmp_path / "s.csv", "--where").exit_code == 0
    found = Detector.load(run).survey(Archive.open(placed), progress=False)
    assert found.place is not None
    assert len(np.unique(found.place, axis=0)) > 3
    told = pd.read_csv(tmp_path / "s.csv").set_index("id").loc[table["id"]]
    np.testing.assert_array_equal(told[["where_row", "where_col"]], found.place)
    np.testing.assert_allclose(told["where_peak"], found.peak, rtol=1e-4)
    assert told[["where_lon", "where_lat"]].iloc[0].isna().all()
    x, y = (told[name].to_numpy()[1:] for name in ("where_lon", "where_lat"))
    corners = np.array([outline.exterior.coords[:4] for outline in outlines[1:]])
    across, down = ((found.place[1:, ::-1] + 0.5) / 64).T[:, :, None]
    top = corners[:, 0] + across * (corners[:, 1] - corners[:, 0])
    foot = corners[:, 3] + across * (corners[:, 2] - corners[:, 3])
    np.testing.assert_allclose(np.stack([x, y], 1), top + down * (foot - top), atol=1e-4)


def test_what_cannot_be_is_said_before_the_work(archive_path: Path, run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out, more, message in (
        ("scores.xlsx", (), "ends in .csv, .parquet, .gpkg"),
        ("scores.gpkg", (), "no tile has a footprint"),
        ("scores.csv", ("--chips", tmp_path / "file"), "--chips needs a folder"),
        ("scores.csv", ("--where",), "leave --where out"),
    ):
        result = score(archive_path, run, tmp_path / out, *more)
        assert isinstance(result.exception, UserError)
        assert message in str(result.exception)
        assert "\n" not in str(result.exception)
    result = score(archive_path, tmp_path, tmp_path / "scores.csv")
    assert isinstance(result.exception, UserError)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
