"""From plans to pixels: the fields of many stacks at once, composed to scenes with their whole truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssl_insar.geometry import WAVELENGTHS
from ssl_insar.synth import atmosphere
from ssl_insar.synth.background import Backgrounds, phasor_information
from ssl_insar.synth.detectability import (
    Atmosphere,
    deformation_mask,
    gls_snr,
    phase_information,
    variance_ratio,
)
from ssl_insar.synth.filtering import moved_east
from ssl_insar.synth.imaging import image_ground
from ssl_insar.synth.land import heights
from ssl_insar.synth.layout import Layout
from ssl_insar.synth.motion import Motion, move
from ssl_insar.synth.plan import Plan
from ssl_insar.synth.preset import Preset
from ssl_insar.synth.scene import Scene, compose
from ssl_insar.synth.turbulence import HANSSEN, PowerLaw
from ssl_insar.synth.unwrapping import unwrapping_errors

LEAST_MOTION = 1e-3
"""m; an interferogram that sees less of its sources does not deform."""


@dataclass(frozen=True)
class Simulated:
    """Interferograms of some stacks, N in all, and all that is known of them.

    Attributes:
        plans: of the stacks, S.
        stack: stack of each interferogram, (N,).
        pairs: (reference, secondary) acquisition of each within its stack.
        scene: the interferograms.
        height: of the ground of each stack, m, (S, H, W).
        motion: displacement by source.
        deforms: whether an interferogram sees `LEAST_MOTION` or more, (N,).
        mask: where it does, (N, H, W).
        snr: see `ssl_insar.synth.detectability.gls_snr`, (N,); 0 where nothing deforms.
        variance_ratio: (N,); NaN where nothing deforms, and on real backgrounds.
        backgrounds: row of the real interferogram that each was made of, (N,), or None.
    """

    plans: Sequence[Plan]
    stack: Tensor
    pairs: list[tuple[int, int]]
    scene: Scene
    height: Tensor
    motion: Motion
    deforms: Tensor
    mask: Tensor
    snr: Tensor
    variance_ratio: Tensor
    backgrounds: NDArray[np.int64] | None


def render(
    plans: Sequence[Plan],
    preset: Preset,
    size: int,
    generator: torch.Generator,
    backgrounds: Backgrounds | None = None,
    seed: int = 0,
) -> Simulated:
    """Make the interferograms of some stacks.

    Args:
        plans: what was decided of each.
        preset: the laws that are the same for all.
        size: side of the scenes, px.
        generator: source of randomness; its device is where the work is done.
        backgrounds: real interferograms in place of simulated noise.
        seed: of the choice among them.
    """
    spacing = (preset.geometry.spacing, preset.geometry.spacing)
    layout = Layout(plans, size, spacing, WAVELENGTHS[preset.geometry.band], generator)
    height = heights(layout)
    motion = move(layout, height)
    law = preset.noise.turbulence
    spectrum = HANSSEN if law is None else PowerLaw(law.exponents, law.breaks, law.outer_scale)
    if backgrounds is not None:
        rows = np.concatenate(
            [backgrounds.draw(len(p.pairs), np.random.default_rng([seed, 3, p.index])) for p in plans]
        )
        scene = backgrounds.inject(rows, motion.displacement, motion.other, layout.wavelength, generator)
        rms = backgrounds.rms(rows, spacing, spectrum).to(height.device)
        none = torch.zeros((len(rows), 0), device=height.device)
        air = Atmosphere(spacing, spectrum, rms, none, none)
        information = phasor_information(scene.coherence)
    else:
        rows = None
        scene = _composed(layout, preset, height, motion)
        air = atmosphere.expected(layout, spectrum, scene.components)
        stack = layout.stack_of_pair
        information = phase_information(
            scene.coherence,
            layout.column("land.looks")[stack][:, None, None],
            scene.valid,
            layout.column("land.white")[stack][:, None, None],
        )
    deforms = motion.displacement.flatten(1).abs().amax(1) >= LEAST_MOTION
    signal = motion.displacement * (-4 * math.pi / layout.wavelength)
    mask = deformation_mask(motion.displacement) & deforms[:, None, None]
    # What a real background is made of is not known.
    known = torch.nonzero(deforms if rows is None else torch.zeros_like(deforms))[:, 0]
    ratio = torch.full_like(signal[:, 0, 0], torch.nan)
    ratio[known] = variance_ratio(signal[known], scene.noise[known].to(signal), (mask & scene.valid)[known])
    return Simulated(
        plans,
        layout.stack_of_pair,
        [pair for plan in plans for pair in plan.pairs],
        scene,
        height,
        motion,
        deforms,
        mask,
        gls_snr(signal, air, information) * deforms,
        ratio,
        rows,
    )


def _composed(layout: Layout, preset: Preset, height: Tensor, motion: Motion) -> Scene:
    components = atmosphere.components(layout, preset, height)
    imaging = image_ground(layout, height)
    scene = compose(
        displacement=motion.displacement,
        other=motion.other,
        components=components | imaging.components,
        coherence=imaging.coherence,
        valid=imaging.valid,
        wavelength=layout.wavelength,
        looks=layout.column("land.looks")[layout.stack_of_pair],
        filter_exponent=_filter(layout, preset),
        filter_radius=preset.filter.radius if preset.filter else 1.5,
        rewrap=layout.column("rewrap")[layout.stack_of_pair],
        generator=layout.generator,
    )
    return _finished(layout, preset, scene)


def _filter(layout: Layout, preset: Preset) -> Tensor | None:
    if preset.filter is None:
        return None
    return layout.column("land.filter_exponent")[layout.stack_of_pair]


def _finished(layout: Layout, preset: Preset, scene: Scene) -> Scene:
    """Resampling, corrupted pixels, and the errors of unwrapping."""
    stack = layout.stack_of_pair
    phasor, total = scene.phasor, scene.total
    moved = layout.column("land.resampling")[stack]
    if bool(moved.any()):
        phasor = moved_east(phasor, moved)
    corrupted = layout.column("land.corrupted")[stack][:, None, None]
    if bool(corrupted.any()):
        drawn = torch.rand((2, *total.shape), generator=layout.generator, device=total.device)
        shift = torch.where(drawn[0] < corrupted, (2 * drawn[1] - 1) * math.pi, 0.0)
        phasor = phasor * torch.polar(torch.ones_like(shift), shift)
    blobs = layout.column("land.unwrapping_blobs")[stack].long()
    most = float(layout.column("land.unwrapping_area").max())
    if not preset.wrapped and bool(blobs.any()) and most > 0:
        total = total + unwrapping_errors(
            scene.coherence.to(torch.float32),
            blobs,
            area=(min(0.01, most), most),
            generator=layout.generator,
        )
    return replace(scene, phasor=phasor, total=total)
