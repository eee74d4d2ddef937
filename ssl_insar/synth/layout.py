"""Many stacks as one batch: which row of a batch belongs to which stack, acquisition or interferogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from ssl_insar.synth.plan import Plan


@dataclass(frozen=True)
class Layout:
    """Which row of a batch belongs to what.

    Attributes:
        plans: S stacks.
        size: side of a scene, px.
        spacing: of the pixels (north-south, east-west), m.
        wavelength: m.
        generator: source of randomness.
    """

    plans: Sequence[Plan]
    size: int
    spacing: tuple[float, float]
    wavelength: float
    generator: torch.Generator

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.size, self.size

    @property
    def stack_of_acquisition(self) -> Tensor:
        """(A,), all acquisitions of all stacks in a row."""
        return self._repeated([len(plan.dates) for plan in self.plans])

    @property
    def stack_of_pair(self) -> Tensor:
        """Stack of each interferogram, (N,)."""
        return self._repeated([len(plan.pairs) for plan in self.plans])

    @property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """Reference and secondary acquisition of each interferogram among all acquisitions, (N,) each."""
        firsts, start = [], 0
        for plan in self.plans:
            firsts += [(start + first, start + second) for first, second in plan.pairs]
            start += len(plan.dates)
        reference, secondary = torch.tensor(firsts, device=self.generator.device).unbind(1)
        return reference, secondary

    @property
    def days(self) -> Tensor:
        """Temporal baseline of each interferogram, (N,)."""
        return torch.tensor(
            [plan.days[b] - plan.days[a] for plan in self.plans for a, b in plan.pairs],
            device=self.generator.device,
        )

    def column(self, name: str, of: str = "stack") -> Tensor:
        """A number of each stack, acquisition or interferogram: ``land.relief``, ``tec`` of ``weather``."""
        items: list[Any] = list(self.plans)
        if of != "stack":
            items = [item for plan in self.plans for item in getattr(plan, of)]
        values = [float(attrgetter(name)(item)) for item in items]
        return torch.tensor(values, dtype=torch.float32, device=self.generator.device)

    def uniform(self, low: float, high: float, count: int) -> Tensor:
        """Random numbers, (count,)."""
        drawn = torch.rand(count, generator=self.generator, device=self.generator.device)
        return drawn * (high - low) + low

    def _repeated(self, counts: list[int]) -> Tensor:
        which = torch.arange(len(counts), device=self.generator.device)
        return which.repeat_interleave(torch.tensor(counts, device=self.generator.device))
