"""How many views a second: ours, a peer's albumentations chain, kornia, and the floor, on one core.

    python -m evaluation.benchmark_views [--size 224] [--batch 32] [--device cpu] [--out benchmark]

Each runs alone on one thread, in turns, on the same tiles; the table gives the medians and their ratios.

- **ours**: `ssl_insar.augment.Views` with the default recipe, two views a tile, as in training; also without
  a compiler, and with turbulence and noise drawn anew for each view instead of from pools.
- **the peer's**: flips, ElasticTransform, CoarseDropout, MultiplicativeNoise, GaussianBlur and GaussNoise
  of `albumentations`, each with the library's arguments and p = 0.8, on grey images, one at a time, as in
  Bountos et al. (2022). The library works on the CPU only.
- **kornia**: the same chain in batches (its RandomContrast multiplies as MultiplicativeNoise does), and
  what comes closest to ours: crop, flips, rotation, elastic warp, noise, erasing. A row each if
  kornia is installed (``pip install kornia``).
- **the floor**: one bilinear resample of the phasor.

A second table says where our time goes.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.running import run
from ssl_insar.augment import Views, ViewsConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.sampling import SamplingGrid
from ssl_insar.augment.transforms.library import albumentations as A
from ssl_insar.memory import keep_freed_memory
from ssl_insar.synth.turbulence import power_law_fields
from ssl_insar.threads import torch_threads

OURS, PEER, FLOOR = "ours", "the peer's albumentations chain, uint8", "floor: one bilinear resample"
_VIEWS_A_TILE = 2
_WARM_UP = 8
_P = 0.8

Work = Callable[[int], int]
"""Makes views with the random numbers of a step, and says how many."""


@click.command(epilog="\b\nExample:\n  python -m evaluation.benchmark_views --out benchmark")
@click.option("--size", default=224, show_default=True, type=click.IntRange(min=32), help="Side, px.")
@click.option("--batch", default=32, show_default=True, type=click.IntRange(min=1), help="Tiles at a time.")
@click.option("--device", default="cpu", show_default=True, help="Where the batches lie: cpu or cuda.")
@click.option("--seconds", default=1.5, show_default=True, help="Least time of each in each turn.")
@click.option("--turns", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for views.md.")
def main(size: int, batch: int, device: str, seconds: float, turns: int, out: Path | None) -> None:
    """Time the making of views, side by side."""
    keep_freed_memory()
    place = torch.device(device)
    with torch_threads(1):
        field = tiles(batch, size).to(place)
        every = chains(field, size)
        lines = [
            f"{size} px, {batch} tiles at a time, {place.type}, 1 thread, "
            f"median of {turns} turns of {seconds:g} s",
            "",
            *_table(measure(every, turns, seconds, place)),
            "",
            *_shares(field, size, turns, seconds),
        ]
    if importlib.util.find_spec("kornia") is None:
        lines += ["", "kornia is not installed: no rows of it."]
    text = "\n".join(lines) + "\n"
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "views.md").write_text(text, encoding="utf-8")
    click.echo(text)


def tiles(count: int, size: int) -> Tensor:
    """Phasor tiles of turbulence and noise, a corner of each without data.

    Shape:
        -> (count, 2, size, size)
    """
    generator = torch.Generator().manual_seed(0)
    phase = 3 * power_law_fields(count, (size, size), (100.0, 100.0), generator=generator)
    phase = (phase + 0.3 * torch.randn(phase.shape, generator=generator)).float()
    field = torch.stack([phase.cos(), phase.sin()], 1)
    field[:, :, : size // 6, : size // 4] = 0
    return field


def chains(field: Tensor, size: int) -> dict[str, Work]:
    """All that are compared, by name."""

    def ours(compiled: bool, exact: bool = False) -> Work:
        config, tile = ViewsConfig(), field.shape[-1]
        views = Views(config, tile, size, compiled=compiled, exact=exact).to(field.device)

        def work(step: int) -> int:
            return sum(len(view) for view, _ in views(field, step, count=_VIEWS_A_TILE))

        return work

    grid = SamplingGrid(ViewsConfig(), field.shape[-1], size)(len(field), Draw(field.device, 0))[0]

    def floor(step: int) -> int:
        return len(F.grid_sample(field, grid, mode="bilinear", align_corners=False))

    phase = torch.atan2(field[:, 1], field[:, 0]).cpu().numpy()
    grey = np.rint((phase + np.pi) / (2 * np.pi) * 255).astype(np.uint8)
    return {
        OURS: ours(compiled=True),
        f"{OURS}, not compiled": ours(compiled=False),
        f"{OURS}, not compiled, no pools": ours(compiled=False, exact=True),
        PEER: peer(grey),
        PEER.replace("uint8", "float32"): peer(grey.astype(np.float32) / 255),
        **kornia(torch.from_numpy(grey).to(field.device).unsqueeze(1) / 255, field, size),
        FLOOR: floor,
    }


def peer(images: NDArray[Any]) -> Work:
    """The chain of `albumentations`, image by image.

    Shape:
        images (B, H, W) uint8, or float32 in 0 ... 1
    """
    import cv2

    cv2.setNumThreads(1)
    compose = A.Compose(
        [
            A.HorizontalFlip(p=_P),
            A.VerticalFlip(p=_P),
            A.ElasticTransform(p=_P),
            A.CoarseDropout(p=_P),
            A.MultiplicativeNoise(p=_P),
            A.GaussianBlur(p=_P),
            A.GaussNoise(p=_P),
        ],
        seed=0,
    )

    def work(step: int) -> int:
        return len([compose(image=image)["image"] for image in images])

    return work


def kornia(grey: Tensor, field: Tensor, size: int) -> dict[str, Work]:
    """The peer's chain and the like of ours in kornia; nothing where it is absent."""
    if importlib.util.find_spec("kornia") is None:
        return {}
    import kornia.augmentation as K

    elastic = ViewsConfig().elastic
    as_peer = nn.Sequential(
        K.RandomHorizontalFlip(p=_P),
        K.RandomVerticalFlip(p=_P),
        K.RandomElasticTransform(p=_P),
        K.RandomErasing(scale=(0.01, 0.04), p=_P),
        K.RandomContrast((0.9, 1.1), p=_P),
        K.RandomGaussianBlur((13, 13), (0.5, 3.0), p=_P),
        K.RandomGaussianNoise(std=0.1, p=_P),
    )
    as_ours = nn.Sequential(
        K.RandomResizedCrop((size, size), scale=(0.4, 1.0), ratio=(1 / 1.1, 1.1)),
        K.RandomHorizontalFlip(p=0.5),
        K.RandomVerticalFlip(p=0.3),
        K.RandomRotation(15.0, p=0.5),
        K.RandomElasticTransform(sigma=(elastic.smoothness,) * 2, p=elastic.p),
        K.RandomGaussianNoise(std=0.1, p=0.3),
        K.RandomErasing(scale=(0.05, 0.25), p=0.3),
    )

    def of(chain: nn.Module, images: Tensor) -> Work:
        chain = chain.to(images.device)

        @torch.no_grad()
        def work(step: int) -> int:
            return len(chain(images))

        return work

    return {"kornia, the peer's chain": of(as_peer, grey), "kornia, the like of ours": of(as_ours, field)}


