"""What ingest costs beside the bare library reading the same windows, and what memory it needs.

    python -m evaluation.benchmark_ingest [--out benchmark] [--repeats 3]

Throughput: LiCSAR-like GeoTIFF frames (rasterio), a MintPy stack (h5py), grey crops (Pillow) and flat
arrays (numpy) are read by the library alone, window by window, in a plain loop and in as many threads
as ingest has workers, and by `ssl_insar.archive.ingest`, which also checks, encodes, measures coherence,
hashes and writes. The three alternate; the table gives the ratios of the medians, above 1 where ingest
is the faster. Files lie in the page cache for all. Where nothing has to be decompressed (MintPy, npy)
the library alone only copies memory.

Memory: peak of an ingest of 100 and of 2,500 crops, and of one frame of 3338 x 2685 px, each in a
process of its own, less what the same process holds after its imports.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import ingest
from ssl_insar.archive.tiling import starts

TILE = 224
FRAME = (3338, 2685)
"""A LiCSAR frame, px (the example of LiCSBAS)."""

STACK = (48, 1200, 1600)
"""A MintPy stack: interferograms, rows, columns."""

CROPS = 6000
MANY_CROPS = 2500
FEW_CROPS = 100

_SCENES = 4
"""Distinct frames; further ones are copies under another name."""


@dataclass(frozen=True)
class Case:
    """One kind of file.

    Attributes:
        name: what the files are, and the library that reads them.
        sources: the files.
        bare: reads every window of one file, and returns nothing.
    """

    name: str
    sources: list[Path]
    bare: Callable[[Path], None]


@click.command(epilog="\b\nExample:\n  python -m evaluation.benchmark_ingest --out benchmark")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for ingest.md and memory.png.")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--workers", type=click.IntRange(min=1), help="Workers of both; by default one a core.")
@click.option("--memory/--no-memory", default=True, show_default=True, help="Measure memory too.")
def main(out: Path | None, repeats: int, workers: int | None, memory: bool) -> None:
    """Time ingest against the bare libraries, and measure its memory."""
    count = workers or os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as scratch:
        lines = [f"{count} workers, tiles of {TILE} px, median of {repeats}", ""]
        lines += [
            "| windows/s | windows | bare loop | bare, all threads | ingest | to the loop | to all threads |",
            "|---|---|---|---|---|---|---|",
        ]
        for case in cases(Path(scratch)):
            lines.append(_row(case, Path(tempfile.mkdtemp(dir=scratch)), count, repeats))
            click.echo(lines[-1])
        if memory:
            lines += ["", *_memory(Path(scratch), out)]
    text = "\n".join(lines) + "\n"
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "ingest.md").write_text(text, encoding="utf-8")
    click.echo("\n" + text)


def _row(case: Case, archive: Path, workers: int, repeats: int) -> str:
    windows = 0

    def loop() -> None:
        for path in case.sources:
            case.bare(path)

    def threads() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(case.bare, case.sources))

    def ours() -> None:
        nonlocal windows
        folder = Path(tempfile.mkdtemp(dir=archive)) / "archive"
        report = ingest(case.sources, folder, tile=TILE, min_valid=0, workers=workers, progress=False)
        windows = report.new_tiles

    seconds: list[list[float]] = []
    for _ in range(repeats + 1):
        seconds.append([_seconds(way) for way in (loop, threads, ours)])
    # The first round fills the page cache.
    one, many, full = (statistics.median(times) for times in zip(*seconds[1:], strict=True))
    rates = " | ".join(f"{windows / s:.0f}" for s in (one, many, full))
    return f"| {case.name} | {windows} | {rates} | {one / full:.2f} | {many / full:.2f} |"


def _seconds(way: Callable[[], None]) -> float:
    begun = time.perf_counter()
    way()
    return time.perf_counter() - begun


def cases(scratch: Path) -> Iterator[Case]:
    """Files of each kind, written into ``scratch``."""
    yield Case("LiCSAR phase, deflate GeoTIFF (rasterio)", licsar_frames(scratch / "licsar", 16), read_tiff)
    with_layers = licsar_frames(scratch / "set", 16, coherence=True)
    yield Case("LiCSAR phase and coherence (rasterio)", with_layers, read_tiff_and_coherence)
    yield Case("MintPy stack, unwrapped (h5py)", [mintpy_stack(scratch / "mintpy")], read_stack)
    yield Case("grey crops of 227 px, PNG (Pillow)", crops(scratch / "crops", CROPS), read_png)
    yield Case("complex .npy (numpy)", npy_frames(scratch / "npy", 12), read_npy)


def windows(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Those that ingest reads."""
    for row in starts(shape[0], TILE, TILE):
        for col in starts(shape[1], TILE, TILE):
            yield slice(row, row + TILE), slice(col, col + TILE)


