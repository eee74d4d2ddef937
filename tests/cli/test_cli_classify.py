"""`ssl-insar classify` from a tiny archive to a table that opens in a GIS."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from shapely import box

from ssl_insar.archive import Archive
from ssl_insar.classify import global_statistics
from ssl_insar.cli import group
from ssl_insar.errors import UserError
from ssl_insar.models.embeddings import Embeddings, Provenance


def run(*words: object) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words])


@pytest.fixture(scope="module")
def embedded(archive_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Statistics of the tiles of an archive in place of an encoder's features, and footprints."""
    out = tmp_path_factory.mktemp("embedded") / "emb"
    archive = Archive.open(archive_path)
    boxes = [box(0.1 * i, 0, 0.1 * i + 0.1, 0.1) for i in range(len(archive))]
    catalogue = archive.catalogue.assign(geometry=boxes)
    features = global_statistics(archive.phasors(range(len(archive)))).astype(np.float16)
    Embeddings(features, catalogue, Provenance("run", "abc", str(archive_path), "digest")).save(out)
    return out


@pytest.mark.parametrize("method", ["probe", "prototypes", "knn"])
def test_fit_and_predict_by_each_method(tmp_path: Path, embedded: Path, method: str) -> None:
    done = run("classify", "fit", embedded, "--method", method, "--folds", 2, "--out", tmp_path / "clf")
    assert done.exit_code == 0, done.output
    for told in ("calibration error (ECE)", "promise 90%", "class '1'", "false alarms", "frame-years"):
        assert told in done.output
    out = tmp_path / "alarms.gpkg"
    words = ["classify", "predict", tmp_path / "clf", embedded, "--min-coherent", 0]
    done = run(*words, "--false-alarms", "20/frame-year", "--out", out)
    assert done.exit_code == 0, done.output
    assert "false alarms a frame-year" in done.output
    table = gpd.read_file(out)
    assert len(table) == 60
    assert table.geometry.notna().all()
    assert table.crs.to_epsg() == 4326
    assert {"probability", "set", "abstained", "ood", "alarm", "persistent"} <= set(table)
    done = run(*words, "--out", tmp_path / "scores.geojson")
    assert done.exit_code == 0, done.output
    placed = gpd.read_file(tmp_path / "scores.geojson")
    assert placed["id"].tolist() == table["id"].tolist()
    assert "alarm" not in placed


def test_few_labels_prevalence_and_refusals(tmp_path: Path, embedded: Path) -> None:
    words = ["classify", "fit", embedded, "--method", "prototypes", "--per-class", 3]
    done = run(*words, "--prevalence", 0.05, "--out", tmp_path / "clf")
    assert done.exit_code == 0, done.output
    assert "fitted from 3 labels a class" in done.output
    predict = ["classify", "predict", tmp_path / "clf", embedded]
    for more, message in {
        ("--out", tmp_path / "s.xlsx"): ".csv, .gpkg, .geojson",
        ("--out", tmp_path): "is a folder",
        ("--out", tmp_path / "s.csv", "--false-alarms", "often"): "1/frame-year",
        ("--out", tmp_path / "s.csv", "--false-alarms", "0.001/frame-year"): "cannot be told",
    }.items():
        refused = run(*predict, *more)
        assert isinstance(refused.exception, UserError), (more, refused.output)
        assert message in str(refused.exception)
    assert not (tmp_path / "s.csv").exists()


def test_suggestions_are_unlabelled_tiles_to_fill_in(tmp_path: Path, embedded: Path) -> None:
    out = tmp_path / "todo.csv"
    done = run("classify", "suggest", embedded, "-n", 4, "--out", out)
    assert done.exit_code == 0, done.output
    assert "(k-center)" in done.output
    todo = pd.read_csv(out)
    assert len(todo) == 4
    assert todo["label"].isna().all()
    todo["label"] = [0, 1, 0, 1]
    todo[["id", "label"]].to_csv(tmp_path / "labels.csv", index=False)
    words = ["classify", "suggest", embedded, "-n", 5, "--labels", tmp_path / "labels.csv"]
    done = run(*words, "--target", "label", "--out", tmp_path / "next.csv")
    assert done.exit_code == 0, done.output
    assert "(badge)" in done.output
    following = pd.read_csv(tmp_path / "next.csv")
    assert not set(following["id"]) & set(todo["id"])
    for strategy in ("auto", "spread", "random"):
        told = run(*words, "--target", "label", "--strategy", strategy, "--out", tmp_path / f"{strategy}.csv")
        assert f"({strategy})" in told.output
        assert not set(pd.read_csv(tmp_path / f"{strategy}.csv")["id"]) & set(todo["id"])
    assert "none of them beat random choice" in " ".join(run("classify", "suggest", "--help").output.split())
    simulated = run("classify", "suggest", embedded, "-n", 3, "--simulate", "--method", "prototypes")
    assert simulated.exit_code == 0, simulated.output
    assert "k-center" in simulated.stdout
    refused = run("classify", "suggest", embedded, "--strategy", "badge")
    assert "needs labels of two classes" in str(refused.exception)
