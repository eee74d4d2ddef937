"""Cuts sources side by side, in threads or in processes, and hands the results on in their order."""

from __future__ import annotations

import os
import signal
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from ssl_insar.archive.cutting import Cutter, Outcome, Skipped
from ssl_insar.archive.sources import stamp
from ssl_insar.errors import UserError

LARGE_BYTES = 1 << 31
LARGE_FILES = 5000
"""From here on processes, whose start takes a second or two. Threads wait for each other between numpy's
short calls: two of them do the work of 1.1 (small files) to 1.8 (large ones)."""

_TASK_BYTES = 1 << 20
_TASK_FILES = 16
"""Small files go to a process by the dozen: handing over costs as much as reading one."""

_AHEAD = 4
"""Tasks in hand for each worker, which bounds what waits in memory."""


class _Job(NamedTuple):
    """One interferogram of a source."""

    path: Path
    number: int


_Done = tuple[list[Outcome], list[str]]
"""What became of a task's jobs, and the warnings that processes cannot show themselves."""


class Workers:
    """Cuts sources side by side; a context manager."""

    def __init__(self, cutter: Cutter, files: Sequence[Path], count: int | None) -> None:
        """``files``: what is to be cut in all; ``count``: workers, None: one a core."""
        self._cutter = cutter
        self._count = count or os.cpu_count() or 1
        self._sizes = {path: _size(path) for path in files} if self._count > 1 else {}
        self._processes = len(files) >= LARGE_FILES or sum(self._sizes.values()) >= LARGE_BYTES
        self._processes &= self._count > 1
        self._pool = self._start(self._count)
        self._spare: Executor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # By name, for loky's executor knows no ``cancel_futures``, and threads no ``kill_workers``.
        stop = {"kill_workers": kind is not None} if self._processes else {"cancel_futures": True}
        for pool in (self._pool, self._spare):
            if pool is not None:
                pool.shutdown(wait=True, **stop)

    def cut(self, files: Iterable[Path]) -> Iterator[tuple[Path, Outcome, int]]:
        """Cut files, results in file order.

        Yields:
            the file, what became of one of its interferograms, and which it was.

        Raises:
            UserError: worker processes cannot be started here.
        """
        for first, outcome in self._in_order(self._tasks(files)):
            yield first.path, outcome, 0
            rest = ([_Job(first.path, number)] for number in range(1, outcome.members))
            for job, more in self._in_order(rest):
                yield job.path, more, job.number

    def _tasks(self, files: Iterable[Path]) -> Iterator[list[_Job]]:
        task: list[_Job] = []
        size = 0
        for path in files:
            task.append(_Job(path, 0))
            size += self._sizes.get(path, 0)
            if not self._processes or size >= _TASK_BYTES or len(task) == _TASK_FILES:
                yield task
                task, size = [], 0
        if task:
            yield task

    def _in_order(self, tasks: Iterator[list[_Job]]) -> Iterator[tuple[_Job, Outcome]]:
        queue: deque[tuple[list[_Job], Future[_Done]]] = deque()
        for task in tasks:
            queue.append((task, self._submit(task)))
            if len(queue) >= _AHEAD * self._count:
                yield from self._result(*queue.popleft())
        while queue:
            yield from self._result(*queue.popleft())

    def _start(self, count: int) -> Executor:
        if self._count == 1:
            return _Here()
        if not self._processes:
            return ThreadPoolExecutor(count)
        # Freed memory is kept on purpose, which loky would take for a leak and start anew.
        os.environ.setdefault("LOKY_MAX_MEMORY_LEAK_SIZE", "1e15")
        from loky import ProcessPoolExecutor

        pool: Executor = ProcessPoolExecutor(count, initializer=_begin, initargs=(self._cutter,))
        return pool

    def _submit(self, task: list[_Job]) -> Future[_Done]:
        if not self._processes:
            return self._pool.submit(_cut_with, self._cutter, task)
        try:
            return self._pool.submit(_cut, task)
        except BrokenExecutor:  # a process died; what it was at is found out in `_result`
            self._pool = self._start(self._count)
            return self._pool.submit(_cut, task)

    def _result(self, task: list[_Job], future: Future[_Done]) -> Iterator[tuple[_Job, Outcome]]:
        try:
            yield from _told(task, future.result())
        except BrokenExecutor:
            yield from self._again(task)

    def _again(self, task: list[_Job]) -> Iterator[tuple[_Job, Outcome]]:
        """Cut what was in hand when a process died: whole, and file by file if it kills another one."""
        try:
            yield from _told(task, self._spared(task))
        except BrokenExecutor:
            for job in task:
                try:
                    yield from _told([job], self._spared([job]))
                except BrokenExecutor:
                    reason = "reading it kills the process: a damaged file, or too little memory"
                    yield job, Outcome(Skipped(str(job.path), reason))

    def _spared(self, task: list[_Job]) -> _Done:
        """The task's outcomes from one process beside the others, which lives until it is killed."""
        if self._spare is None:
            self._spare = self._start(1)
            try:
                self._spare.submit(_cut, []).result()
            except BrokenExecutor as error:
                raise UserError(f"worker processes cannot be started ({error}); use --workers 1") from error
        try:
            return self._spare.submit(_cut, task).result()
        except BrokenExecutor:
            self._spare = None
            raise


class _Here(Executor):
    """Does what it is given at once: one thread beside one that waits for it would only cost."""

    def submit(self, function: Any, /, *args: Any, **named: Any) -> Future[Any]:
        """The result of the call, or the error it ended in."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def _size(path: Path) -> int:
    try:
        return stamp(path)[0]
    except OSError:  # gone since it was found: the cutter says so
        return 0


def _told(task: list[_Job], done: _Done) -> Iterator[tuple[_Job, Outcome]]:
    outcomes, warned = done
    for text in warned:
        warnings.warn(text, stacklevel=2)
    yield from zip(task, outcomes, strict=True)


def _cut_with(cutter: Cutter, task: list[_Job]) -> _Done:
    return [cutter.cut(*job) for job in task], []


_CUTTER: Cutter | None = None
"""The one of this process, in a worker process."""


def _begin(cutter: Cutter) -> None:
    global _CUTTER
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    from ssl_insar.memory import keep_freed_memory

    keep_freed_memory()
    _CUTTER = cutter


def _cut(task: list[_Job]) -> _Done:
    if _CUTTER is None:
        raise RuntimeError("the worker process was not begun")
    # Told by the parent, for what a worker prints falls into the progress bar.
    with warnings.catch_warnings(record=True) as caught:
        outcomes, _ = _cut_with(_CUTTER, task)
    return outcomes, [str(warning.message) for warning in caught]
