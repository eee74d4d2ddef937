"""Made archives for the audit, and the kinds of copies that can be planted in them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssl_insar.archive import Archive, ingest

TILE = 64
Phase = NDArray[np.float32]


def turbulence(rng: np.random.Generator, size: int = TILE, noise: float = 0.3) -> Phase:
    """A made wrapped phase, rad, that has no symmetry: power-law turbulence under noise."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    frequency[0, 0] = np.inf
    white = rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))
    phase = np.fft.ifft2(white / frequency**1.6).real
    phase = 2.5 * phase / phase.std() + noise * rng.normal(size=(size, size))
    return wrapped(phase)


def wrapped(phase: NDArray[Any]) -> Phase:
    """Into [-pi, pi)."""
    return ((np.asarray(phase) + np.pi) % (2 * np.pi) - np.pi).astype(np.float32)


def file_name(volcano: str, first: str, second: str, track: str = "010D") -> str:
    """A name as the real crops have; the reader takes frame, volcano and dates from it."""
    return f"made_{volcano}_{track}_05000_131313_{volcano}_{first}_{second}.npy"


def dates(number: int) -> tuple[str, str]:
    """A date pair that shares no date with that of another number."""
    first = np.datetime64("2015-01-01") + np.timedelta64(24 * number, "D")
    return tuple(str(day).replace("-", "") for day in (first, first + np.timedelta64(12, "D")))  # type: ignore[return-value]


def make_archive(
    folder: Path,
    fields: Mapping[str, Phase],
    labels: Sequence[Mapping[str, Any]] = (),
    *,
    stride: int = TILE,
    tile: int = TILE,
) -> Archive:
    """Ingest fields as files of the given names, with labels if there are any."""
    frames = folder / "frames"
    frames.mkdir(parents=True)
    for name, phase in fields.items():
        np.save(frames / name, phase)
    table = None
    if labels:
        table = folder / "labels.csv"
        write_csv(table, labels)
    # One thread: numpy reads headers with `ast`, which in CPython 3.11 fails now and then in several.
    out = folder / "archive"
    settings = {"tile": tile, "stride": stride, "min_valid": 0, "labels": table, "workers": 1}
    return ingest(frames, out, **settings, progress=False).archive  # type: ignore[arg-type]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A CSV of dictionaries with equal keys."""
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


PLANTED: dict[str, Callable[[Phase, np.random.Generator], Phase]] = {
    "exact-duplicate": lambda phase, _: phase,
    "near-duplicate": lambda phase, rng: wrapped(phase + 1.0 + 0.05 * rng.normal(size=phase.shape)),
    "date-swapped": lambda phase, _: -phase,
    "transposed": lambda phase, _: phase.T,
    "anti-transposed": lambda phase, _: phase[::-1, ::-1].T,
    "flipped-left-right": lambda phase, _: phase[:, ::-1],
    "flipped-up-down": lambda phase, _: phase[::-1],
    "rotated-90": lambda phase, _: wrapped(np.rot90(phase) + 2.0),
    "rotated-180": lambda phase, _: -np.rot90(phase, 2),
    "rotated-270": lambda phase, _: np.rot90(phase, 3),
}
"""How a copy of each kind is made; some are offset or have their dates swapped on top."""
