"""2,000 damaged files of every family: each is refused in one line or read as a valid frame.

Run as a program it damages as many as it is told and prints what became of them:
``python tests/readers/test_fuzz.py [FILES [SEED [PRODUCT]]]``.
"""

from __future__ import annotations

import contextlib
import faulthandler
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

TESTS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))

from made_damage import DAMAGES, Patient, Promise, Shelf, applies  # noqa: E402 - found by then
from made_products import PRODUCTS  # noqa: E402

from ssl_insar.archive import cutting  # noqa: E402
from ssl_insar.archive.cutting import Cut, Cutter, Cutting, Skipped  # noqa: E402
from ssl_insar.errors import UserError  # noqa: E402
from ssl_insar.readers import Frame, frames  # noqa: E402
from ssl_insar.readers.names import facts_of  # noqa: E402

FILES = 2000
SEED = 1
WORKERS = 2
SECONDS = 30.0
"""For one file, which takes some hundredths; machines that are shared stand still for seconds."""

MEMORY = 2**29
"""bytes that a worker may ask for beyond what it holds after reading every product whole."""

MEMBERS = 3
"""Interferograms of a file that are read."""

TILE = 16
_EXACT = 1e-4


class Case(NamedTuple):
    """One damaged file.

    Attributes:
        number: its place in the campaign.
        product: of `PRODUCTS`.
        damage: of `DAMAGES`.
    """

    number: int
    product: str
    damage: str


class Result(NamedTuple):
    """What became of it.

    Attributes:
        case: which.
        outcome: ``skipped``, ``read``, or ``wrong``.
        told: the reason for skipping, or what is wrong.
        seconds: that it took.
    """

    case: Case
    outcome: str
    told: str
    seconds: float


class Wrong(AssertionError):
    """A damaged file was neither refused nor read as a valid frame."""


class Plan(NamedTuple):
    """A campaign.

    Attributes:
        count: how many files to damage.
        seed: of all chance.
        only: damage products alone whose names begin so.
    """

    count: int = FILES
    seed: int = SEED
    only: str = ""

    def cases(self, shelf: Shelf) -> list[Case]:
        """Every product in turn, each with all its damages in turn."""
        names = [name for name in PRODUCTS if name.startswith(self.only)]
        turns = {
            name: itertools.cycle(
                [damage for damage in DAMAGES if applies(damage, shelf.patient(name, shelf.folder / name))]
            )
            for name in names
        }
        order = itertools.islice(itertools.cycle(names), self.count)
        return [Case(number, name, next(turns[name])) for number, name in enumerate(order)]


