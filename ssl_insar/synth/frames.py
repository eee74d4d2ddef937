"""What the cutting of radar data into frames and bursts leaves: edges, gaps and seams.

Lengths along and across the track are measured on the map from the middle of the scene. The track
goes toward the heading, and the radar looks to its right.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.batch import per_field
from ssl_insar.synth.stratified import ground
from ssl_insar.synth.terrain import along

BURST = 20e3
"""m along the track: a burst of Sentinel-1 (TOPS, IW)."""

SUBSWATH = 85e3
"""m across the track: a subswath of Sentinel-1 (IW)."""


def frame_edge(
    distance: Tensor, azimuth: Tensor | float, shape: tuple[int, int], spacing: tuple[float, float]
) -> Tensor:
    """Pixels inside a frame that ends on one side of the scene.

    Args:
        distance: of the edge from the middle, m, (N,); negative where the middle is outside.
        azimuth: toward the edge, degrees clockwise from north, one or (N,): the heading plus 90
            for the side far from the radar, minus 90 for the near side, the heading itself for the
            frame's last line.
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.

    Shape:
        (N,) -> (N, H, W), True inside the frame
    """
    east, north = ground(shape, spacing, device=distance.device)
    return along(east, north, per_field(azimuth, east)) < per_field(distance, east)


def missing_burst(
    heading: Tensor | float,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    *,
    start: Tensor,
    near: Tensor,
    length: Tensor | float = BURST,
    width: Tensor | float = SUBSWATH,
) -> Tensor:
    """Pixels of a burst that was not delivered: a stripe across one subswath.

    Args:
        heading: flight direction, degrees clockwise from north, one or (N,).
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        start: its first line, m along the track, (N,).
        near: its near side, m across the track, (N,).
        length: m along the track, one or (N,).
        width: m across the track, one or (N,).

    Shape:
        (N,), (N,) -> (N, H, W), True where the burst is missing
    """
    east, north = ground(shape, spacing, device=start.device)
    forward = per_field(heading, east)
    line = along(east, north, forward) - per_field(start, east)
    across = along(east, north, forward + 90) - per_field(near, east)
    return (line >= 0) & (line < per_field(length, east)) & (across >= 0) & (across < per_field(width, east))


def burst_seams(
    step: Tensor,
    seam: Tensor,
    heading: Tensor | float,
    shape: tuple[int, int],
    spacing: tuple[float, float],
    *,
    length: Tensor | float = BURST,
) -> Tensor:
    """Phase of a residual misregistration along the track: a step at each seam between bursts.

    In TOPS the Doppler centroid runs through its range within each burst, so a shift along the
    track becomes a phase ramp that starts afresh at each seam (Yague-Martinez et al. 2016).

    Args:
        step: by which the phase falls across a seam along the track, rad, (N,); 0 to 0.5 is left
            after enhanced spectral diversity.
        seam: place of one of the seams, m along the track, (N,).
        heading: flight direction, degrees clockwise from north, one or (N,).
        shape: (H, W), pixels.
        spacing: of the pixels (north-south, east-west), m.
        length: of the bursts, m, one or (N,).

    Shape:
        (N,), (N,) -> (N, H, W), rad, float32, from -step / 2 to step / 2
    """
    east, north = ground(shape, spacing, device=step.device)
    line = along(east, north, per_field(heading, east)) - per_field(seam, east)
    within = (line / per_field(length, east)).remainder(1)
    return (per_field(step, east) * (within - 0.5)).to(torch.float32)
