"""Two processes with half a batch each do what one does with the whole.

Scale: the loss that one process would have is the mean of the processes' losses, and its gradient the mean
of their gradients, which is what DDP leaves in ``.grad``; no factor of the number of processes anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from lightly.utils.dist import gather
from made_views import made, views
from torch import Tensor, nn

from ssl_insar.pretrain.objectives import CONFIGS

WORLD = 2
TILES = 16
NAMES = sorted(CONFIGS)


class Synchronised(nn.Module):
    """Batch normalisation over all processes, which torch's SyncBatchNorm does on GPUs only.

    The rows of the whole batch are exactly those of one process, so what is left is the objective's.
    """

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        everything = torch.cat(gather(x)) if dist.is_initialized() else x
        axes = [axis for axis in range(x.ndim) if axis != 1]
        var, mean = torch.var_mean(everything, axes, correction=0, keepdim=True)
        return (x - mean) / (var + 1e-5).sqrt()


def synchronise(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d):
            setattr(module, name, Synchronised(child.num_features))
        else:
            synchronise(child)


def three_steps(name: str, rank: int, world: int) -> list[Tensor]:
    """Loss, then every gradient and every state, of three steps of gradient descent in double precision."""
    encoder, objective = made(name, world=world, norm=Synchronised)
    synchronise(objective)
    encoder.double()
    objective.double()
    parameters = [
        p for module in [encoder, *objective.learned] for p in module.parameters() if p.requires_grad
    ]
    seen: list[Tensor] = []
    half = slice(rank * TILES // world, (rank + 1) * TILES // world)
    for seed in range(3):
        first, second = (view[half].double() for view in views(TILES, seed))
        outcome = objective(encoder, first, second, 0.5)
        mean = [outcome.loss, *torch.autograd.grad(outcome.loss, parameters)]
        if world > 1:
            for value in mean:
                dist.all_reduce(value.detach(), op=dist.ReduceOp.SUM)
                value.detach().div_(world)
        seen += [value.detach().clone() for value in mean]
        with torch.no_grad():
            for parameter, gradient in zip(parameters, mean[1:], strict=True):
                parameter.sub_(gradient, alpha=0.05)
        objective.after_step(encoder, 0.5)
    return seen


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD)
    torch.save({name: three_steps(name, rank, WORLD) for name in NAMES}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Tensor]]]:
    folder: Path = tmp_path_factory.mktemp("gloo")
    mp.spawn(work, (str(folder),), nprocs=WORLD)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


@pytest.mark.parametrize("name", NAMES)
def test_loss_and_gradients_are_those_of_the_whole_batch(name: str, of_two: list[dict[str, Any]]) -> None:
    whole = three_steps(name, 0, 1)
    for rank in range(WORLD):
        for one, two in zip(whole, of_two[rank][name], strict=True):
            # A bias before a normalisation has a gradient of 0 but for rounding, hence the second term.
            assert (two - one).abs().max() <= 1e-9 * one.abs().max() + 1e-12
    assert max(float(value.abs().max()) for value in whole[1:]) > 1e-3, "there is a gradient to compare"