class Bench:
    """Damages products one after the other and reads them as ingest does."""

    def __init__(self, shelf: Shelf, folder: Path, seed: int) -> None:
        self.shelf, self.folder, self.seed = shelf, folder, seed
        self.opened: list[Frame] = []
        self.refusal = ""
        # What ingest opens is looked at more closely than its tiles, which are rounded, tell.
        cutting.frames = self._frames  # type: ignore[attr-defined]
        self.truth = {
            name: [_image(frame) for frame in frames(shelf.folder / name / path, PRODUCTS[name].options)]
            for name, path in shelf.main.items()
        }

    def run(self, case: Case) -> Result:
        """Damage, read and judge."""
        home = self.folder / str(case.number)
        shutil.copytree(self.shelf.folder / case.product, home)
        patient = self.shelf.patient(case.product, home)
        rng = np.random.default_rng([self.seed, zlib.crc32(repr(case).encode())])
        promise = DAMAGES[case.damage](patient, rng)
        began = time.perf_counter()
        try:
            outcome, told = self._read(patient, promise)
        except Wrong as wrong:
            outcome, told = "wrong", str(wrong)
        except Exception as error:  # what ingest would die of
            outcome, told = "wrong", f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - began
        self.opened = []
        shutil.rmtree(home)
        return Result(case, outcome, told, seconds)

    def _frames(self, path: Path, options: Any) -> list[Frame]:
        self.opened, self.refusal = [], ""
        try:
            self.opened = frames(path, options)
        except UserError as error:
            self.refusal = str(error)
            raise
        return self.opened

    def _read(self, patient: Patient, promise: Promise) -> tuple[str, str]:
        path, options = patient.path, PRODUCTS[patient.name].options
        cutter = Cutter(Cutting(TILE, TILE, 0.0, options=options))
        first = cutter.cut(path, 0)
        if not self.opened:
            assert isinstance(first.result, Skipped)
            _check_line(self.refusal, path)
            return "skipped", first.result.reason
        outcomes = [first] + [cutter.cut(path, index) for index in range(1, min(first.members, MEMBERS))]
        reasons = []
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome.result, Skipped):
                reasons.append(outcome.result.reason)
                if "\n" in reasons[-1]:
                    raise Wrong(f"a reason of several lines: {reasons[-1]!r}")
                continue
            if promise is Promise.NOTHING:
                raise Wrong(f"read as {self.opened[index].family}")
            assert isinstance(outcome.result, Cut)
            _check_rows(outcome.result)
            frame = self.opened[index]
            _check_frame(frame)
            self._compare(patient, promise, frame, index)
        return ("skipped", reasons[0]) if len(reasons) == len(outcomes) else ("read", "")

    def _compare(self, patient: Patient, promise: Promise, frame: Frame, index: int) -> None:
        truth = self.truth[patient.donor or patient.name]
        named = [image for image in truth if image.member == frame.member]
        found = _image(frame)
        scaled = patient.donor is not None and PRODUCTS[patient.donor].scaled
        scaled = scaled or PRODUCTS[patient.name].scaled
        # A name with the later date first turns the sign of what lies under it.
        named_dates = facts_of(Path(patient.path.name))[:2]
        turned = promise is Promise.DONOR and None not in named_dates and named_dates[0] > named_dates[1]
        told = [_difference(promise, found, known, scaled=scaled, turned=turned) for known in named or truth]
        if None not in told:
            raise Wrong(str(told[0]))


class Image(NamedTuple):
    """A whole frame."""

    member: str | None
    wrapped: bool
    phase: np.ndarray
    valid: np.ndarray
    dates: tuple[Any, Any]


def _image(frame: Frame) -> Image:
    patch = frame.window(0, 0, *frame.shape)
    dates = (frame.reference_date, frame.secondary_date)
    return Image(frame.member, frame.wrapped, patch.phase, patch.valid, dates)


def _check_line(line: str, path: Path) -> None:
    if not line.startswith(str(path)) or len(line.splitlines()) != 1:
        raise Wrong(f"refused, but not in one line that begins with the path: {line!r}")


def _check_rows(result: Cut) -> None:
    for row in result.rows:
        numbers = {name: value for name, value in row.items() if isinstance(value, float)}
        odd = {name: value for name, value in numbers.items() if not np.isfinite(value)}
        if odd:
            raise Wrong(f"a catalogue row with {odd}")
        if row["geometry"] is not None and not np.isfinite(row["geometry"].bounds).all():
            raise Wrong(f"an outline without end: {row['geometry']}")


