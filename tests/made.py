"""Made interferograms and a recipe that trains on them in seconds."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np


def fringes(size: int, rng: np.random.Generator, bullseye: bool) -> np.ndarray:
    """A made wrapped phase in rad: smooth turbulence, noise, and a bullseye of fringes if asked for."""
    y, x = np.mgrid[:size, :size] / size
    phase = sum(
        rng.normal() * np.cos(2 * np.pi * (rng.normal() * x + rng.normal() * y) + rng.uniform(0, 6))
        for _ in range(3)
    )
    if bullseye:
        cy, cx = rng.uniform(0.35, 0.65, 2)
        phase = phase + rng.choice([-1, 1]) * 14 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.03)
    phase = phase + 0.3 * rng.normal(size=(size, size)) + rng.uniform(-3, 3)
    return (phase + np.pi) % (2 * np.pi) - np.pi


def write_frames(folder: Path, count: int, size: int = 64, seed: int = 0) -> Path:
    """A folder of made crops named like the real ones, with ``labels.csv``; a third deform."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with (folder / "labels.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["file", "deformation", "volcano"])
        for i in range(count):
            volcano = f"mt_{'abcdefghij'[i % 10]}"
            first = np.datetime64("2019-01-01") + np.timedelta64(12 * i, "D")
            dates = "_".join(str(d).replace("-", "") for d in (first, first + np.timedelta64(12, "D")))
            deforms = i % 3 == 0
            name = f"made_{volcano}_0{10 + i % 10}D_05000_131313_{volcano}_{dates}.npy"
            np.save(folder / name, fringes(size, rng, deforms).astype(np.float32))
            writer.writerow([name, int(deforms), volcano])
    return folder


TINY: dict[str, Any] = {
    "name": "tiny",
    "precision": "32",
    "data": {"batch_size": 16},
    "model": {"backbone": "resnet10t", "size": 32},
    "head": {"hidden": 32, "dimension": 16},
    "optim": {"epochs": 3, "warmup_epochs": 0.5},
    "monitor": {"every_epochs": 1, "neighbours": 5, "pictures_every": 0},
}
"""A recipe that trains in seconds."""
