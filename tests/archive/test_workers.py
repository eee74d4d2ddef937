"""Threads and processes cut alike, and a process that dies costs at most the file that killed it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from made import write_frames
from made_products.stacks import mintpy_stack

from ssl_insar.archive import workers
from ssl_insar.archive.cutting import Cut, Cutter, Cutting, Outcome, Skipped
from ssl_insar.archive.workers import Workers
from ssl_insar.errors import UserError

FILES = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sorted(write_frames(tmp_path_factory.mktemp("crops"), FILES).rglob("*.npy"))


@pytest.fixture
def cutter() -> Cutter:
    return Cutter(Cutting(32, 32, 0.05))


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LARGE_FILES", 1)


def content(outcome: Outcome) -> list[str]:
    assert isinstance(outcome.result, Cut), outcome.result
    return [row["content"] for row in outcome.result.rows]


def cut_all(cutter: Cutter, files: list[Path]) -> list[tuple[Path, list[str]]]:
    with Workers(cutter, files, 2) as crew:
        return [(path, content(outcome)) for path, outcome, _ in crew.cut(files)]


def test_processes_and_threads_give_the_same_in_file_order(
    files: list[Path], cutter: Cutter, request: pytest.FixtureRequest
) -> None:
    by_threads = cut_all(cutter, files)
    assert [path for path, _ in by_threads] == files
    request.getfixturevalue("processes")
    with Workers(cutter, files, 2) as crew:
        assert not isinstance(crew._pool, workers.ThreadPoolExecutor)
    assert cut_all(cutter, files) == by_threads


@pytest.mark.usefixtures("processes")
@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a POSIX matter")
def test_a_killed_process_costs_nothing(
    files: list[Path], cutter: Cutter, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Any = Workers._submit
    killed: list[int] = []

    def submit(crew: Any, task: Any) -> Any:
        future = real(crew, task)
        if len(killed) == 0:
            future.result()  # the processes are up
            killed.append(next(iter(crew._pool._processes)))
            os.kill(killed[0], signal.SIGKILL)
        return future

    monkeypatch.setattr(Workers, "_submit", submit)
    monkeypatch.setattr(workers, "_TASK_FILES", 4)
    assert [path for path, _ in cut_all(cutter, files)] == files
    assert killed


@pytest.mark.usefixtures("processes")
def test_a_file_that_kills_its_process_is_told_and_the_others_are_cut(files: list[Path]) -> None:
    deadly = files[7].name

    class Dies(Cutter):
        def cut(self, path: Path, index: int = 0) -> Outcome:
            if path.name == deadly:
                os._exit(1)
            return super().cut(path, index)

    few = files[:12]
    with Workers(Dies(Cutting(32, 32, 0.05)), few, 2) as crew:
        found = [(path, outcome.result) for path, outcome, _ in crew.cut(few)]
    assert [path for path, _ in found] == few
    assert [path.name for path, result in found if isinstance(result, Skipped)] == [deadly]
    result = found[7][1]
    assert isinstance(result, Skipped)
    assert "kills the process" in result.reason


@pytest.mark.usefixtures("processes")
def test_processes_that_cannot_start_are_told_and_no_file_is_blamed(files: list[Path]) -> None:
    class Hides(Cutter):
        def __reduce__(self) -> Any:
            return os._exit, (1,)  # ends the process that unpacks it

    with (
        pytest.raises(UserError, match="--workers 1"),
        Workers(Hides(Cutting(32, 32, 0.05)), files[:4], 2) as crew,
    ):
        list(crew.cut(files[:4]))


@pytest.mark.usefixtures("processes")
def test_a_stack_is_cut_by_processes_and_what_readers_warn_of_is_told(tmp_path: Path) -> None:
    path = mintpy_stack(tmp_path / "mintpy", (64, 64))
    geometry = next((tmp_path / "mintpy" / "inputs").glob("geometry*.h5"))
    geometry.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    cutter = Cutter(Cutting(32, 32, 0.05))
    with Workers(cutter, [path], 2) as crew, pytest.warns(UserWarning, match="left out beside"):
        found = list(crew.cut([path]))
    assert [number for _, _, number in found] == [0, 1, 2]
    assert len({tuple(content(outcome)) for _, outcome, _ in found}) == 3


@pytest.mark.usefixtures("processes")
def test_an_error_in_between_ends_the_processes(files: list[Path], cutter: Cutter) -> None:
    with Workers(cutter, files, 2) as crew:
        next(crew.cut(files))
        alive = dict(crew._pool._processes)  # type: ignore[attr-defined]
        crew.__exit__(KeyboardInterrupt)
    assert alive
    assert not any(process.is_alive() for process in alive.values())


def test_products_that_are_folders_count_whole(tmp_path: Path, cutter: Cutter) -> None:
    (tmp_path / "cube.zarr").mkdir()
    (tmp_path / "cube.zarr" / "0.0").write_bytes(bytes(5000))
    with Workers(cutter, [tmp_path / "cube.zarr"], 2) as crew:
        assert crew._sizes[tmp_path / "cube.zarr"] == 5000


def test_small_collections_stay_in_threads(files: list[Path], cutter: Cutter) -> None:
    with Workers(cutter, files, 2) as crew:
        assert isinstance(crew._pool, workers.ThreadPoolExecutor)
