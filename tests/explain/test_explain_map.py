"""Maps of whole frames: the mosaic, what is kept in memory, the file, the areas above a threshold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from made import fringes
from made_detector import write_run
from torch import nn

from ssl_insar.archive.tiling import FrameTooSmallError
from ssl_insar.cli import group
from ssl_insar.errors import UserError
from ssl_insar.explain import Judge, Network, open_judge
from ssl_insar.explain.geotiff import areas_above, write_cog
from ssl_insar.explain.sliding import corners, sliding_scores, window_weight
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.readers import Frame
from ssl_insar.readers.pixels import Patch, Window

TILE = 32


class _MeanPhase(Encoder):
    """Features that are the mean cosine of a tile, so that the mosaic can be told by hand."""

    def embed_phasors(self, z: np.ndarray) -> np.ndarray:
        return z.real.mean((1, 2))[:, None].astype(np.float32)


@pytest.fixture(scope="module")
def judge() -> Judge:
    network = Network(_MeanPhase("resnet10t", InputSpec(32)), nn.Identity())
    return Judge(network, 0, False, lambda features: features[:, 0].astype(float), "mean cosine")


def frame_of(height: int, width: int, seed: int = 0, **facts: object) -> Frame:
    rng = np.random.default_rng(seed)
    phase = rng.uniform(-1, 1, (height, width)).astype(np.float32)
    valid = np.ones(phase.shape, bool)
    valid[:40, -45:] = False
    return Frame.of(np.where(valid, phase, 0), valid, wrapped=True, source=Path("f.npy"), family="x", **facts)


def whole_map(judge: Judge, frame: Frame, stride: int) -> np.ndarray:
    bands = list(sliding_scores(judge, judge.score, frame, TILE, stride))
    assert [b.row for b in bands] == np.cumsum([0, *(len(b.scores) for b in bands[:-1])]).tolist()
    return np.concatenate([b.scores for b in bands])


@pytest.mark.parametrize("stride", [32, 16, 11])
def test_bands_are_the_weighted_mean_over_all_tiles(judge: Judge, stride: int) -> None:
    frame = frame_of(75, 100)
    total, mass = np.zeros((2, 75, 100))
    weight = window_weight(TILE)
    for r in corners(75, TILE, stride):
        for c in corners(100, TILE, stride):
            here = slice(r, r + TILE), slice(c, c + TILE)
            if frame.valid[here].mean() >= 0.3:
                total[here] += weight * frame.phasor[here].real.mean()
                mass[here] += weight
    expected = np.where(frame.valid & (mass > 0), total / np.maximum(mass, 1e-30), np.nan)
    np.testing.assert_allclose(whole_map(judge, frame, stride), expected, atol=1e-5)
    assert np.isnan(expected).any()


def test_corners_cover_a_side_to_its_end() -> None:
    assert corners(100, 32, 16) == [0, 16, 32, 48, 64, 68]
    assert corners(32, 32, 16) == [0]
    assert corners(64, 32, 32) == [0, 32]


def test_a_frame_is_read_no_more_than_a_row_of_tiles_at_a_time(judge: Judge) -> None:
    frame, seen = frame_of(160, 64), []

    @dataclasses.dataclass(frozen=True)
    class Watched:
        shape: tuple[int, int] = (160, 64)

        def read(self, window: Window) -> Patch:
            seen.append(window.height)
            return frame.pixels.read(window)

    watched = dataclasses.replace(frame, pixels=Watched())
    bands = sliding_scores(judge, judge.score, watched, TILE, 16)
    next(bands)
    assert seen == [TILE]
    assert max(len(band.scores) for band in bands) <= TILE


def test_the_file_is_cloud_optimised_and_lies_where_the_frame_does(judge: Judge, tmp_path: Path) -> None:
    transform = (60.0, 0.0, 400_000.0, 0.0, -60.0, 5_000_000.0)
    frame = frame_of(75, 100, crs="EPSG:32633", transform=transform)
    out = tmp_path / "map.tif"
    bands = sliding_scores(judge, judge.score, frame, TILE, 16)
    write_cog(frame, bands, out, "mean cosine", {"tile_px": "32"})
    assert [path.name for path in tmp_path.iterdir()] == ["map.tif"]
    with rasterio.open(out) as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (raster.crs.to_epsg(), tuple(raster.transform)[:6]) == (32633, transform)
        assert (raster.descriptions, raster.tags()["tile_px"]) == (("mean cosine",), "32")
        np.testing.assert_array_equal(raster.read(1), whole_map(judge, frame, 16))
        found = raster.read(1)
    threshold = float(np.nanquantile(found, 0.8))
    areas = areas_above(frame, out, threshold)
    assert areas.crs.to_epsg() == 32633
    assert areas["pixels"].sum() == (found >= threshold).sum()
    np.testing.assert_allclose(areas.area.sum(), areas["pixels"].sum() * 3600)
    assert areas["highest"][0] == pytest.approx(np.nanmax(found))
    assert (areas["mean"] >= threshold - 1e-6).all()
    none = areas_above(frame, out, 2.0)
    assert len(none) == 0


def test_what_cannot_be_mapped_is_refused(judge: Judge) -> None:
    with pytest.raises(FrameTooSmallError, match="smaller than a tile of 32 px"):
        sliding_scores(judge, judge.score, frame_of(20, 100), TILE, 16)
    with pytest.raises(ValueError, match="stride 40"):
        sliding_scores(judge, judge.score, frame_of(75, 100), TILE, 40)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


def test_the_command_maps_a_file(run: Path, tmp_path: Path) -> None:
    source = tmp_path / "frame.npy"
    np.save(source, fringes(96, np.random.default_rng(0), True).astype(np.float32))
    out, areas = tmp_path / "score.tif", tmp_path / "areas.gpkg"
    words = ["map", run, source, "--out", out, "--tile", 64, "--areas", areas, "--threshold", 0.0]
    result = CliRunner().invoke(group, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "not georeferenced" in result.output
    with rasterio.open(out) as raster:
        found = raster.read(1)
        assert raster.descriptions == ("score of simulated sources",)
    assert found.shape == (96, 96)
    assert ((found > 0) & (found < 1)).all()
    assert len(gpd.read_file(areas)) == 1


def test_the_command_says_what_is_wrong(run: Path, tmp_path: Path) -> None:
    def refused(message: str, *words: object) -> None:
        with pytest.raises(UserError, match=message):
            CliRunner().invoke(
                group, [str(word) for word in ("map", *words)], catch_exceptions=False, standalone_mode=False
            )

    out = tmp_path / "m.tif"
    refused(r"ends in \.tif", run, "f.npy", "--out", tmp_path / "m.png")
    refused("an encoder alone gives no scores", run / "encoder", "f.npy", "--out", out)
    refused("no classifier, detector or encoder", tmp_path, "f.npy", "--out", out)
    refused("knows no class 'x'", run, "f.npy", "--out", out, "--class", "x")
    assert open_judge(run).what == "score of simulated sources"
