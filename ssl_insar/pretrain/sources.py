"""Patterns of the simulator's sources, ready to be scaled and put into real interferograms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ssl_insar.errors import UserError
from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.progress import bar
from ssl_insar.synth.detectability import Atmosphere, gls_snr, phase_information
from ssl_insar.synth.land import heights
from ssl_insar.synth.layout import Layout
from ssl_insar.synth.motion import move
from ssl_insar.synth.plan import Act, plan_stack
from ssl_insar.synth.preset import Preset, load_preset
from ssl_insar.synth.turbulence import HANSSEN

STEEPEST = 0.8 * math.pi
"""Largest phase step between neighbouring pixels that an injected source may have, rad: beyond pi it
aliases, and some is left for the ground's own phase."""

_CHUNK = 64


@dataclass(frozen=True)
class Sources:
    """K patterns of phase, each with a peak of 1 rad.

    Attributes:
        patterns: (K, S, S) float16, positive where the ground moves away from the satellite.
        kind: index into `kinds`, (K,).
        kinds: the preset's names of its sources.
        snr: GLS ratio of each at a peak of 1 rad in turbulence of 1 rad RMS, (K,).
        most: largest peak at which it does not alias and is no larger than in nature, rad, (K,).
    """

    patterns: Tensor
    kind: Tensor
    kinds: tuple[str, ...]
    snr: Tensor
    most: Tensor

    def __len__(self) -> int:
        return len(self.patterns)

    def to(self, device: torch.device) -> Sources:
        """The same on a device."""
        return Sources(
            self.patterns.to(device),
            self.kind.to(device),
            self.kinds,
            self.snr.to(device),
            self.most.to(device),
        )


def make_sources(
    preset: Preset | str | Path,
    count: int,
    size: int,
    spacing: float,
    seed: int = 0,
    *,
    peak: float = 0.5,
    shown: bool = False,
) -> Sources:
    """Draw sources by a preset's laws.

    Args:
        preset: whose ``deformation``, ``geometry`` and ``terrain`` are used.
        count: number of patterns.
        size: side, px.
        spacing: of the pixels, m.
        seed: of the draws.
        peak: largest displacement along the line of sight, m.
        shown: draw a progress bar.

    Raises:
        UserError: the preset has no sources.
    """
    laws = preset if isinstance(preset, Preset) else load_preset(preset)
    if not laws.deformation.sources:
        raise UserError(f"preset '{laws.name}' has no sources of deformation; take another")
    # Each stack is one interferogram that sees its sources grown up.
    laws = laws.model_copy(
        update={
            "geometry": laws.geometry.model_copy(update={"spacing": spacing}),
            "deformation": laws.deformation.model_copy(update={"share": 1.0}),
            "stack": laws.stack.model_copy(update={"acquisitions": 2, "neighbours": 1}),
        }
    )
    generator = torch.Generator().manual_seed(seed)
    patterns, kinds, ratios, most = [], [], [], []
    index = made = 0
    with bar(count, "sources", "source", shown=shown) as progress:
        while made < count:
            plans = [plan_stack(laws, index + i, seed, size) for i in range(_CHUNK)]
            index += _CHUNK
            layout = Layout(plans, size, (spacing, spacing), WAVELENGTHS[laws.geometry.band], generator)
            motion = move(layout, heights(layout))
            whole = torch.zeros(len(plans), size, size, dtype=torch.float64)
            wanted = torch.tensor([not act.negative for act in motion.acts], dtype=torch.bool)
            whole.index_add_(0, motion.stack[wanted], motion.size[wanted])
            moves = whole.flatten(1).abs().amax(1) > 0
            whole = whole[moves][: count - made]
            largest = [_largest_kind(motion.acts, motion.stack, motion.size, int(s)) for s in moves.nonzero()]
            kinds += largest[: len(whole)]
            unit = (-whole / whole.flatten(1).abs().amax(1)[:, None, None]).float()
            patterns.append(unit.half())
            ratios.append(_ratio(unit, spacing))
            most.append(_most(unit, peak * 4 * math.pi / layout.wavelength))
            made += len(whole)
            progress.update(len(whole))
            if index > 100 * count + 100 * _CHUNK:
                raise UserError(
                    f"preset '{laws.name}': its sources hardly ever move the ground; take another"
                )
    names = tuple(sorted(set(kinds)))
    return Sources(
        torch.cat(patterns),
        torch.tensor([names.index(kind) for kind in kinds]),
        names,
        torch.cat(ratios),
        torch.cat(most),
    )


def _largest_kind(acts: list[Act], stack: Tensor, size: Tensor, number: int) -> str:
    rows = torch.nonzero(stack == number)[:, 0].tolist()
    return str(acts[max(rows, key=lambda row: float(size[row].abs().max()))].kind)


def _ratio(unit: Tensor, spacing: float) -> Tensor:
    """GLS ratio at a peak of 1 rad in 1 rad of turbulence, at a coherence of .7 and five looks."""
    n = len(unit)
    air = Atmosphere((spacing, spacing), HANSSEN, torch.ones(n), torch.zeros(n, 0), torch.zeros(n, 0))
    information = phase_information(torch.full(unit.shape, 0.7), 5, torch.ones(unit.shape, dtype=torch.bool))
    return gls_snr(unit, air, information).float()


def _most(unit: Tensor, natural: float) -> Tensor:
    steep = torch.maximum(
        unit.diff(dim=1).abs().flatten(1).amax(1), unit.diff(dim=2).abs().flatten(1).amax(1)
    )
    return (STEEPEST / steep.clamp_min(1e-6)).clamp_max(natural)
