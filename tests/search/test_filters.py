"""Filters by place and date, several examples, and maps of the answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from shapely import box

from ssl_insar.cli import search as search_command
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings
from ssl_insar.models.embeddings import Provenance
from ssl_insar.search import Filter, Index, as_table, find, resolve, rocchio, save_map
from ssl_insar.search.filters import distance


@pytest.fixture(scope="module")
def index(catalogue: Callable[..., pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Tiles in a line eastwards on the equator, one a degree; the last is nowhere."""
    places = [box(lon - 0.05, -0.05, lon + 0.05, 0.05) for lon in range(20)]
    table = catalogue(*({"geometry": place} for place in places), {})
    matrix = np.random.default_rng(0).normal(size=(21, 8)).astype(np.float16)
    embeddings = Embeddings(matrix, table, Provenance("", "a hash", "", "a digest"))
    return Index.build(embeddings, tmp_path_factory.mktemp("map") / "index")


def test_distance_on_the_sphere() -> None:
    across = box(179.9, -0.1, 180, 0.1).union(box(-180, -0.1, -179.9, 0.1))
    outlines = np.array([box(-0.1, 89.8, 0.1, 90), box(9.9, -0.1, 10.1, 0.1), across, None], dtype=object)
    quarter = np.pi / 2 * 6371.0088
    found = distance(outlines, 0, 0)
    np.testing.assert_allclose(
        found[:3], [quarter * 89.9 / 90, quarter / 9, quarter * 179.95 / 90], rtol=1e-6
    )
    assert found[3] == np.inf
    assert distance(outlines, -179.95, 0)[2] == pytest.approx(0, abs=1e-6)


def test_filters(index: Index) -> None:
    def rows(**asked: Any) -> list[int]:
        mask = Filter(**asked).mask(index.catalogue)
        assert mask is not None
        return [int(i) for i in np.flatnonzero(mask)]

    assert Filter().mask(index.catalogue) is None
    assert rows(near=(5.0, 0.0), within=112.0) == [4, 5, 6]  # a degree is 111.2 km
    assert rows(since=date(2016, 1, 13), until=date(2016, 2, 18)) == [1, 2, 3]
    assert rows(since=date(2016, 1, 25), near=(0.0, 0.0), within=400.0) == [2, 3]
    day = date(2016, 1, 13)
    with pytest.raises(UserError, match="none of the 21 tiles fulfils the filter"):
        rows(since=day, until=day)
    with pytest.raises(UserError, match="both --near and --within"):
        Filter(near=(0.0, 0.0))
    with pytest.raises(UserError, match="no longitude and latitude"):
        Filter(near=(0.0, 91.0), within=1.0)


def test_only_allowed_tiles_are_found(index: Index) -> None:
    query = resolve(index, index.catalogue["id"][0])
    allowed = Filter(where="row == 0 and id > 'tile00009'").mask(index.catalogue)
    found = find(index, query, 50, allowed=allowed)
    assert {match.position for match in found} == set(range(10, 21))


def test_rocchio_moves_the_query_and_leaves_its_examples_out(index: Index) -> None:
    query, wanted, unwanted = (resolve(index, index.catalogue["id"][i]) for i in (0, 3, 7))
    moved = rocchio(query, [wanted], [unwanted])
    expected = index.vectors([0]) + 0.75 * index.vectors([3]) - 0.15 * index.vectors([7])
    np.testing.assert_allclose(moved.vectors, expected, atol=1e-6)
    found = find(index, moved, 50)
    assert not {0, 3, 7} & {match.position for match in found}
    cosine = index.vectors(np.arange(21)) @ expected[0] / np.linalg.norm(expected)
    assert found[0].cosine == pytest.approx(np.delete(cosine, [0, 3, 7]).max(), abs=1e-5)
    with pytest.raises(ValueError, match="no example"):
        rocchio(query)


@pytest.mark.parametrize("kind", ["geojson", "gpkg"])
def test_map_of_the_answers(index: Index, tmp_path: Path, kind: str) -> None:
    query = resolve(index, index.catalogue["id"][0])
    table = as_table(index, query, find(index, query, 50))
    path = tmp_path / f"results.{kind}"
    assert save_map(index, table, path) == 1
    read = gpd.read_file(path)
    assert read.crs.to_epsg() == 4326
    assert read["id"].tolist() == table["id"].tolist()
    np.testing.assert_allclose(read["cosine"], table["cosine"], atol=1e-6)
    outlines = index.catalogue.set_index("id")["geometry"]
    for row in read.itertuples():
        assert (row.geometry is None) == (row.id == "tile00020")
        assert row.geometry is None or row.geometry.equals(outlines[row.id])
    with pytest.raises(UserError, match="no answer is georeferenced"):
        save_map(index, table[table["id"] == "tile00020"], path)


def test_options_of_the_command(index: Index, tmp_path: Path) -> None:
    def run(*options: str) -> Any:
        arguments = [str(index.path), "tile00000", "--out", str(tmp_path), *options]
        return CliRunner().invoke(search_command.command, arguments)

    result = run("--near", "5,0", "--within", "112", "--since", "2016-01-01", "--map", "geojson")
    assert result.exit_code == 0, result.output
    assert "Of 21 tiles 3 fulfil the filter" in result.output
    assert len(gpd.read_file(tmp_path / "results.geojson")) == 3
    result = run("--also", "tile00003", "--not", "tile00007", "--where", "id != 'tile00005'", "-k", "50")
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tmp_path / "results.csv")) == 21 - 4
    assert not (tmp_path / "results.geojson").exists(), "no map of an earlier search"
    assert isinstance(run("--where", "slope > 1").exception, UserError)
    assert run("--near", "here", "--within", "1").exit_code == 2