def measure(
    every: dict[str, Work], turns: int, seconds: float, device: torch.device
) -> dict[str, list[float]]:
    """Views a second of each in each turn; all take turns, so that a slow minute hits all."""
    rates: dict[str, list[float]] = {name: [] for name in every}
    for work in every.values():
        for step in range(_WARM_UP):  # a subset of one view, or none, is compiled on its own
            work(step)
    for turn in range(turns):
        for name, work in every.items():
            # Step by step, as training goes: what is made once for many steps counts as it should.
            made, step, began = 0, turn * 10_000, _now(device)
            while _now(device) - began < seconds:
                made += work(step)
                step += 1
            rates[name].append(made / (_now(device) - began))
    return rates


def _now(device: torch.device) -> float:
    """Time when the device has done all it was given; on a CPU the time it spent on this process.

    Everything runs on one thread, so that this is what a core takes, whatever else it is given to do.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def _table(rates: dict[str, list[float]]) -> list[str]:
    """Medians, and ratios against the peer and the floor, taken turn by turn."""
    lines = [
        "| chain | views/s | ms a view | times the peer's rate | times the floor's time |",
        "|---|---|---|---|---|",
    ]
    for name, rate in rates.items():
        median = statistics.median(rate)
        faster = statistics.median(a / b for a, b in zip(rate, rates[PEER], strict=True))
        slower = statistics.median(b / a for a, b in zip(rate, rates[FLOOR], strict=True))
        lines.append(f"| {name} | {median:.0f} | {1000 / median:.3f} | {faster:.1f} | {slower:.1f} |")
    return lines


def _shares(field: Tensor, size: int, turns: int, seconds: float) -> list[str]:
    """Where our time goes: each module of the chain, timed inside it."""
    views = Views(ViewsConfig(), field.shape[-1], size, compiled=True).to(field.device)
    spent: dict[str, float] = {}
    began: dict[str, float] = {}

    def watch(name: str, module: nn.Module) -> None:
        def enter(*_: object) -> None:
            began[name] = _now(field.device)

        def leave(*_: object) -> None:
            spent[name] = spent.get(name, 0.0) + _now(field.device) - began[name]

        module.register_forward_pre_hook(enter)
        module.register_forward_hook(leave)

    for name, module in views.named_children():
        watch(name, module)
    views(field, 0)
    spent.clear()
    made, step, start = 0, 0, _now(field.device)
    while _now(field.device) - start < turns * seconds:
        made += sum(len(view) for view, _ in views(field, step, count=_VIEWS_A_TILE))
        step += 1
    total = _now(field.device) - start
    spent["resampling, phase rotation and the rest"] = total - sum(spent.values())
    lines = ["| part of ours | ms a view | share |", "|---|---|---|"]
    for name, took in sorted(spent.items(), key=lambda item: -item[1]):
        lines.append(f"| {name} | {1000 * took / made:.3f} | {took / total:.0%} |")
    return lines


if __name__ == "__main__":
    run(main)
