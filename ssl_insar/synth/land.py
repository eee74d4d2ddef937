"""The ground of a batch of stacks: fractal terrain, each with its cone."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.layout import Layout
from ssl_insar.synth.stratified import TERRAIN, cone, ground
from ssl_insar.synth.turbulence import power_law_fields


def heights(layout: Layout) -> Tensor:
    """Height of the ground, m above its lowest point.

    Shape:
        -> (S, H, W), float32
    """
    plans = layout.plans
    rough = power_law_fields(len(plans), layout.shape, layout.spacing, TERRAIN, generator=layout.generator)
    low, high = rough.amin(dim=(-2, -1), keepdim=True), rough.amax(dim=(-2, -1), keepdim=True)
    rough = (rough - low) / (high - low) * layout.column("land.relief")[:, None, None]
    east, north = ground(layout.shape, layout.spacing, device=rough.device)
    centres = torch.tensor([plan.land.centre for plan in plans], device=rough.device)[..., None, None]
    height = rough + cone(
        east - centres[:, 0],
        north - centres[:, 1],
        layout.column("land.edifice")[:, None, None],
        layout.column("land.edifice_radius")[:, None, None],
    ).to(rough)
    return height - height.amin(dim=(-2, -1), keepdim=True)
