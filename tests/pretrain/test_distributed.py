"""One run shared by two processes, started by torchrun; this file is also what torchrun starts.

A machine without GPUs has no batch normalisation over all processes, so the head's is replaced by that of
`test_gradient_parity`, and the backbone (ConvNeXt) has none. What is left is what a GPU would do.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made import TINY

from ssl_insar.errors import UserError
from ssl_insar.models import Encoder
from ssl_insar.pretrain import callbacks, module, monitor, pretrain
from ssl_insar.pretrain import run as run_module
from ssl_insar.pretrain.logs import read_rows
from ssl_insar.pretrain.processes import join

pytestmark = pytest.mark.heavy

HERE = Path(__file__).resolve().parent
STEPS = 6
PLAIN: dict[str, Any] = TINY | {
    "name": "plain",
    "model": TINY["model"] | {"backbone": "convnext_atto"},
    "optim": TINY["optim"] | {"epochs": 2},
    "monitor": TINY["monitor"] | {"every_epochs": 2, "pairs": 0, "probe_every": 0},
}
SOURCES = PLAIN | {
    "optim": {"epochs": 1},
    "positives": {"injected": 0.6, "source_pairs": 0.5, "sources": 4},
    "heads": {"presence": 1.0, "where": 0.5, "strength": 0.2, "kind": 0.2},
    "monitor": PLAIN["monitor"] | {"pictures_every": 1},
}


def with_shared_statistics() -> Callable[..., Any]:
    """The maker of objectives whose batch normalisation is over all processes."""
    sys.path.insert(0, str(HERE / "objectives"))
    from test_gradient_parity import synchronise

    honest = module.build

    def build(*args: Any) -> Any:
        objective = honest(*args)
        synchronise(objective)
        return objective

    return build


def signalled(step: int, number: signal.Signals, whom: Callable[[], int]) -> Callable[..., None]:
    """`Progress.on_train_batch_end` that sends a signal after a step."""
    honest = callbacks.Progress.on_train_batch_end

    def after(self: callbacks.Progress, trainer: Any, *rest: Any) -> None:
        honest(self, trainer, *rest)
        if trainer.global_step == step:
            os.kill(whom(), number)

    return after


def work(archive: str, out: str, what: str) -> None:
    """What each of the two processes does; it leaves what it was told in ``told-RANK.json``."""
    torch.set_num_threads(1)
    module.build = with_shared_statistics()  # type: ignore[assignment]
    rank = join().rank
    told: dict[str, str] = {}

    def attempt(name: str, recipe: dict[str, Any], folder: str | None = None) -> None:
        try:
            encoder = pretrain(recipe, archive, Path(out) / (folder or name), progress=False)
            told[name] = encoder.hash
        except (UserError, KeyboardInterrupt) as error:
            told[name] = f"{type(error).__name__}: {error}"
        (Path(out) / f"told-{rank}.json").write_text(json.dumps(told))

    honest = callbacks.Progress.on_train_batch_end
    if what == "interrupted":
        if rank == 1:
            callbacks.Progress.on_train_batch_end = signalled(2, signal.SIGINT, os.getppid)  # type: ignore[method-assign]
        attempt("interrupted", PLAIN)
        return
    attempt("plain", PLAIN)
    attempt("sources", SOURCES)
    attempt("odd", PLAIN | {"data": {"batch_size": 15}})
    if rank == 1:
        callbacks.Progress.on_train_batch_end = signalled(4, signal.SIGINT, os.getpid)  # type: ignore[method-assign]
    attempt("stopped", PLAIN)
    callbacks.Progress.on_train_batch_end = honest  # type: ignore[method-assign]
    attempt("resumed", PLAIN, "stopped")
    spread = monitor.feature_std
    sinking = iter([0.99, 0.001])
    monitor.feature_std = lambda features: next(sinking)
    attempt("collapsed", PLAIN | {"optim": {"epochs": 1}})
    monitor.feature_std = spread
    if rank == 1:
        callbacks.Progress.on_train_batch_end = signalled(1, signal.SIGKILL, os.getpid)  # type: ignore[method-assign]
    attempt("killed", PLAIN)


def torchrun(archive: Path, out: Path, what: str) -> subprocess.CompletedProcess[str]:
    out.mkdir(exist_ok=True)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, __file__, str(archive), str(out), what]
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])  # as pytest's, for made.py
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=600)


def losses(folder: Path) -> list[float]:
    rows = read_rows(folder / "loss.csv")
    assert [row["step"] for row in rows] == [str(step) for step in range(len(rows))], "a step is logged once"
    return [float(row["loss"]) for row in rows]


@pytest.fixture(scope="module")
def shared(archive_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Folder of the runs that two processes have shared, and what torchrun returned."""
    out = tmp_path_factory.mktemp("two")
    done = torchrun(archive_path, out, "everything")
    assert (out / "told-0.json").exists(), done.stderr[-3000:]
    return out, done.returncode


