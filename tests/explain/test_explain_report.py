"""`ssl-insar explain`: pictures, outlines and the page, of a detector, a classifier and an encoder alone."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
from click.testing import CliRunner, Result
from made_detector import write_run
from PIL import Image
from shapely import box

from ssl_insar.archive import Archive
from ssl_insar.archive.catalogue import read_catalogue, write_catalogue
from ssl_insar.classify import fit_trusted
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.neighbours import Neighbours
from ssl_insar.cli import group
from ssl_insar.errors import UserError
from ssl_insar.explain import open_judge
from ssl_insar.models import Encoder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


def explained(*words: object) -> Result:
    return CliRunner().invoke(
        group, [str(word) for word in ("explain", *words)], catch_exceptions=False, standalone_mode=False
    )


def test_a_detector_s_first_tiles_are_explained(archive_path: Path, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "why"
    result = explained(run, archive_path, "--top", 1, "--out", out, "--method", "eigencam")
    assert result.exit_code == 0, result.output
    pictures = sorted(path.name for path in out.glob("*.png"))
    assert len(pictures) == 1
    width, height = Image.open(out / pictures[0]).size
    assert width > 1000
    assert height > 600
    archive = Archive.open(archive_path)
    scores = open_judge(run).score(Encoder.load(run).embed(archive, progress=False).matrix.astype(np.float32))
    best = archive.catalogue["id"][int(scores.argmax())]
    page = (out / "index.html").read_text()
    assert best in page
    assert "Nearest labelled tiles: deformation " in page
    (layer, _), *others = pyogrio.list_layers(out / "explained.gpkg")
    assert (layer, others) == ("salient_px", [])  # made tiles have no place
    table = gpd.read_file(out / "explained.gpkg")
    assert table["id"][0] == best
    assert table["rank"].tolist() == [1]
    assert table["score"][0] == pytest.approx(scores.max(), abs=1e-6)
    assert table.total_bounds.min() >= 0
    assert table.total_bounds.max() <= archive.tile


@pytest.mark.heavy
def test_outlines_lie_in_the_footprints(archive_path: Path, run: Path, tmp_path: Path) -> None:
    import shutil

    placed = tmp_path / "archive"
    shutil.copytree(archive_path, placed)
    table = read_catalogue(placed / "catalogue.parquet")
    corners = box(0, 0, 0.1, 0.1)
    table["geometry"] = [corners if i % 2 else None for i in range(len(table))]
    write_catalogue(table, placed / "catalogue.parquet")
    names = table["id"][:2].tolist()
    out = tmp_path / "why"
    result = explained(
        run, placed, "--ids", names[0], "--ids", names[1], "--out", out, "--method", "eigencam"
    )
    assert result.exit_code == 0, result.output
    found = {layer: gpd.read_file(out / "explained.gpkg", layer=layer) for layer in ("salient", "salient_px")}
    assert found["salient"].crs.to_epsg() == 4326
    assert found["salient"]["id"].tolist() == [names[1]]
    assert found["salient_px"]["id"].tolist() == [names[0]]
    assert corners.buffer(1e-9).contains(found["salient"].geometry[0])


@pytest.mark.heavy
def test_a_classifier_is_explained_by_its_encoder(archive_path: Path, run: Path, tmp_path: Path) -> None:
    encoder, archive = Encoder.load(run), Archive.open(archive_path)
    held = encoder.embed(archive, progress=False)
    held.save(tmp_path / "emb")
    y = archive.catalogue["label_deformation"].to_numpy(int)
    rows = np.arange(len(held))
    fit_trusted(lambda: LinearProbe(5.0), held, rows, y, "deformation").classifier.save(tmp_path / "probe")
    fit_trusted(Neighbours, held, rows, y, "deformation").classifier.save(tmp_path / "knn")
    words = ["--encoder", run, "--embeddings", tmp_path / "emb", "--top", 1]
    result = explained(tmp_path / "probe", archive_path, "--out", tmp_path / "a", *words)
    assert result.exit_code == 0, result.output
    assert "probability of deformation 1" in (tmp_path / "a" / "index.html").read_text()
    assert "HiResCAM" in (tmp_path / "a" / "index.html").read_text()
    # Votes have no gradient.
    explained(tmp_path / "knn", archive_path, "--out", tmp_path / "b", *words)
    assert "Eigen-CAM" in (tmp_path / "b" / "index.html").read_text()
    with pytest.raises(UserError, match="no linear head"):
        explained(tmp_path / "knn", archive_path, "--out", tmp_path / "b", "--method", "gradcam", *words)
    with pytest.raises(UserError, match="give by --encoder"):
        explained(tmp_path / "probe", archive_path, "--out", tmp_path / "b")
    with pytest.raises(UserError, match="choose one of: 0, 1"):
        open_judge(tmp_path / "probe", run, "2")
    other = Encoder.load(run).random_like(5)
    other.save(tmp_path / "other")
    with pytest.raises(UserError, match="fitted on embeddings of encoder"):
        open_judge(tmp_path / "probe", tmp_path / "other")


def test_the_logit_of_either_class_agrees_with_its_probability(
    archive_path: Path, run: Path, tmp_path: Path
) -> None:
    import torch

    from ssl_insar.augment import field as fd

    encoder, archive = Encoder.load(run), Archive.open(archive_path)
    held = encoder.embed(archive, progress=False)
    y = archive.catalogue["label_deformation"].to_numpy(int)
    fit_trusted(lambda: LinearProbe(5.0), held, np.arange(len(held)), y, "deformation").classifier.save(
        tmp_path / "probe"
    )
    tiles = fd.from_complex(torch.from_numpy(archive.phasors(np.arange(20))))
    for wanted in ("0", "1"):
        judge = open_judge(tmp_path / "probe", run, wanted)
        logits = judge.network.logits(tiles)[:, judge.output].numpy()
        order = np.corrcoef(logits, judge.score(held.matrix[:20].astype(np.float32)))[0, 1]
        assert order > 0.9


def test_an_encoder_alone_needs_to_be_told_tiles(archive_path: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name tiles with --ids"):
        explained(run / "encoder", archive_path, "--out", tmp_path / "a")
    name = Archive.open(archive_path).catalogue["id"][3]
    explained(run / "encoder", archive_path, "--ids", name, "--out", tmp_path / "a")
    assert (tmp_path / "a" / f"0001_{name}.png").is_file()
    assert "score" not in (tmp_path / "a" / "index.html").read_text()
