"""Orientation of three orthogonal axes, as the compound dislocation models give it."""

from __future__ import annotations

import torch
from torch import Tensor


def rotation(about_x: Tensor, about_y: Tensor, about_z: Tensor) -> Tensor:
    """Axes X, Y, Z (the columns) of a body turned first about East, then North, then Up: Rz Ry Rx.

    Positive angles turn **clockwise** as seen from the tip of the axis looking back at the origin,
    the convention of Nikkhoo et al. (2017); so a positive angle about Up is an azimuth.

    Args:
        about_x: degrees.
        about_y: degrees.
        about_z: degrees.

    Shape:
        (...), (...), (...) -> (..., 3, 3)
    """
    angles = torch.deg2rad(torch.stack([about_x, about_y, about_z], dim=-1))
    sin, cos = torch.sin(angles).unbind(-1), torch.cos(angles).unbind(-1)
    one, nil = torch.ones_like(sin[0]), torch.zeros_like(sin[0])

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, dim=-1).reshape(*nil.shape, 3, 3)

    x = matrix(one, nil, nil, nil, cos[0], sin[0], nil, -sin[0], cos[0])
    y = matrix(cos[1], nil, -sin[1], nil, one, nil, sin[1], nil, cos[1])
    z = matrix(cos[2], sin[2], nil, -sin[2], cos[2], nil, nil, nil, one)
    return z @ y @ x
