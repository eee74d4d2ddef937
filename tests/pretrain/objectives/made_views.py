"""Two noisy views of made tiles, a tiny encoder, a head: enough for an objective to learn in a second."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ssl_insar.pretrain.objectives import CONFIGS, Objective, build
from ssl_insar.pretrain.recipe import HeadConfig

DIMENSION = 16


def views(tiles: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A fringe pattern a tile, random in direction and rate; the views differ in phase offset and noise."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(-1, 1, 16)
    ky, kx = 6 * torch.rand(2, tiles, 1, 1, generator=generator) - 3
    phase = ky * axis[:, None] + kx * axis

    def view() -> Tensor:
        offset = torch.rand(tiles, 1, 1, generator=generator)
        noisy = phase + offset + 0.3 * torch.randn(tiles, 16, 16, generator=generator)
        return torch.stack([noisy.cos(), noisy.sin()], 1)

    return view(), view()


def tiny(norm: type[nn.Module] = nn.BatchNorm2d) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 16, 3, 2, 1, bias=False),
        norm(16),
        nn.ReLU(),
        nn.Conv2d(16, DIMENSION, 3, 2, 1, bias=False),
        norm(DIMENSION),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ).to(memory_format=torch.channels_last)


def made(
    name: str, seed: int = 0, world: int = 1, norm: type[nn.Module] = nn.BatchNorm2d, **values: Any
) -> Any:
    """(encoder, objective) of small widths."""
    torch.manual_seed(seed)
    encoder = tiny(norm)
    small = {"moco": {"queue": 128}, "dino": {"prototypes": 64, "freeze": 0.0}}.get(name, {})
    config = CONFIGS[name](**(small | values))
    head = HeadConfig(hidden=32, dimension=16, layers=3 if name == "dino" else 2)
    return encoder, build(config, encoder, DIMENSION, head, world)  # type: ignore[arg-type]


def optimiser(encoder: nn.Module, objective: Objective, lr: float = 3e-3) -> torch.optim.Optimizer:
    modules = nn.ModuleList([encoder, *objective.learned])
    return torch.optim.AdamW([p for p in modules.parameters() if p.requires_grad], lr=lr)


def step(
    encoder: nn.Module, objective: Objective, optimizer: torch.optim.Optimizer, seed: int, progress: float
) -> Tensor:
    outcome = objective(encoder, *views(32, seed), progress)
    optimizer.zero_grad()
    outcome.loss.backward()
    optimizer.step()
    objective.after_step(encoder, progress)
    return outcome.loss.detach()
