"""The peer's recipe: that its augmentations do what they did, and that the whole knows no labels."""

from __future__ import annotations

import random
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from evaluation.baselines.peer import grey
from evaluation.baselines.peer_chain import PeerChain, transforms
from evaluation.linear_probe import command as linear_probe
from ssl_insar.archive import Archive, ingest
from ssl_insar.augment.transforms.library import albumentations as A
from ssl_insar.models import Embeddings

TINY = ["--epochs", "1", "--size", "32", "--batch-size", "16", "--backbone", "resnet10t"]
PCA = ["--components", "12", "--size", "16"]
FLIP_X, FLIP_Y, AFFINE, HOLES, TIMES, BLUR, NOISE = range(7)


def _alone(which: int, size: int = 224, p: float = 1.0):
    """One transform of the chain."""
    compose = A.Compose([transforms(size, p)[which]])
    compose.set_random_state(np.random.default_rng(0), random.Random(0))
    return compose


def test_the_affine_moves_pixels_as_far_as_the_elastic_transform_did() -> None:
    # Measured in albumentations 0.5.2 at 224 px over 150 draws: where pixels come from within the tile, from
    # 32.1 px away (the median over a tile, the median of tiles); 25 % of the tile is filled by reflection.
    affine = transforms(224)[AFFINE]
    affine.set_random_state(np.random.default_rng(0), random.Random(0))
    rows, cols = np.mgrid[:224:7, :224:7].reshape(2, -1)
    moved, outside = [], []
    for _ in range(400):
        matrix = affine.get_params_dependent_on_data({"shape": (224, 224, 3)}, {})["matrix"]
        back = cv2.invertAffineTransform(matrix)
        x, y = back[:, :2] @ [cols, rows] + back[:, 2:]
        inside = (x >= 0) & (x <= 223) & (y >= 0) & (y <= 223)
        outside.append(1 - inside.mean())
        moved.append(np.median(np.hypot(x - cols, y - rows)[inside]))
    assert np.median(moved) == pytest.approx(32.1, rel=0.1)
    assert np.mean(outside) == pytest.approx(0.253, abs=0.035)


def test_the_affine_shrinks_with_the_picture() -> None:
    whole, part = (transforms(size)[AFFINE] for size in (224, 112))
    assert part.most == whole.most / 2
    ramp = np.repeat(np.arange(112, dtype=np.uint8)[None, :, None], 112, 0).repeat(3, 2)
    moved = _alone(AFFINE, 112)(image=ramp)["image"]
    assert moved.shape == ramp.shape
    assert not np.array_equal(moved, ramp)
    assert moved.max() <= ramp.max()  # reflected: nothing is made up
    assert (moved == 0).mean() < 0.1


def test_the_other_effects_are_as_strong_as_published() -> None:
    white = np.full((224, 224, 3), 200, np.uint8)
    black = (_alone(HOLES)(image=white)["image"] == 0).sum() / 3
    assert 7 * 64 < black <= 8 * 64  # eight holes of 8 x 8 px, hardly any overlap
    times = _alone(TIMES)
    factors = np.array([times(image=white)["image"].astype(float).mean() / 200 for _ in range(200)])
    assert 0.895 <= factors.min() < 0.92
    assert 1.08 < factors.max() <= 1.105
    noise = _alone(NOISE)
    noisy = np.stack([noise(image=white)["image"].astype(float) - 200 for _ in range(60)])
    spread = noisy.std(axis=(1, 2, 3))
    assert 3.0 < spread.min() < 3.6
    assert 6.6 < spread.max() < 7.2
    assert abs(np.corrcoef(noisy[0, ..., 0].ravel(), noisy[0, ..., 1].ravel())[0, 1]) < 0.02


def test_blur_is_that_of_three_kernels_of_opencv() -> None:
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3)).astype(np.uint8)
    expected = {side: cv2.GaussianBlur(image, (side, side), 0).astype(int) for side in (3, 5, 7)}
    blur = _alone(BLUR)
    counts = dict.fromkeys(expected, 0)
    for _ in range(100):
        made = blur(image=image)["image"].astype(int)
        off = {side: np.abs(made - other).mean() for side, other in expected.items()}
        nearest = min(off, key=lambda side: off[side])
        assert off[nearest] < 1
        counts[nearest] += 1
    assert 8 <= counts[3] <= 32
    assert 25 <= counts[5] <= 55
    assert 25 <= counts[7] <= 55


def test_flips_come_and_go_independently() -> None:
    compose = A.Compose(transforms(64)[:2])
    compose.set_random_state(np.random.default_rng(0), random.Random(0))
    corner = np.zeros((64, 64, 3), np.uint8)
    corner[0, 0] = 255
    found = [np.argwhere(compose(image=corner)["image"][..., 0])[0] > 0 for _ in range(600)]
    down, across = np.mean(found, axis=0)
    assert down == pytest.approx(0.8, abs=0.05)
    assert across == pytest.approx(0.8, abs=0.05)
    assert np.mean([both.all() for both in found]) == pytest.approx(0.64, abs=0.06)