def scene(shape: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Unwrapped phase in rad with the texture that compression has to deal with: turbulence and noise."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    amplitude = np.hypot(fy, fx)
    amplitude[0, 0] = np.inf
    spectrum = amplitude ** (-11 / 6) * np.exp(2j * np.pi * rng.random(amplitude.shape))
    field = np.fft.irfft2(spectrum, s=shape)
    field *= 4 / field.std()
    noisy: NDArray[np.float32] = (field + rng.normal(0, 0.6, shape)).astype(np.float32)
    return noisy


def wrapped(shape: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """The same, wrapped."""
    phase: NDArray[np.float32] = np.angle(np.exp(1j * scene(shape, seed))).astype(np.float32)
    return phase


def licsar_frames(folder: Path, count: int, *, coherence: bool = False) -> list[Path]:
    """LiCSAR-like GeoTIFFs, one pair a folder."""
    import rasterio
    from rasterio.transform import from_origin

    profile: dict[str, Any] = {
        "driver": "GTiff", "height": FRAME[0], "width": FRAME[1], "count": 1, "compress": "deflate",
        "crs": "EPSG:4326", "transform": from_origin(14, 41, 0.001, 0.001),
    }  # fmt: skip
    paths: list[Path] = []
    for i in range(count):
        pair = f"2019{i % 12 + 1:02}01_2020{i % 12 + 1:02}{i // 12 + 1:02}"
        path = folder / pair / f"{pair}.geo.diff_pha.tif"
        path.parent.mkdir(parents=True)
        beside = path.with_name(f"{pair}.geo.cc.tif")
        if i >= _SCENES:  # compressing takes longer than all the rest
            shutil.copy(paths[i % _SCENES], path)
            if coherence:
                model = paths[i % _SCENES]
                shutil.copy(model.with_name(model.name.replace("diff_pha", "cc")), beside)
        else:
            with rasterio.open(path, "w", dtype="float32", **profile) as dataset:
                dataset.write(wrapped(FRAME, i), 1)
            if coherence:
                values = np.clip(140 + 25 * scene(FRAME, 100 + i), 1, 255).astype(np.uint8)
                with rasterio.open(beside, "w", dtype="uint8", **profile) as dataset:
                    dataset.write(values, 1)
        paths.append(path)
    return paths


def read_tiff(path: Path) -> None:
    """Rasterio alone."""
    import rasterio

    with rasterio.open(path) as dataset:
        for rows, cols in windows(dataset.shape):
            dataset.read(1, window=((rows.start, rows.stop), (cols.start, cols.stop)))


def read_tiff_and_coherence(path: Path) -> None:
    """Rasterio alone, both layers."""
    read_tiff(path)
    read_tiff(path.with_name(path.name.replace("diff_pha", "cc")))


def mintpy_stack(folder: Path) -> Path:
    """A MintPy ``ifgramStack.h5`` of unwrapped interferograms, stored as MintPy stores it."""
    import h5py

    folder.mkdir(parents=True)
    path = folder / "ifgramStack.h5"
    count, *shape = STACK
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {"FILE_TYPE": "ifgramStack", "WIDTH": "1600", "LENGTH": "1200", "WAVELENGTH": "0.0555"}
        )
        days = np.datetime64("2019-01-06") + 6 * np.arange(count + 1)
        names = [str(day).replace("-", "").encode() for day in days]
        file["date"] = np.array(list(pairwise(names)))
        file["bperp"] = np.zeros(count, np.float32)
        file["dropIfgram"] = np.ones(count, bool)
        stack = file.create_dataset("unwrapPhase", (count, *shape), np.float32, chunks=True)
        scenes = [scene((shape[0], shape[1]), i) for i in range(_SCENES)]
        for i in range(count):
            stack[i] = scenes[i % _SCENES] + np.float32(i)
    return path


def read_stack(path: Path) -> None:
    """H5py alone."""
    import h5py

    with h5py.File(path) as file:
        stack = file["unwrapPhase"]
        for i in range(len(stack)):
            for rows, cols in windows(stack.shape[1:]):
                stack[i, rows, cols]


def crops(folder: Path, count: int) -> list[Path]:
    """8-bit grey crops."""
    from PIL import Image

    folder.mkdir(parents=True)
    phase = wrapped((227 * 8, 227 * 8), 0)
    grey = np.rint((phase + np.pi) / (2 * np.pi) * 255).astype(np.uint8)
    paths = [folder / f"{i:05}.png" for i in range(count)]
    for i, path in enumerate(paths):
        row, col = divmod(i % 64, 8)
        piece = np.roll(grey[row * 227 : (row + 1) * 227, col * 227 : (col + 1) * 227], i, axis=1)
        Image.fromarray(piece).save(path)
    return paths


def read_png(path: Path) -> None:
    """Pillow alone."""
    from PIL import Image

    with Image.open(path) as image:
        image.load()


def npy_frames(folder: Path, count: int) -> list[Path]:
    """Complex arrays."""
    folder.mkdir(parents=True)
    paths = [folder / f"{i}.npy" for i in range(count)]
    for i, path in enumerate(paths):
        if i >= _SCENES:
            shutil.copy(paths[i % _SCENES], path)
        else:
            np.save(path, np.exp(1j * scene(FRAME, i)).astype(np.complex64))
    return paths


def read_npy(path: Path) -> None:
    """Numpy alone: the windows of a memory-map."""
    values = np.load(path, mmap_mode="r")
    for rows, cols in windows(values.shape):
        np.array(values[rows, cols])


_PEAK = """
import resource, sys, threading, time
import geopandas, numba, pandas, pyarrow.parquet, scipy.ndimage
from ssl_insar.archive import ingest
from PIL import Image
import rasterio
def now():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20
base, trace, done = now(), [], threading.Event()
def watch():
    begun = time.monotonic()
    while not done.wait(0.02):
        trace.append((time.monotonic() - begun, now() - base))
threading.Thread(target=watch, daemon=True).start()
ingest(sys.argv[1], sys.argv[2], progress=False)
done.set()
for t, m in trace:
    print(f"{t:.3f} {m:.1f}")
"""


def _memory(scratch: Path, out: Path | None) -> list[str]:
    """Peak resident memory of ingests of their own process, above the imports."""
    if not Path("/proc/self/statm").exists():
        return ["Memory is measured on Linux only."]
    every = sorted((scratch / "crops").iterdir())
    few, many = scratch / "few", scratch / "many"
    for folder, count in ((few, FEW_CROPS), (many, MANY_CROPS)):
        folder.mkdir()
        for path in every[:count]:
            (folder / path.name).symlink_to(path)
    traces: dict[str, NDArray[np.float64]] = {}
    frames = scratch / "licsar"
    size = f"{FRAME[0]} x {FRAME[1]} px"
    sources = {
        f"{FEW_CROPS:,} crops": few,
        f"{MANY_CROPS:,} crops": many,
        f"1 frame of {size}": min(frames.iterdir()),
        f"16 frames of {size}": frames,
    }
    for i, (name, source) in enumerate(sources.items()):
        arguments = [sys.executable, "-c", _PEAK, str(source), str(scratch / f"memory{i}")]
        printed = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
        traces[name] = np.array([line.split() for line in printed.splitlines()], float)
    if out:
        _draw(traces, out)
    lines = ["| ingest of | peak above the imports, MB |", "|---|---|"]
    return lines + [f"| {name} | {trace[:, 1].max():.0f} |" for name, trace in traces.items()]


def _draw(traces: dict[str, NDArray[np.float64]], out: Path) -> None:
    from ssl_insar.maps.figures import BLUE, GREEN, GREY, ORANGE, new_figure, png

    figure, axes = new_figure(6.4, 3.2)
    for (name, trace), colour in zip(traces.items(), (BLUE, ORANGE, GREEN, GREY), strict=True):
        axes.plot(trace[:, 0], trace[:, 1], color=colour, linewidth=1.4, label=name)
    axes.set_xlabel("seconds")
    axes.set_ylabel("memory above the imports, MB")
    axes.set_ylim(0)
    axes.legend(frameon=False, fontsize=8)
    out.mkdir(parents=True, exist_ok=True)
    (out / "memory.png").write_bytes(png(figure))


if __name__ == "__main__":
    main()