@pytest.fixture
def told(shared: tuple[Path, int]) -> list[dict[str, str]]:
    """What each process was told, by run."""
    return [json.loads((shared[0] / f"told-{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def alone(archive_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run in this process alone."""
    out = tmp_path_factory.mktemp("one") / "plain"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "build", with_shared_statistics())
        pretrain(PLAIN, archive_path, out, progress=False)
    return out


def test_two_processes_compute_what_one_does(
    shared: tuple[Path, int], told: list[dict[str, str]], alone: Path
) -> None:
    two = shared[0] / "plain"
    assert len(losses(two)) == STEPS
    np.testing.assert_allclose(losses(two), losses(alone), rtol=1e-3)
    one, both = (Encoder.load(folder).backbone.state_dict() for folder in (alone, two))
    moved = max(float((value - both[name]).abs().max()) for name, value in one.items())
    # Adam moves every weight by about the rate a step, whatever its gradient: 1e-3 for 6 steps.
    assert moved < 3e-3
    assert told[0]["plain"] == told[1]["plain"] == Encoder.load(two).hash


def test_there_is_one_set_of_files(shared: tuple[Path, int], alone: Path) -> None:
    two = shared[0] / "plain"
    assert sorted(path.name for path in two.rglob("*")) == sorted(path.name for path in alone.rglob("*"))
    assert json.loads((two / "run.json").read_text())["processes"] == 2
    looks = [[row["step"] for row in read_rows(folder / "monitor.csv")] for folder in (two, alone)]
    assert looks[0] == looks[1] == ["0", str(STEPS)]


def test_every_process_has_as_many_sources(shared: tuple[Path, int], told: list[dict[str, str]]) -> None:
    """Otherwise what is gathered would not fit together, and the run would hang or fail."""
    rows = read_rows(shared[0] / "sources" / "loss.csv")
    assert len(rows) == 3
    for row in rows:
        parts = [float(row[name]) for name in ("contrast", "presence", "where", "strength", "kind")]
        assert float(row["loss"]) == pytest.approx(sum(parts), rel=1e-5)
    assert told[0]["sources"] == told[1]["sources"]
    assert (shared[0] / "sources" / "pictures" / "views.png").exists()


def test_a_batch_that_cannot_be_shared_is_told(told: list[dict[str, str]]) -> None:
    for each in told:
        assert each["odd"].startswith("UserError: data.batch_size=15 is that of all 2 processes together")


def test_ctrl_c_to_one_stops_all_and_the_same_call_goes_on_exactly(
    shared: tuple[Path, int], told: list[dict[str, str]]
) -> None:
    for each in told:
        assert each["stopped"].startswith(f"Interrupted: stopped at step 4 of {STEPS}")
        assert each["resumed"] == each["plain"], "the very weights of a run that nobody stopped"
    assert losses(shared[0] / "stopped") == losses(shared[0] / "plain")


def test_a_collapse_that_the_first_has_seen_stops_all(told: list[dict[str, str]]) -> None:
    for each in told:
        assert each["collapsed"].startswith(f"UserError: the features collapsed by step {STEPS // 2}")


def test_a_process_that_is_killed_leaves_no_other_waiting(
    shared: tuple[Path, int], told: list[dict[str, str]]
) -> None:
    assert shared[1] != 0, "torchrun has come back, and says that something failed"
    assert not any("killed" in each for each in told)
    with pytest.raises(UserError, match="has not finished"):
        Encoder.load(shared[0] / "killed")


def test_ctrl_c_to_torchrun_saves_and_one_process_goes_on(
    archive_path: Path, tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    torchrun(archive_path, tmp_path, "interrupted")
    out = tmp_path / "interrupted"
    done = run_module.checkpoint_step(out / "checkpoints" / "last.ckpt")
    assert 2 <= done < STEPS
    monkeypatch.setattr(module, "build", with_shared_statistics())
    pretrain(PLAIN, archive_path, out)
    assert f"at step {done} of {STEPS}, in 1 processes instead of 2" in capfd.readouterr().out
    np.testing.assert_allclose(losses(out), losses(alone), rtol=1e-3)


if __name__ == "__main__":
    work(*sys.argv[1:4])
