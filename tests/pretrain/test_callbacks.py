from __future__ import annotations

import gc
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import TINY
from pytorch_lightning.loggers import WandbLogger

from ssl_insar.archive import Archive
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder
from ssl_insar.pretrain import callbacks, monitor, pretrain
from ssl_insar.pretrain.callbacks import LOSS_COLUMNS
from ssl_insar.pretrain.health import feature_std, rank_me
from ssl_insar.pretrain.logs import CsvLog, read_rows
from ssl_insar.pretrain.module import Pretraining

PLAIN = ["monitor.pictures_every=0", "monitor.every_epochs=100", "monitor.pairs=0", "monitor.probe_every=0"]


def run(archive: Path, out: Path, *overrides: str, **options: Any) -> Encoder:
    return pretrain(TINY, archive, out, overrides=overrides, progress=False, **options)


def test_watching_leaves_the_training_alone(archive_path: Path, run_path: Path, tmp_path: Path) -> None:
    unwatched = run(archive_path, tmp_path / "run", *PLAIN)
    assert unwatched.hash == Encoder.load(run_path).hash
    assert not (tmp_path / "run" / "pictures").exists()


def test_a_run_folder_explains_itself(archive_path: Path, run_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    watched = run(archive_path, out, "monitor.pictures_every=4")
    assert watched.hash == Encoder.load(run_path).hash
    told = (out / "README.txt").read_text()
    present = {path.name for path in out.iterdir()} - {"README.txt"}
    assert {"pictures", "loss.csv", "monitor.csv"} <= present
    for name in present:
        assert name in told
    for column in read_rows(out / "monitor.csv")[0]:
        assert column in told or column.endswith("_chance") or column in ("step", "epoch")
    drawn = sorted(path.name for path in (out / "pictures").iterdir())
    expected = [f"{kind}{end}.png" for kind in ("neighbours", "views") for end in ("-0000", "-0003", "")]
    assert drawn == sorted(expected), "the first look and the last"


def test_what_the_module_tells_is_logged_each_step(archive_path: Path, tmp_path: Path) -> None:
    heads = ["positives.injected=.5", "positives.sources=4", "heads.presence=1", "heads.strength=.3"]
    run(archive_path, tmp_path / "run", *heads, "optim.epochs=1", *PLAIN)
    rows = read_rows(tmp_path / "run" / "loss.csv")
    assert list(rows[0]) == [*LOSS_COLUMNS, "contrast", "presence", "strength", "spread"]
    for row in rows:
        parts = sum(float(row[name]) for name in ("contrast", "presence", "strength"))
        assert float(row["loss"]) == pytest.approx(parts, rel=1e-5)
        assert float(row["spread"]) > 0.05


def test_a_run_of_a_version_that_logged_less_is_continued(
    run_path: Path, archive_path: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(run_path, tmp_path / "run")
    rows = read_rows(out / "loss.csv")
    old = CsvLog(tmp_path / "old.csv", ["step", "loss", "weather"], 0)
    for row in rows:
        old.write({"step": row["step"], "loss": row["loss"], "weather": "fine"})
    old.close()
    shutil.copy(tmp_path / "old.csv", out / "loss.csv")
    run(archive_path, out, "optim.epochs=4", *PLAIN, resume=True)
    after = read_rows(out / "loss.csv")
    assert [row["step"] for row in after] == [str(step) for step in range(12)]
    assert list(after[0])[:3] == ["step", "loss", "weather"]
    assert [row["weather"] for row in after] == ["fine"] * 9 + [""] * 3
    assert [bool(row["spread"]) for row in after] == [False] * 9 + [True] * 3


def test_a_column_first_heard_of_later_joins_behind(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv", ["step", "loss"], 0)
    log.write({"step": 0, "loss": 1.5})
    log.write({"step": 1, "loss": 1.25, "kind": 0.5})
    log.write({"step": 2, "loss": 1.0})
    log.close()
    assert (tmp_path / "log.csv").read_text().split() == ["step,loss,kind", "0,1.5,", "1,1.25,0.5", "2,1,"]


def test_a_fresh_run_keeps_nothing_of_the_former(run_path: Path, archive_path: Path, tmp_path: Path) -> None:
    out = shutil.copytree(run_path, tmp_path / "run")
    (out / "pictures").mkdir(exist_ok=True)
    (out / "pictures" / "views-0007.png").write_bytes(b"of the former")
    run(archive_path, out, "optim.epochs=1", *PLAIN, resume=False)
    assert not list((out / "pictures").iterdir())
    assert [row["step"] for row in read_rows(out / "monitor.csv")] == ["0", "3"]


def test_the_encoder_that_is_kept_is_watched(archive_path: Path, tmp_path: Path) -> None:
    encoder = run(archive_path, tmp_path / "run", "optim.ema=0.9", "optim.lr=0.01", *PLAIN)
    row = read_rows(tmp_path / "run" / "monitor.csv")[-1]
    features = encoder.embed_tiles(Archive.open(archive_path), np.arange(60))
    assert float(row["rank_me"]) == pytest.approx(rank_me(features), rel=1e-4)
    assert float(row["feature_std"]) == pytest.approx(feature_std(features), rel=1e-4)


HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


def test_nothing_of_a_run_stays_behind(archive_path: Path, tmp_path: Path) -> None:
    """Neither its handlers of signals, which would heed none, nor its network: a notebook trains again."""
    before = sum(type(o) is Pretraining for o in gc.get_objects())
    run(archive_path, tmp_path / "run", "optim.epochs=1", *PLAIN)
    gc.collect()
    assert sum(type(o) is Pretraining for o in gc.get_objects()) <= before
    assert {number: signal.getsignal(number) for number in HANDLERS} == HANDLERS


def test_an_objective_that_collapses_is_stopped_and_explained(
    archive_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VICReg without its variance: one answer to everything costs nothing. The features do not show it."""
    monkeypatch.setattr(callbacks, "PATIENCE", 3)
    wrong = [f"objective.{name}" for name in ("name=vicreg", "variance=0", "covariance=0")]
    fast = ["optim.epochs=30", "optim.lr=0.3", "optim.clip=0", "optim.warmup_epochs=0"]
    told = r"projections collapsed by step \d+: .* \(spread .*\), so the loss teaches nothing; .*variance"
    with pytest.raises(UserError, match=told):
        run(archive_path, tmp_path / "run", *wrong, *fast, *PLAIN)
    assert len(read_rows(tmp_path / "run" / "loss.csv")) < 60
    assert {number: signal.getsignal(number) for number in HANDLERS} == HANDLERS


def test_features_that_collapse_end_the_run_after_their_look(
    archive_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = monitor.feature_std
    seen: list[float] = []

    def sinking(features: Any) -> float:
        seen.append(honest(features) if not seen else 0.001)
        return seen[-1]

    monkeypatch.setattr(monitor, "feature_std", sinking)
    with pytest.raises(UserError, match=r"features collapsed by step 3: all tiles embed alike .*--no-resume"):
        run(archive_path, tmp_path / "run", *PLAIN, "monitor.every_epochs=1")
    assert len(read_rows(tmp_path / "run" / "monitor.csv")) == 2, "the look that told is on record"


def test_wandb_gets_parts_and_pictures(
    archive_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is handed over; that a run without an account arrives on disk is another test's matter."""
    numbers: set[str] = set()
    images: list[tuple[str, bool]] = []

    def metrics(self: WandbLogger, metrics: dict[str, float], step: int | None = None) -> None:
        numbers.update(metrics)

    def image(self: WandbLogger, key: str, images_: list[str], step: int | None = None) -> None:
        images.append((key, Path(images_[0]).exists()))

    monkeypatch.setattr(WandbLogger, "log_metrics", metrics)
    monkeypatch.setattr(WandbLogger, "log_image", image)
    run(archive_path, tmp_path / "run", "log.wandb=offline", "optim.epochs=1", "monitor.pictures_every=1")
    assert {"loss", "contrast", "spread", "rank_me", "alignment", "knn_ap"} <= numbers
    assert images == [("views", True), ("neighbours", True)] * 2