def _check_frame(frame: Frame) -> None:
    """That a frame is what `Frame` promises."""
    patch = frame.window(0, 0, *frame.shape)
    limit = np.pi + 2e-3 if frame.wrapped else 1e6
    facts = {
        "phase is finite": np.isfinite(patch.phase).all(),
        "phase is no larger than it can be": np.abs(patch.phase).max(initial=0) <= limit,
        "phase is 0 where not valid": (patch.phase[~patch.valid] == 0).all(),
        "phase and validity are of the frame's shape": patch.phase.shape == patch.valid.shape == frame.shape,
        "types": (patch.phase.dtype, patch.valid.dtype) == (np.float32, np.bool_),
        "dates are in order": not (frame.reference_date and frame.secondary_date)
        or frame.reference_date <= frame.secondary_date,
        "wavelength is one of a radar": frame.wavelength is None or 0.002 < frame.wavelength < 10,
        "the transform is finite": frame.transform is None or np.isfinite(frame.transform).all(),
        "the spacing is one": frame.spacing is None or min(frame.spacing) > 0,
        "the baseline is finite": np.isfinite(frame.perpendicular_baseline or 0.0),
    }
    if patch.coherence is not None:
        facts["coherence is of that shape"] = patch.coherence.shape == frame.shape
        facts["coherence lies in [0, 1]"] = ((patch.coherence >= 0) & (patch.coherence <= 1)).all()
    if patch.elevation is not None:
        facts["elevation is of that shape"] = patch.elevation.shape == frame.shape
        known = patch.elevation[np.isfinite(patch.elevation)]
        facts["elevation is on Earth"] = np.abs(known).max(initial=0) <= 12_000
    if frame.los is not None:
        length = np.linalg.norm(frame.los, axis=0)
        facts["the line of sight is a unit vector"] = (np.abs(length[np.isfinite(length)] - 1) < 0.06).all()
    broken = [name for name, holds in facts.items() if not holds]
    if broken:
        raise Wrong(f"{frame.family} frame of which it is not true that {', '.join(broken)}")


def _difference(promise: Promise, found: Image, known: Image, *, scaled: bool, turned: bool) -> str | None:
    """What keeps a frame from being what was promised; None: nothing does."""
    if found.phase.shape != known.phase.shape and promise is not Promise.MOSTLY:
        return f"{found.phase.shape} px where there are {known.phase.shape}"
    height, width = np.minimum(found.phase.shape, known.phase.shape)
    ours, theirs = found.phase[:height, :width], known.phase[:height, :width]
    valid, data = found.valid[:height, :width], known.valid[:height, :width]
    both = valid & data
    if promise is Promise.SAME and (valid & ~data).any():
        return f"{(valid & ~data).sum()} pixels are valid that hold no data"
    first, second = ours[both].astype(float), theirs[both].astype(float)
    factors = [1.0]
    # A date that became another may stand before the one it stood behind, which turns the sign.
    if turned or (promise in (Promise.RELABELLED, Promise.MOSTLY) and found.dates != known.dates):
        factors.append(-1.0)
    if scaled and promise not in (Promise.SAME, Promise.ALIKE):
        factors.append(float(first @ second) / max(float(second @ second), 1e-30))
    wrapped = found.wrapped or known.wrapped
    same = max(_share(first, factor * second, wrapped) for factor in factors)
    least = 0.5 if promise is Promise.MOSTLY else 1.0
    if not valid.any() or (both.any() and same >= least):
        return None
    return f"{same:.1%} of {both.sum()} valid pixels are as they were ({promise.value})"


def _share(first: np.ndarray, second: np.ndarray, wrapped: bool) -> float:
    apart = first - second
    if wrapped:
        apart = np.angle(np.exp(1j * apart))
    return float((np.abs(apart) <= _EXACT * np.maximum(np.abs(second), 1)).mean()) if apart.size else 1.0


def work(folder: Path, plan: Plan, mine: int, start: int) -> None:
    """Do every second case from one on, and print a line for each as soon as it is done."""
    warnings.simplefilter("ignore")
    shelf = Shelf.found(folder)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(shelf, Path(scratch), plan.seed)
        for name in PRODUCTS:  # what is loaded once and kept is no file's doing
            with contextlib.suppress(Wrong):
                bench._read(shelf.patient(name, folder / name), Promise.SAME)
        _limit_memory()
        for case in plan.cases(shelf)[mine::WORKERS][start:]:
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            result = bench.run(case)
            faulthandler.cancel_dump_traceback_later()
            print(json.dumps(result), flush=True)


def _limit_memory() -> None:
    import resource

    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))


