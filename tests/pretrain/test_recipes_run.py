"""Every recipe of the package from end to end, made small: same sections, fewer and smaller pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_presets import lively

from ssl_insar.archive import Archive
from ssl_insar.models import Encoder
from ssl_insar.models.detector import Detector
from ssl_insar.pretrain import pretrain
from ssl_insar.pretrain.logs import read_rows
from ssl_insar.pretrain.recipe import load
from ssl_insar.synth.archive import simulate_archive

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").glob("*.yaml"))
SMALL = ["model.size=32", "data.batch_size=16", "data.workers=0", "optim.epochs=1", "monitor.every_epochs=1"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    calm = lively(noise={"turbulence": {"rms": 0.3}, "decorrelation": {"looks": 20.0}})
    return simulate_archive(calm, tmp_path_factory.mktemp("run") / "a", count=48, size=64, progress=False)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs(path: Path, archive: Archive, tmp_path: Path) -> None:
    small = list(SMALL)
    recipe = load(path)
    if recipe.objective.name == "moco":
        small.append("objective.queue=64")
    if recipe.positives.injected:
        small.append("positives.sources=8")
    pretrain(path.stem, archive, tmp_path / "run", overrides=small, progress=False)
    encoder = Encoder.load(tmp_path / "run")
    assert encoder.card.about["recipe"] == path.stem
    rows = read_rows(tmp_path / "run" / "loss.csv")
    assert len(rows) == 3
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    matrix = encoder.embed(archive, progress=False).matrix
    assert matrix.shape[0] == 48
    assert np.isfinite(matrix).all()


def test_the_detector_goes_with_the_encoder_that_is_kept(archive: Archive, tmp_path: Path) -> None:
    changes = [*SMALL, "positives.injected=1", "positives.sources=8", "heads.presence=1", "optim.ema=0.5"]
    pretrain("simclr-cpu", archive, tmp_path / "run", overrides=changes, progress=False)
    detector = Detector.load(tmp_path / "run", Encoder.load(tmp_path / "run"))
    assert detector.score(archive, progress=False).shape == (48,)
