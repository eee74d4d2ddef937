"""Deformation of a batch of stacks: each source at its full size, and what a pair of dates sees of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_insar.synth.layout import Layout
from ssl_insar.synth.plan import Act
from ssl_insar.synth.sources import SOURCES, line_of_sight_scaled
from ssl_insar.synth.stratified import ground
from ssl_insar.synth.terrain import gradient
from ssl_insar.synth.time_functions import TIME_FUNCTIONS

_LEAST_GROWTH = 1e-9
_TIME_SCALES = {"log": "tau", "exponential": "tau", "sinusoidal": "period"}


@dataclass(frozen=True)
class Motion:
    """Displacement along the line of sight, and the sources behind it, E in all.

    Attributes:
        displacement: of what is to be found, m, positive toward the satellite, (N, H, W).
        other: of what moves besides (`Act.negative`), alike; None if nothing does.
        acts: the sources.
        stack: stack of each, (E,).
        size: displacement of each when it is over, m, (E, H, W).
        place: East and North of each, m, (E, 2): landslides are put where it is steep.
        factor: what the strength of each is multiplied with to reach its peak, (E,).
        share: of each that each interferogram sees, 0 for those of other stacks, (E, N).
    """

    displacement: Tensor
    other: Tensor | None
    acts: list[Act]
    stack: Tensor
    size: Tensor
    place: Tensor
    factor: Tensor
    share: Tensor


def move(layout: Layout, height: Tensor) -> Motion:
    """Compute all sources of a batch.

    Args:
        layout: of the batch.
        height: of the ground, m, (S, H, W).
    """
    acts = [act for plan in layout.plans for act in plan.acts]
    stack = torch.tensor(
        [number for number, plan in enumerate(layout.plans) for _ in plan.acts],
        dtype=torch.int64,
        device=height.device,
    )
    size = torch.zeros((len(acts), *layout.shape), dtype=torch.float64, device=height.device)
    factor = torch.ones(len(acts), dtype=torch.float64, device=height.device)
    place = torch.zeros((len(acts), 2), dtype=torch.float64, device=height.device)
    for rows in _alike(acts):
        here = torch.tensor(rows, device=height.device)
        size[here], factor[here], place[here] = _computed(
            [acts[row] for row in rows], stack[here], layout, height
        )
    if not bool(torch.isfinite(size).all()):
        broken = acts[int((~torch.isfinite(size)).flatten(1).any(1).nonzero()[0])]
        raise ValueError(f"source {broken.kind} ({broken.parameters}) has no finite displacement")
    share = _shares(layout, acts, stack)
    wanted = torch.tensor([not act.negative for act in acts], dtype=torch.bool, device=height.device)
    displacement, other = (
        torch.einsum("en,ehw->nhw", share[which], size[which]) for which in (wanted, ~wanted)
    )
    return Motion(
        displacement, None if bool(wanted.all()) else other, acts, stack, size, place, factor, share
    )


def _alike(acts: list[Act]) -> list[list[int]]:
    """Rows of acts that one call of a source function computes."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, act in enumerate(acts):
        groups.setdefault((act.function, *sorted(act.parameters)), []).append(row)
    return list(groups.values())


def _computed(
    acts: list[Act], stack: Tensor, layout: Layout, height: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Line-of-sight displacement at full size (B, H, W), factor on the strength (B,), place (B, 2)."""
    source = SOURCES[acts[0].function]
    east, north = ground(layout.shape, layout.spacing, device=height.device)
    parameters = {
        name: torch.tensor([act.parameters[name] for act in acts], dtype=torch.float64, device=height.device)
        for name in acts[0].parameters
    }
    # With a peak to reach, the strength counts only relatively.
    parameters.setdefault(source.strength, torch.ones(len(acts), dtype=torch.float64, device=height.device))
    if source.needs_terrain:
        parameters |= _on_slopes(height[stack], east, north, layout.spacing)
    moved = source.function(east, north, **parameters)
    los = torch.tensor([layout.plans[int(s)].los for s in stack], dtype=torch.float64, device=height.device)
    size, factor = _scaled(moved, los, [act.peak for act in acts])
    return size, factor, torch.stack([parameters["east"], parameters["north"]], dim=1)


def _on_slopes(
    height: Tensor, east: Tensor, north: Tensor, spacing: tuple[float, float]
) -> dict[str, Tensor]:
    """Slopes for a source that needs them, and the steepest place near the middle to put it."""
    to_east, to_north = gradient(height.to(torch.float64), spacing)
    steepness = torch.hypot(to_east, to_north)
    rows, cols = height.shape[-2:]
    inner = torch.zeros_like(steepness)
    inner[:, rows // 4 : -(rows // 4), cols // 4 : -(cols // 4)] = 1
    steepest = (steepness * inner).flatten(1).argmax(1)
    return {
        "slope_east": to_east,
        "slope_north": to_north,
        "east": east.flatten()[steepest],
        "north": north.flatten()[steepest],
    }


def _scaled(moved: Tensor, los: Tensor, peaks: list[float | None]) -> tuple[Tensor, Tensor]:
    if any(peak is None for peak in peaks):
        toward: Tensor = (moved * los[:, None, None]).sum(-1)
        return toward, torch.ones(len(moved), dtype=moved.dtype, device=moved.device)
    wanted = torch.tensor([float(peak or 0) for peak in peaks], dtype=moved.dtype, device=moved.device)
    factor = torch.zeros_like(wanted)
    size = torch.zeros(moved.shape[:-1], dtype=moved.dtype, device=moved.device)
    # A landslide where all is flat moves nothing, whatever it is multiplied with.
    moves = (wanted != 0) & moved.flatten(1).any(1)
    if bool(moves.any()):
        sign = wanted[moves].sign()
        size[moves], factor[moves] = line_of_sight_scaled(moved[moves], los[moves], wanted[moves].abs())
        size[moves] *= sign[:, None, None]
        factor[moves] *= sign
    return size, factor


def _shares(layout: Layout, acts: list[Act], stack: Tensor) -> Tensor:
    """What each interferogram sees of each source, (E, N)."""
    counts = [len(plan.pairs) for plan in layout.plans]
    starts = [sum(counts[:i]) for i in range(len(counts))]
    share = torch.zeros((len(acts), sum(counts)), dtype=torch.float64, device=stack.device)
    for row, (act, number) in enumerate(zip(acts, stack.tolist(), strict=True)):
        plan = layout.plans[number]
        grown = _course(act, torch.tensor(plan.days, dtype=torch.float64, device=stack.device))
        first, second = torch.tensor(plan.pairs, device=stack.device).unbind(1)
        share[row, starts[number] : starts[number] + counts[number]] = grown[second] - grown[first]
    return share


def _course(act: Act, days: Tensor) -> Tensor:
    """Share of its full size that a source has reached at each acquisition; 1 where it is greatest."""
    scale = {_TIME_SCALES[act.course]: act.scale} if act.course in _TIME_SCALES else {}
    if act.course == "linear":
        scale = {"rate": 1.0}
    grown = TIME_FUNCTIONS[act.course](days - act.onset, **scale)
    most = grown.abs().max()
    # A whole period is back where it began, but for rounding.
    return grown / most if bool(most > _LEAST_GROWTH) else torch.zeros_like(grown)