def test_views_follow_from_seed_and_step() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8)
    chain = PeerChain(48, seed=1)
    views = chain(pictures, 7)
    assert views.shape == (6, 48, 48, 3)
    assert views.dtype == np.uint8
    assert not np.array_equal(views[:3], views[3:])
    chain(pictures, 8)
    np.testing.assert_array_equal(chain(pictures, 7), views)
    assert not np.array_equal(chain(pictures, 8), views)
    assert not np.array_equal(PeerChain(48, seed=2)(pictures, 7), views)


def test_grey_is_black_at_minus_pi_and_where_there_is_no_data(tmp_path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    rng = np.random.default_rng(0)
    phase = (np.linspace(-3, 3, 64)[None] + 0.02 * rng.normal(size=(64, 64))).astype(np.float32)
    phase[:16] = np.nan
    np.save(folder / "made_20190101_20190113.npy", phase)
    archive = ingest(folder, tmp_path / "archive", tile=64, progress=False).archive
    picture = grey(archive, [0], 64)[0]
    expected = (phase[16:] + np.pi) / (2 * np.pi) * 256
    np.testing.assert_allclose(picture[16:], expected, atol=1.5)
    assert (picture[:16] == 0).all()
    assert grey(archive, [0], 32).shape == (1, 32, 32)


@pytest.fixture(scope="module")
def unlabelled(frames, tmp_path_factory):
    """The same tiles with no labels, and with labels dealt out anew."""
    folder = tmp_path_factory.mktemp("labels")
    ingest(frames, folder / "absent", tile=64, progress=False)
    table = pd.read_csv(frames / "labels.csv")
    table["deformation"] = np.random.default_rng(1).permutation(table["deformation"].to_numpy())
    table.to_csv(folder / "labels.csv", index=False)
    ingest(frames, folder / "shuffled", tile=64, labels=folder / "labels.csv", progress=False)
    return folder


def _run(name: str, *words: object) -> None:
    import importlib

    command = importlib.import_module(f"evaluation.baselines.{name}").command
    command.main([str(word) for word in words], standalone_mode=False)


@pytest.mark.parametrize(("name", "options"), [("peer", TINY), ("pca", PCA)])
def test_labels_make_no_difference(name, options, archive_path, unlabelled, tmp_path, capsys) -> None:
    found = []
    for i, archive in enumerate((archive_path, unlabelled / "absent", unlabelled / "shuffled")):
        _run(name, "--archive", archive, "--out", tmp_path / str(i), *options)
        found.append(Embeddings.open(tmp_path / str(i)))
    first, *others = found
    assert first.ids == Archive.open(archive_path).catalogue["id"].tolist()
    assert first.provenance.encoder.startswith(f"baseline: {name} (")
    assert first.provenance.archive_digest == Archive.open(archive_path).digest
    assert np.isfinite(first.matrix).all()
    assert (first.matrix.astype(float).std(axis=0) > 0).any()
    for other in others:
        np.testing.assert_array_equal(other.matrix, first.matrix)
        assert other.provenance.encoder_hash == first.provenance.encoder_hash


def test_the_linear_probe_takes_a_baseline(archive_path, tmp_path, capsys) -> None:
    _run("pca", "--archive", archive_path, "--out", tmp_path / "emb", *PCA)
    words = ["--embeddings", str(tmp_path / "emb"), "--archive", str(archive_path), "--target", "deformation"]
    linear_probe.main([*words, "--out", str(tmp_path / "r")], standalone_mode=False)
    row = pd.read_csv(tmp_path / "r" / "results.csv").query("metric == 'auroc'").iloc[0]
    assert row["encoder_hash"] == Embeddings.open(tmp_path / "emb").provenance.encoder_hash
    assert 0 < row["value"] < 1


def test_a_trained_peer_embeds_another_archive(archive_path, unlabelled, tmp_path) -> None:
    small = tmp_path / "small"
    shutil.copytree(unlabelled / "absent", small)
    common = ["--trained-on", archive_path, "--run", tmp_path / "run", *TINY]
    _run("peer", "--archive", archive_path, "--out", tmp_path / "here", *common)
    log = (tmp_path / "run" / "loss.csv").read_bytes()
    _run("peer", "--archive", small, "--out", tmp_path / "there", *common)
    assert (tmp_path / "run" / "loss.csv").read_bytes() == log  # not trained again
    here, there = (Embeddings.open(tmp_path / name) for name in ("here", "there"))
    assert here.provenance.encoder_hash == there.provenance.encoder_hash
    np.testing.assert_array_equal(here.matrix, there.matrix)
    _run("peer", "--archive", archive_path, "--out", tmp_path / "seed", "--seed", "1", *TINY)
    assert Embeddings.open(tmp_path / "seed").provenance.encoder_hash != here.provenance.encoder_hash
