"""Three orthogonal rectangular cracks: the compound dislocation model."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import POISSON, Parameter, columns, offset, points, require
from ssl_insar.synth.sources.rotation import rotation
from ssl_insar.synth.sources.tilted_rectangle import opening_displacement


def cdm(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    depth: Parameter,
    semi_axis_x: Parameter,
    semi_axis_y: Parameter,
    semi_axis_z: Parameter,
    opening: Parameter,
    rotation_x: Parameter = 0.0,
    rotation_y: Parameter = 0.0,
    rotation_z: Parameter = 0.0,
    poisson: float = POISSON,
) -> Tensor:
    r"""Compound dislocation model: a reservoir of any shape that is not small against its depth.

    Nikkhoo et al. (2017): three orthogonal rectangles with one centre that open alike, with normals
    X, Y, Z and sides of twice the other two semi-axes. The axes are turned by ``R = Rz Ry Rx``, about
    East first; positive angles turn clockwise as seen from the tip of the axis (see `rotation`).
    Turned about Up only, it equals three of `okada`'s rectangles.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the centre, m.
        north: of the centre, m.
        depth: of the centre, m, positive down.
        semi_axis_x: along X, before the rotation East, m.
        semi_axis_y: along Y, before the rotation North, m.
        semi_axis_z: along Z, before the rotation Up, m.
        opening: of all three rectangles, m, positive for inflation.
        rotation_x: degrees.
        rotation_y: degrees.
        rotation_z: degrees.
        poisson: Poisson's ratio.

    Shape:
        x, y (\*points) -> (B, \*points, 3)

    Raises:
        ValueError: a rectangle reaches the surface.
    """
    x, y = points(x, y)
    e, n, d, open_, *rest = columns(
        x,
        east,
        north,
        depth,
        opening,
        semi_axis_x,
        semi_axis_y,
        semi_axis_z,
        rotation_x,
        rotation_y,
        rotation_z,
    )
    axes, semi = rotation(*rest[3:]).unbind(-1), rest[:3]
    relative = offset(x, y, e, n, d)
    total = torch.zeros_like(relative)
    for normal in range(3):
        one, two = (normal + 1) % 3, (normal + 2) % 3
        rise = semi[one] * axes[one][..., 2].abs() + semi[two] * axes[two][..., 2].abs()
        require(rise < d, "a compound dislocation has to be fully buried: it reaches the surface")
        total = total + opening_displacement(relative, axes[one], axes[two], (semi[one], semi[two]), poisson)
    return total * open_.unsqueeze(-1)
