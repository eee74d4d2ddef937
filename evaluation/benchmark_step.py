"""What a training step costs beside the bare network, and what keeping freed memory is worth.

    python -m evaluation.benchmark_step [--archive A] [--recipe simclr-cpu] [--steps 10]

All times are of one run on one machine and are given as ratios against the bare forward and backward
pass on views made beforehand. The same is then measured in a second process that hands freed memory
back to the system, as the C library does by default.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import torch
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.augment import field as fd
from ssl_insar.memory import keep_freed_memory
from ssl_insar.models.precision import autocast, best_device
from ssl_insar.pretrain.data import TileDataset
from ssl_insar.pretrain.module import Pretraining
from ssl_insar.pretrain.recipe import load
from ssl_insar.synth.archive import simulate_archive

_WARM_UP = 2


@click.command(epilog="\b\nExample:\n  python -m evaluation.benchmark_step --steps 20")
@click.option("--archive", type=click.Path(path_type=Path), help="Tiles; else simulated ones.")
@click.option("--recipe", default="simclr-cpu", show_default=True)
@click.option("--steps", default=10, show_default=True, type=click.IntRange(min=2))
@click.option("--worker", hidden=True, type=click.Choice(["keep", "return"]))
def main(archive: Path | None, recipe: str, steps: int, worker: str | None) -> None:
    """Time a training step and its parts, as ratios."""
    if worker is not None:
        assert archive is not None
        print(json.dumps(measure(archive, recipe, steps, keep=worker == "keep")))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if archive is None:
            archive = Path(scratch) / "archive"
            simulate_archive("demo", archive, count=256, progress=False)
        kept, returned = (_in_its_own_process(archive, recipe, steps, how) for how in ("keep", "return"))
    images = kept["images"]
    print(f"recipe {recipe}, {torch.get_num_threads()} threads, {steps} steps, median\n")
    print("| part | seconds | against the bare network |\n|---|---|---|")
    for part in ("bare network", "whole step", "decode and views"):
        print(f"| {part} | {kept[part]:.3f} | {kept[part] / kept['bare network']:.2f} |")
    slow = returned["whole step"]
    print(f"| whole step, freed memory returned | {slow:.3f} | {slow / kept['bare network']:.2f} |")
    print(f"\n{images / kept['whole step']:.0f} images/s ({images:.0f} a step, both views)")


def measure(archive_path: Path, recipe_name: str, steps: int, keep: bool) -> dict[str, float]:
    """Median seconds of the bare network, of a whole step, and of decoding and views alone."""
    if keep:
        keep_freed_memory()
    archive = Archive.open(archive_path)
    recipe = load(recipe_name, [f"data.batch_size={min(128, len(archive))}"])
    device = best_device()
    module = Pretraining(recipe, archive.tile, 1).prepare(rank=0, world=1).to(device).train()
    optimizer = torch.optim.AdamW(module.parameters())
    batch = TileDataset(archive).__getitems__(list(range(recipe.data.batch_size)))
    counts, valid_bits, positions = (t.to(device) for t in batch[:3])
    views = module.views
    assert views is not None
    made = views(fd.from_counts(counts, valid_bits), 0)
    x = torch.cat([module.encoder.spec.assemble(*view) for view in made])
    x = x.contiguous(memory_format=torch.channels_last)

    def update(loss: Tensor) -> None:
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        loss.item()  # waits for the device

    def bare(step: int) -> None:
        assert module.objective is not None
        with autocast(device):
            outcome = module.objective(module.encoder, *x.chunk(2), 0.0)
        update(outcome.loss)

    def whole(step: int) -> None:
        with autocast(device):
            loss = module.step(fd.from_counts(counts, valid_bits), positions, step)
        update(loss)

    def only_views(step: int) -> None:
        made = views(fd.from_counts(counts, valid_bits), step)
        made[-1][0].sum().item()

    return {
        "images": float(2 * recipe.data.batch_size),
        "bare network": _median(bare, steps),
        "whole step": _median(whole, steps),
        "decode and views": _median(only_views, steps),
    }


def _median(work: Callable[[int], None], steps: int) -> float:
    times = []
    for step in range(_WARM_UP + steps):
        began = time.perf_counter()
        work(step)
        times.append(time.perf_counter() - began)
    return statistics.median(times[_WARM_UP:])


def _in_its_own_process(archive: Path, recipe: str, steps: int, how: str) -> dict[str, float]:
    """Measure in a fresh process: how memory is handled cannot be changed back."""
    command = [sys.executable, "-m", "evaluation.benchmark_step", "--worker", how]
    command += ["--archive", str(archive), "--recipe", recipe, "--steps", str(steps)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, float] = json.loads(out.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
