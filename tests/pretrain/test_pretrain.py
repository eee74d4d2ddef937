from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wandb
from made import TINY

from evaluation.leaks import refuse_labelled
from ssl_insar.archive import Archive
from ssl_insar.classify import LeakError
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder
from ssl_insar.pretrain import pretrain
from ssl_insar.pretrain import run as run_module
from ssl_insar.pretrain.batches import Batches
from ssl_insar.pretrain.logs import CsvLog, read_rows
from ssl_insar.pretrain.module import Pretraining, Schedule
from ssl_insar.pretrain.recipe import OptimConfig, load


def losses(folder: Path) -> dict[int, str]:
    rows = read_rows(folder / "loss.csv")
    assert len({row["step"] for row in rows}) == len(rows), "a step is logged once"
    return {int(row["step"]): row["loss"] for row in rows}


def test_a_run_leaves_what_it_says(run_path: Path) -> None:
    assert sorted(losses(run_path)) == list(range(9))
    looks = read_rows(run_path / "monitor.csv")
    assert [row["step"] for row in looks] == ["0", "3", "6", "9"]
    assert 0 <= float(looks[-1]["knn_auroc"]) <= 1
    assert float(looks[-1]["prevalence"]) == pytest.approx(1 / 3)
    assert load(run_path / "recipe.yaml").hash == load(TINY).hash
    encoder = Encoder.load(run_path)
    assert encoder.card.about["recipe_hash"] == load(TINY).hash
    assert not encoder.training


def test_the_same_call_gives_the_same_encoder(run_path: Path, archive_path: Path, tmp_path: Path) -> None:
    again = pretrain(TINY, archive_path, tmp_path / "run", progress=False)
    assert losses(tmp_path / "run") == losses(run_path)
    assert again.hash == Encoder.load(run_path).hash


def test_training_moves_the_loss_and_the_weights(run_path: Path, archive_path: Path, tmp_path: Path) -> None:
    # Geometry only: what is to be learnt is plain enough for half a minute of a tiny network.
    easy = [
        f"views.{name}.p=0" for name in ("rewrap", "turbulence", "ramp", "decorrelation", "cutout", "elastic")
    ]
    longer = ["optim.epochs=30", "optim.lr=3e-3", *easy]
    trained = pretrain(TINY, archive_path, tmp_path / "run", overrides=longer, progress=False)
    values = [float(v) for _, v in sorted(losses(tmp_path / "run").items())]
    assert np.mean(values[-15:]) < np.mean(values[:15]) - 0.3
    assert trained.hash != Encoder.load(run_path).hash


KILLED = """
import sys
from ssl_insar.pretrain import callbacks, pretrain
import os, signal
real = callbacks.Progress.on_train_batch_end
def dies(self, trainer, *rest):
    real(self, trainer, *rest)
    if trainer.global_step == int(sys.argv[3]):
        os.kill(os.getpid(), getattr(signal, sys.argv[4]))
callbacks.Progress.on_train_batch_end = dies
import json
try:
    resume = {"None": None, "False": False}[sys.argv[6]]
    pretrain(json.loads(sys.argv[5]), sys.argv[1], sys.argv[2], resume=resume, progress=False)
except KeyboardInterrupt as stop:
    print(stop); sys.exit(130)
"""


