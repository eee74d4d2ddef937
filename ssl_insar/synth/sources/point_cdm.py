"""Three orthogonal point cracks: the point compound dislocation model."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import POISSON, Parameter, columns, offset, points
from ssl_insar.synth.sources.potency import potency_displacement
from ssl_insar.synth.sources.rotation import rotation


def point_cdm(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    depth: Parameter,
    potency: Parameter,
    share_x: Parameter = 1 / 3,
    share_y: Parameter = 1 / 3,
    share_z: Parameter = 1 / 3,
    rotation_x: Parameter = 0.0,
    rotation_y: Parameter = 0.0,
    rotation_z: Parameter = 0.0,
    poisson: float = POISSON,
) -> Tensor:
    r"""Point compound dislocation model: a deep reservoir of any shape, from crack to sphere to pipe.

    Nikkhoo et al. (2017): three orthogonal point tensile cracks (Okada 1985, equation 10) with
    normals X, Y, Z. The axes are turned by ``R = Rz Ry Rx``, about East first; positive angles turn
    clockwise as seen from the tip of the axis (see `rotation`). Three equal potencies are a Mogi
    source of ``(1 + nu) / (3 (1 - nu))`` of their sum, 5/9 for a ratio of 0.25.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the source, m.
        north: of the source, m.
        depth: of the source, m, positive down.
        potency: of the three cracks together if their shares sum to 1, m^3, positive for inflation.
        share_x: of the potency, for the crack whose normal is X.
        share_y: of the potency, for the crack whose normal is Y.
        share_z: of the potency, for the crack whose normal is Z.
        rotation_x: degrees.
        rotation_y: degrees.
        rotation_z: degrees.
        poisson: Poisson's ratio.

    Shape:
        x, y (\*points) -> (B, \*points, 3)
    """
    x, y = points(x, y)
    e, n, d, total, *rest = columns(
        x, east, north, depth, potency, share_x, share_y, share_z, rotation_x, rotation_y, rotation_z
    )
    shares = torch.stack([share.flatten() for share in rest[:3]], dim=-1)
    axes = rotation(*(angle.flatten() for angle in rest[3:]))
    tensor = (axes * (total.reshape(-1, 1) * shares).unsqueeze(1)) @ axes.mT
    relative = offset(x, y, e, n, d)
    return potency_displacement(relative, tensor, poisson)
