"""How long an audit takes, and how many planted copies it finds.

    python -m evaluation.benchmark_audit [--tiles 100000] [--side 64] [--out R]

Tiles are simulated: turbulence, ramps and fringes under noise of every strength, a tenth of them noise
alone. One in twenty-five is a copy of another, turned at random into one of the sixteen guises, with a
constant phase offset; two thirds of these are shifted by up to 2 px, a third carries noise of its own.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive, ingest
from ssl_insar.audit.copies import Copies, find_copies
from ssl_insar.audit.quality import judge
from ssl_insar.audit.scan import scan
from ssl_insar.audit.transforms import TRANSFORMS
from ssl_insar.audit.verify import SHIFT
from ssl_insar.progress import bar

ONE_IN = 25
"""One in so many tiles is a copy."""

_ACROSS = 40
_NOISE_OF_COPY = 0.1
"""Phase noise added to a third of the copies, rad."""

KINDS = ("turned", "turned and shifted", "turned, shifted and noisier")


@dataclass(frozen=True)
class Planted:
    """A copy among the tiles: its number, that of its original, and which of `KINDS` it is."""

    tile: int
    original: int
    kind: int


@click.command(epilog="\b\nExample:\n  python -m evaluation.benchmark_audit --tiles 100000")
@click.option("--tiles", default=100_000, show_default=True, type=click.IntRange(min=ONE_IN))
@click.option("--side", default=64, show_default=True, type=click.IntRange(min=16), help="Of a tile, px.")
@click.option("--seed", default=0, show_default=True, type=int)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for benchmark_audit.json.")
def main(tiles: int, side: int, seed: int, out: Path | None) -> None:
    """Time the audit's search for copies on simulated tiles."""
    with tempfile.TemporaryDirectory() as scratch:
        planted = simulate(Path(scratch) / "frames", tiles, side, seed)
        archive = ingest(Path(scratch) / "frames", Path(scratch) / "archive", tile=side, min_valid=0).archive
        result = measure(archive, planted)
    for name, value in result.items():
        print(f"{name:40} {value:,}" if isinstance(value, int) else f"{name:40} {value:.3f}")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "benchmark_audit.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(archive: Archive, planted: list[Planted]) -> dict[str, float | int]:
    """Seconds of the parts, recall of each kind of copy, and copies that are none."""
    began = time.monotonic()
    measured = scan(archive)
    scanned = time.monotonic()
    copies = find_copies(archive, measured, judge(measured).comparable)
    compared = time.monotonic()
    place = {number: row for row, number in enumerate(_numbers(archive))}
    result: dict[str, float | int] = {
        "tiles": len(archive),
        "side, px": archive.tile,
        "scan, minutes": (scanned - began) / 60,
        "search and verify, minutes": (compared - scanned) / 60,
        "pairs compared pixel by pixel": len(copies.correlations),
        "threshold": copies.threshold,
        "peak memory, GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    for kind, name in enumerate(KINDS):
        of_kind = [copy for copy in planted if copy.kind == kind]
        found = [copies.group[place[copy.tile]] == copies.group[place[copy.original]] for copy in of_kind]
        result[f"planted, {name}"] = len(found)
        result[f"recall, {name}"] = float(np.mean(found)) if found else float("nan")
    result["false copies"] = _false(copies, planted, place)
    result["self-check, found"], result["self-check, planted"] = copies.planted
    return result


def simulate(folder: Path, count: int, side: int, seed: int) -> list[Planted]:
    """Write made tiles into a few large frames, and tell which are copies.

    Returns:
        the copies; tiles are numbered along the rows of each frame, and on through the frames.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    # In each block of ONE_IN tiles the last repeats one of the others.
    rows = ONE_IN * max(1, min(2, count // (ONE_IN * _ACROSS)))
    per_frame = rows * _ACROSS
    planted: list[Planted] = []
    with bar(count, "simulate", "tile") as progress_bar:
        for first in range(0, count, per_frame):
            here = min(per_frame, count - first)
            frame = np.full((-(-here // _ACROSS) * side, _ACROSS * side), np.nan, np.float32)
            for start in range(0, here, ONE_IN):
                size = min(ONE_IN, here - start)
                fields = _fields(size, side + 2 * SHIFT, rng)
                tiles = [field[SHIFT:-SHIFT, SHIFT:-SHIFT] for field in fields]
                if size == ONE_IN:
                    original, kind = int(rng.integers(size - 1)), int(rng.integers(len(KINDS)))
                    tiles[-1] = _copy(fields[original], kind, rng)
                    planted.append(Planted(first + start + size - 1, first + start + original, kind))
                for number, tile in enumerate(tiles, start):
                    top, left = (side * at for at in divmod(number, _ACROSS))
                    frame[top : top + side, left : left + side] = np.angle(tile)
            # Rounded up from -pi, the wrapped phase could leave the range that is recognised as wrapped.
            np.save(folder / f"made_{first:09d}.npy", np.clip(frame, -np.pi, np.pi).astype(np.float32))
            progress_bar.update(here)
    return planted


def _fields(count: int, side: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Phasor fields: turbulence of a random strength and slope, a ramp, fringes, noise."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    frequency[0, 0] = np.inf
    slope = rng.uniform(1.3, 2.0, (count, 1, 1))
    white = rng.normal(size=(count, side, side)) + 1j * rng.normal(size=(count, side, side))
    phase = np.fft.ifft2(white / frequency**slope).real
    phase *= rng.uniform(0.2, 4, (count, 1, 1)) / phase.std(axis=(1, 2), keepdims=True)
    y, x = np.mgrid[:side, :side] / side
    phase += rng.normal(scale=3, size=(count, 1, 1)) * x + rng.normal(scale=3, size=(count, 1, 1)) * y
    cy, cx = rng.uniform(0.2, 0.8, (2, count, 1, 1))
    depth = rng.choice([0, 0, 0, 12], (count, 1, 1)) * rng.choice([-1, 1], (count, 1, 1))
    phase += depth * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.03)
    noise = rng.choice([0.1, 0.3, 0.6, 1.0, 1.5], (count, 1, 1))
    phase += noise * rng.normal(size=phase.shape)
    nothing = rng.random(count) < 0.1
    phase[nothing] = rng.uniform(-np.pi, np.pi, (int(nothing.sum()), side, side))
    fields: NDArray[np.complex128] = np.exp(1j * phase)
    return fields


def _copy(field: NDArray[np.complex128], kind: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """A tile cut from a field that is larger by `SHIFT` on every side, and changed."""
    down, across = rng.integers(0, 2 * SHIFT + 1, 2) if kind else (SHIFT, SHIFT)
    side = len(field) - 2 * SHIFT
    tile = field[down : down + side, across : across + side]
    if kind == 2:
        tile = tile * np.exp(1j * _NOISE_OF_COPY * rng.normal(size=tile.shape))
    offset = np.exp(1j * rng.uniform(0, 2 * np.pi))
    turned: NDArray[np.complex128] = TRANSFORMS[rng.integers(len(TRANSFORMS))](tile) * offset
    return turned


def _numbers(archive: Archive) -> list[int]:
    """Number of each tile, in the sense of `simulate`."""
    table = archive.catalogue
    first = table["file"].str.removeprefix("made_").str.removesuffix(".npy").astype(int)
    at = table["row"] // archive.tile * _ACROSS + table["col"] // archive.tile
    return [int(number) for number in first + at]


def _false(copies: Copies, planted: list[Planted], place: dict[int, int]) -> int:
    """Tiles taken for copies of tiles that they have nothing to do with."""
    true = {frozenset((place[copy.tile], place[copy.original])) for copy in planted}
    return sum(frozenset((copy.tile, copy.other)) not in true for copy in copies.found)


if __name__ == "__main__":
    main()