def run_and_kill(
    archive: Path, out: Path, step: int, how: str, recipe: dict[str, Any], resume: bool | None = None
) -> int:
    import json

    arguments = [str(archive), str(out), str(step), how, json.dumps(recipe), str(resume)]
    return subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False).returncode


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX matter")
def test_kill_9_and_the_same_call_continue_the_same_loss(
    run_path: Path, archive_path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    # Checkpoints stand after every step but are as old as the kill finds them: in mid-epoch.
    often = TINY | {"checkpoint": {"every_minutes": 0.0001}}
    assert run_and_kill(archive_path, out, 5, "SIGKILL", often) == -signal.SIGKILL
    with pytest.raises(UserError, match="has not finished"):
        Encoder.load(out)
    before = losses(out)
    assert run_module.checkpoint_step(out / "checkpoints" / "last.ckpt") == 4
    resumed = pretrain(often, archive_path, out, progress=False)
    assert losses(out) == losses(run_path)
    assert {k: v for k, v in losses(out).items() if k in before} == before
    assert resumed.hash == Encoder.load(run_path).hash
    assert [r["step"] for r in read_rows(out / "monitor.csv")] == ["0", "3", "6", "9"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_finishes_the_step_and_saves(run_path: Path, archive_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run_and_kill(archive_path, out, 5, "SIGINT", TINY) == 130
    assert run_module.checkpoint_step(out / "checkpoints" / "last.ckpt") == 5
    pretrain(TINY, archive_path, out, progress=False)
    assert losses(out) == losses(run_path)


def test_a_kill_between_last_checkpoint_and_export_costs_nothing(
    run_path: Path, archive_path: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(run_path, tmp_path / "run")
    shutil.rmtree(out / "encoder")
    state = (out / "run.json").read_text().replace('"finished": true', '"finished": false')
    (out / "run.json").write_text(state)
    assert pretrain(TINY, archive_path, out, progress=False).hash == Encoder.load(run_path).hash


def test_a_run_whose_tiles_were_chosen_by_labels_says_so_to_evaluations(
    run_path: Path, archive_path: Path, tmp_path: Path
) -> None:
    chosen = ["positives.injected=.5", "positives.sources=4", "positives.quiet=labelled", "optim.epochs=1"]
    out = tmp_path / "run"
    card = pretrain(TINY, archive_path, out, overrides=chosen, progress=False).card
    assert card.about["labels"] == "label 0 chose the tiles that got a source"
    with pytest.raises(LeakError, match="pretrained with labels"):
        refuse_labelled(card, out)
    refuse_labelled(Encoder.load(run_path).card, run_path)  # a run as a rule


def test_resume_with_more_epochs_follows_the_new_schedule(
    run_path: Path, archive_path: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(run_path, tmp_path / "run")
    pretrain(TINY, archive_path, out, overrides=["optim.epochs=5"], resume=True, progress=False)
    rows = read_rows(out / "loss.csv")
    assert [int(r["step"]) for r in rows] == list(range(15))
    schedule = Schedule(OptimConfig(**(TINY["optim"] | {"epochs": 5})), 3)
    assert float(rows[9]["lr"]) == pytest.approx(1e-3 * schedule(9), rel=1e-4)
    assert float(rows[8]["lr"]) < float(rows[9]["lr"]), "the old schedule had ended"


def test_a_finished_run_is_not_trained_again(run_path: Path, archive_path: Path) -> None:
    before = (run_path / "loss.csv").stat().st_mtime_ns
    assert pretrain(TINY, archive_path, run_path, progress=False).hash == Encoder.load(run_path).hash
    assert (run_path / "loss.csv").stat().st_mtime_ns == before


def test_a_mistake_does_not_claim_the_folder(archive_path: Path, tmp_path: Path) -> None:
    for wrong in ("model.backbone=resnet81", "monitor.label=nope"):
        with pytest.raises(UserError):
            pretrain(TINY, archive_path, tmp_path / "run", overrides=[wrong], progress=False)
    assert not (tmp_path / "run").exists()


def test_no_resume_starts_afresh_and_never_serves_the_old_encoder(
    run_path: Path, archive_path: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(run_path, tmp_path / "run")
    recipe = TINY | {"seed": 9}
    assert run_and_kill(archive_path, out, 2, "SIGKILL", recipe, resume=False) == -signal.SIGKILL
    with pytest.raises(UserError, match="has not finished"):
        Encoder.load(out)
    fresh = pretrain(recipe, archive_path, out, progress=False)
    assert fresh.hash != Encoder.load(run_path).hash


def test_the_monitor_samples_at_the_archive_s_prevalence(archive_path: Path, tmp_path: Path) -> None:
    from ssl_insar.pretrain.monitor import Monitor
    from ssl_insar.pretrain.recipe import MonitorConfig

    archive = Archive.open(archive_path)
    monitor = Monitor(archive, MonitorConfig(tiles=30), tmp_path, seed=0)
    share = archive.catalogue["label_deformation"].iloc[monitor.sample].mean()
    assert 0.15 < share < 0.55, "a third of the tiles is positive, whatever the size of the sample"


def test_a_folder_of_another_run_or_of_something_else_is_refused(
    run_path: Path, archive_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="another recipe"):
        pretrain(TINY, archive_path, run_path, overrides=["seed=9"], progress=False)
    with pytest.raises(UserError, match="add --resume to go on with another number of epochs"):
        pretrain(TINY, archive_path, run_path, overrides=["optim.epochs=9"], progress=False)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds something else"):
        pretrain(TINY, archive_path, tmp_path / "x", progress=False)
    with pytest.raises(UserError, match="no run to resume"):
        pretrain(TINY, archive_path, tmp_path / "new", resume=True, progress=False)


def test_a_damaged_checkpoint_is_told(run_path: Path, archive_path: Path, tmp_path: Path) -> None:
    out = shutil.copytree(run_path, tmp_path / "run")
    checkpoint = out / "checkpoints" / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    with pytest.raises(UserError, match="damaged checkpoint"):
        pretrain(TINY, archive_path, out, resume=True, progress=False)


def test_an_archive_smaller_than_a_batch(archive_path: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"60 of 60 tiles are usable .* --set data.batch_size=15"):
        pretrain(TINY, archive_path, tmp_path / "run", overrides=["data.batch_size=64"], progress=False)


def test_wandb_offline_needs_no_account(archive_path: Path, tmp_path: Path) -> None:
    overrides = ["log.wandb=offline", "optim.epochs=1"]
    for name in ("first", "second"):  # one process, two runs: each has a record of its own
        pretrain(TINY, archive_path, tmp_path / name, overrides=overrides, progress=False)
        assert len(list((tmp_path / name / "wandb").glob("offline-run-*/*.wandb"))) == 1
    assert wandb.run is None


def test_two_workers_give_the_batches_of_none(run_path: Path, archive_path: Path, tmp_path: Path) -> None:
    pretrain(TINY, archive_path, tmp_path / "run", overrides=["data.workers=2"], progress=False)
    assert losses(tmp_path / "run") == losses(run_path)


def test_batches_follow_from_the_step_alone() -> None:
    tiles = np.arange(50, 90)
    whole = list(Batches(tiles, 8, 12, seed=3))
    assert list(Batches(tiles, 8, 12, seed=3, start=7)) == whole[7:]
    for epoch in (whole[:5], whole[5:10]):
        assert sorted(chain.from_iterable(epoch)) == list(tiles), "every tile once an epoch"
    assert whole[:5] != whole[5:10]
    assert list(Batches(tiles, 8, 12, seed=4)) != whole


def test_processes_share_a_batch_without_overlap() -> None:
    tiles = np.arange(32)
    whole = list(Batches(tiles, 8, 4, seed=0))
    parts = [list(Batches(tiles, 8, 4, seed=0, rank=r, world=2)) for r in range(2)]
    for step, batch in enumerate(whole):
        assert sorted(parts[0][step] + parts[1][step]) == sorted(batch)


def test_schedule_warms_up_then_falls_to_a_thousandth() -> None:
    schedule = Schedule(OptimConfig(epochs=10, warmup_epochs=2), 10)
    values = [schedule(step) for step in range(101)]
    assert values[0] == pytest.approx(0.05)
    assert max(values) == values[20] == pytest.approx(1.0)
    assert np.all(np.diff(values[20:]) <= 0)
    assert values[100] == pytest.approx(0.001)


def test_loss_is_nt_xent_of_the_two_views(archive_path: Path) -> None:
    """The training step against the formula of Chen et al. (2020), eq. 1, written out."""
    archive = Archive.open(archive_path)
    recipe = load(TINY)
    torch.manual_seed(0)
    module = Pretraining(recipe, archive.tile, 3).prepare(rank=0, world=1).eval()
    from ssl_insar.augment import field as fd

    tiles = fd.from_complex(torch.from_numpy(archive.phasors(range(6))))
    loss = module.step(tiles, torch.arange(6), step=4)
    assert module.views is not None
    assert module.objective is not None
    views = [module.encoder.spec.assemble(*v) for v in module.views(tiles, 4)]
    z = torch.nn.functional.normalize(module.objective.head(module.encoder(torch.cat(views))), dim=1)
    similarity = (z @ z.T / recipe.objective.temperature).fill_diagonal_(-torch.inf)
    pair = torch.arange(12).roll(6)
    expected = (torch.logsumexp(similarity, 1) - similarity[torch.arange(12), pair]).mean()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-4)


def test_a_log_cut_off_in_mid_line_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n0,1.5\n1,1.25\n2,1.2\n3,0.")
    log = CsvLog(path, ["step", "loss"], keep_before=2)
    log.write({"step": 2, "loss": 1.125})
    log.close()
    assert path.read_text().split() == ["step,loss", "0,1.5", "1,1.25", "2,1.125"]


def test_a_loss_that_is_no_number_stops_the_run(archive_path: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    wrong = ["optim.lr=1e30", "optim.clip=0"]
    with pytest.raises(UserError, match=r"the loss became (nan|inf) .*precision=32, and start afresh"):
        pretrain(TINY, archive_path, tmp_path / "r", overrides=wrong, progress=False)
    assert time.monotonic() - began < 60
    pretrain(TINY, archive_path, tmp_path / "r", overrides=["precision=32"], resume=False, progress=False)
