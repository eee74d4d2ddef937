"""How well the ground of a batch of stacks is seen: coherence, and where there is no data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_insar.synth.coherence import CoherenceLaw, coherence_field, vegetation_cover
from ssl_insar.synth.frames import SUBSWATH, burst_seams, frame_edge, missing_burst
from ssl_insar.synth.layout import Layout
from ssl_insar.synth.masks import flood, layover_shadow, water_mask
from ssl_insar.synth.terrain import slope
from ssl_insar.synth.turbulence import smooth_fields


@dataclass(frozen=True)
class Imaging:
    """Fields of N interferograms.

    Attributes:
        coherence: in [0, 1], (N, H, W).
        valid: True where there is data, (N, H, W).
        components: phases that come with imaging, rad, by name.
    """

    coherence: Tensor
    valid: Tensor
    components: dict[str, Tensor]


def image_ground(layout: Layout, height: Tensor) -> Imaging:
    """Coherence, no data, and what bursts and white noise add to the phase.

    Args:
        layout: of the batch.
        height: of the ground, m, (S, H, W).
    """
    stack = layout.stack_of_pair
    coherence = _coherence(layout, height)
    # The lowest share of the ground is under water.
    share = layout.column("land.water")
    ordered = height.flatten(1).sort(dim=1).values
    rank = (share * (ordered.shape[1] - 1)).long()[:, None]
    level = torch.where(share > 0, ordered.gather(1, rank)[:, 0], -1.0)
    water = water_mask(height, level)[stack]
    coherence, valid = flood(coherence, water, layout.column("land.water_masked")[stack] > 0)
    heading = layout.column("heading")
    layover, shadow = layover_shadow(height, layout.spacing, heading, layout.column("incidence"))
    hidden = (layover | shadow) & (layout.column("land.layover_shadow") > 0)[:, None, None]
    coherence = coherence * ~hidden[stack]
    area = layout.column("land.incoherent_area").clamp(0, 1)
    if bool((area > 0).any()):
        # Of patches as of vegetation exactly the wanted share.
        patches = vegetation_cover(area, layout.shape, layout.spacing, generator=layout.generator)
        blobs = ((patches > 0.5) & (area > 0)[:, None, None])[stack]
        masked = (layout.column("land.incoherent_masked")[stack] > 0)[:, None, None]
        coherence, valid = coherence * ~blobs, valid & ~(blobs & masked)
    return Imaging(coherence, valid & _delivered(layout, heading)[stack], _seams(layout, heading, stack))


def _coherence(layout: Layout, height: Tensor) -> Tensor:
    stack = layout.stack_of_pair
    count, shape, generator = len(layout.plans), layout.shape, layout.generator

    def each(name: str) -> Tensor:
        return layout.column(f"land.{name}")[stack][:, None, None]

    texture = smooth_fields(count, shape, layout.spacing, 10e3, generator=generator)
    cover = vegetation_cover(layout.column("land.cover"), shape, layout.spacing, generator=generator)
    initial = each("coherence")
    coherence = coherence_field(
        texture[stack],
        slope(height, layout.spacing)[stack],
        cover[stack],
        layout.days,
        tau=each("tau"),
        initial=initial,
        floor=initial * each("floor"),
        law=CoherenceLaw(each("bias"), each("texture"), each("slope"), each("vegetation")),
    )
    # Scenes without decorrelation have none to lose.
    return torch.where(each("decorrelates") > 0, coherence, 1.0)


def _delivered(layout: Layout, heading: Tensor) -> Tensor:
    """True where a product has data, (S, H, W)."""
    count, shape, spacing = len(layout.plans), layout.shape, layout.spacing
    extent = layout.size * min(spacing)
    side = torch.where(layout.uniform(0, 1, count) < 0.5, -90.0, 90.0)
    edge = frame_edge(layout.uniform(-0.1, 0.45, count) * extent, heading + side, shape, spacing)
    inside = edge | (layout.column("land.frame_edge") == 0)[:, None, None]
    burst = missing_burst(
        heading,
        shape,
        spacing,
        start=layout.uniform(-0.6, 0.4, count) * extent,
        near=layout.uniform(-0.5 * SUBSWATH - 0.4 * extent, 0.4 * extent, count),
        length=layout.uniform(0.15, 0.5, count) * extent,
    )
    return inside & ~(burst & (layout.column("land.missing_burst") > 0)[:, None, None])


def _seams(layout: Layout, heading: Tensor, stack: Tensor) -> dict[str, Tensor]:
    seamed = layout.column("land.burst_seam")[stack]
    components = {}
    if bool(seamed.any()):
        step = layout.uniform(0, 0.5, len(stack)) * seamed
        place = layout.uniform(-0.4, 0.4, len(layout.plans)) * layout.size * min(layout.spacing)
        components["burst seams"] = burst_seams(
            step, place[stack], heading[stack], layout.shape, layout.spacing
        )
    white = layout.column("land.white")[stack]
    if bool(white.any()):
        noise = torch.randn(
            (len(stack), *layout.shape), generator=layout.generator, device=layout.generator.device
        )
        components["white"] = noise * white[:, None, None]
    return components