def campaign(plan: Plan, folder: Path) -> tuple[list[Result], Counter[str]]:
    """Damage and read files in processes of their own, which may die.

    Returns:
        what became of each, and what libraries printed by themselves, by line.
    """
    todo = plan.cases(Shelf.filled(folder))
    chatter: Counter[str] = Counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        shares = [(mine, todo[mine::WORKERS], plan, folder, chatter) for mine in range(WORKERS)]
        parts = pool.map(lambda share: list(_done(*share)), shares)
        results = sorted(itertools.chain(*parts), key=lambda result: result.case.number)
    return results, chatter


def _done(mine: int, todo: list[Case], plan: Plan, folder: Path, chatter: Counter[str]) -> Iterator[Result]:
    """Have one worker's cases done, by another process where one dies."""
    count = 0
    while count < len(todo):
        words = [sys.executable, __file__, "--work", str(folder), json.dumps(plan), str(mine), str(count)]
        process = subprocess.run(words, capture_output=True, text=True, check=False, errors="replace")
        for line in process.stdout.splitlines():
            case, *told = json.loads(line)
            yield Result(Case(*case), *told)
            count += 1
        said = process.stderr.splitlines()
        if process.returncode == 0:
            chatter.update(said)
            return
        # It died: of a signal, or of the watchdog, which says where it was.
        where = " | ".join(line.strip() for line in said if "ssl_insar" in line)
        yield Result(todo[count], "wrong", f"died ({process.returncode}): {where}", SECONDS)
        count += 1


def table(results: list[Result]) -> str:
    """Files read and files skipped, by product and damage."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for case, outcome, *_ in results:
        for key in ((case.product, case.damage), ("all", case.damage), (case.product, "all"), ("all", "all")):
            counts[key][outcome] += 1
    damages = [*DAMAGES, "all"]
    names = [name for name in [*PRODUCTS, "all"] if counts[name, "all"]]
    width = max(map(len, PRODUCTS)) + 1
    head = [
        " " * width + "  ".join(f"{line:>9}" for line in words)
        for words in zip(*map(_two_lines, damages), strict=True)
    ]
    rows = []
    for name in names:
        cells = []
        for damage in damages:
            found = counts[name, damage]
            wrong = f"!{found['wrong']}" if found["wrong"] else ""
            cells.append(f"{found['read']}/{found['skipped']}{wrong}" if found else "")
        rows.append(f"{name:<{width}}" + "  ".join(f"{cell:>9}" for cell in cells))
    return "\n".join(["read/skipped (!wrong)", *head, *rows])


def _two_lines(text: str) -> tuple[str, str]:
    first, _, second = text.partition(" ")
    return (first, second.removeprefix("of ")) if second else ("", first)


def _report(results: list[Result], chatter: Counter[str]) -> Iterator[str]:
    yield table(results)
    yield "slowest: " + ", ".join(
        f"{result.seconds:.2f} s {result.case.product} {result.case.damage} ({result.case.number})"
        for result in sorted(results, key=lambda result: -result.seconds)[:5]
    )
    yield f"lines that libraries printed: {chatter.total()}"
    yield from (f"  {times} x {line}" for line, times in chatter.most_common(8))
    for result in results:
        if result.outcome == "wrong":
            yield f"WRONG {result.case}: {result.told}"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_damaged_files_are_skipped_or_read_rightly(tmp_path: Path) -> None:
    results, chatter = campaign(Plan(), tmp_path)
    print("\n".join(_report(results, chatter)))
    assert len(results) == FILES
    wrong = [f"{result.case}: {result.told}" for result in results if result.outcome == "wrong"]
    assert not wrong, "\n".join(wrong)
    # Both happen, to every product: else the damage does nothing, or the reader refuses everything.
    for name in PRODUCTS:
        assert {result.outcome for result in results if result.case.product == name} == {"read", "skipped"}


def main(words: list[str]) -> None:
    """As a program."""
    if words[:1] == ["--work"]:
        folder, plan, *numbers = words[1:]
        work(Path(folder), Plan(*json.loads(plan)), *map(int, numbers))
        return
    count, seed, only = (*words, *map(str, Plan()[len(words) :]))
    plan = Plan(int(count), int(seed), only)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        print("\n".join(_report(*campaign(plan, Path(folder)))))
        print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
