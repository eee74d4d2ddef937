"""What strain a pressurised cavity stands for."""

from __future__ import annotations

import math

from torch import Tensor

from ssl_insar.synth.sources.quadrature import gauss_legendre

_NODES = 64


def spheroid_eigenstrain(ratio: Tensor, poisson: float) -> tuple[Tensor, Tensor]:
    r"""Strain, per pressure / shear modulus, that an inclusion needs to act as a pressurised cavity.

    Eshelby's tensor S of a prolate spheroid (Mura 1987, section 11) in ``(I - S) e = p / 3K``.
    Its integrals :math:`I_i, I_{ij}` are done by quadrature: their closed forms cancel for a sphere.

    Args:
        ratio: minor / major axis, (B,).
        poisson: Poisson's ratio.

    Shape:
        -> along the long axis (B,), across it (B,)
    """
    nodes, weights = gauss_legendre(_NODES, ratio.device)
    # With major = 1 and s = 1 / t^2 - 1: 1 / (1 + s) = t^2, 1 / (minor^2 + s) = across below.
    minor2 = ratio.square().unsqueeze(-1)
    along = nodes.square()
    across = along / (1 - (1 - minor2) * along)
    measure = 4 * math.pi * minor2 * weights / (1 - (1 - minor2) * along)

    def integral(integrand: Tensor) -> Tensor:
        return (integrand * measure).sum(-1)

    one = integral(along), integral(across)
    two = integral(along.square()), integral(along * across), integral(across.square())
    minor2 = minor2.squeeze(-1)
    bulk, shape = 1 - 2 * poisson, 1 / (8 * math.pi * (1 - poisson))
    s_aa = shape * (3 * two[0] + bulk * one[0])
    s_ab = shape * (minor2 * two[1] - bulk * one[0])
    s_ba = shape * (two[1] - bulk * one[1])
    s_bb = shape * (4 * minor2 * two[2])  # S_2222 + S_2233, whose I_i cancel.
    load = bulk / (2 * (1 + poisson))
    determinant = (1 - s_aa) * (1 - s_bb) - 2 * s_ab * s_ba
    return load * (1 - s_bb + 2 * s_ab) / determinant, load * (1 - s_aa + s_ba) / determinant
