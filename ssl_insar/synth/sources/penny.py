"""A pressurised horizontal circular crack."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import POISSON, Parameter, columns, points, require
from ssl_insar.synth.sources.quadrature import gauss_legendre
from ssl_insar.synth.sources.radial import radial_displacement

_SHALLOWEST = 0.3
"""Depth / radius from which on the nodes below suffice (they converge to 1e-9 there)."""

_RADIUS_NODES = 41
_WAVENUMBER_NODES = 160
_DECAY = 45.0
"""Integrals over exp(-2 k h) end where this exponent is reached."""


def penny(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    depth: Parameter,
    radius: Parameter,
    overpressure: Parameter,
    poisson: float = POISSON,
) -> Tensor:
    r"""Penny-shaped crack under uniform pressure: a sill that opens as its pressure makes it.

    Fialko, Khazan and Simons (2001): two coupled Fredholm equations of the second kind for the
    opening and the slip of the crack, solved at Gauss-Legendre nodes. The displacement follows in
    closed form from the value at each node.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the centre, m.
        north: of the centre, m.
        depth: m, positive down.
        radius: m.
        overpressure: change of pressure as a fraction of the shear modulus, positive for opening.
        poisson: Poisson's ratio.

    Shape:
        x, y (\*points) -> (B, \*points, 3)

    Raises:
        ValueError: the crack is shallower than 0.3 of its radius.
    """
    x, y = points(x, y)
    e, n, d, a, pressure = columns(x, east, north, depth, radius, overpressure)
    require((a > 0) & (d >= _SHALLOWEST * a), f"a penny-shaped crack needs depth >= {_SHALLOWEST} radius > 0")
    h, size, strength = (d / a).reshape(-1, 1), a.reshape(-1, 1), pressure.reshape(-1, 1)
    t, weights = gauss_legendre(_RADIUS_NODES, x.device)
    opening, slip = _solve(h, t, weights)
    factor = 2 * (1 - poisson) * strength

    def profile(squared: Tensor) -> tuple[Tensor, Tensor]:
        outward, up = _surface(squared / size.square(), h, t, opening * weights, slip * weights)
        return factor * outward, -factor * size * up

    return radial_displacement(x, y, (e, n), d, profile)


def _solve(h: Tensor, t: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    r"""Densities of opening and slip at the nodes t.

    With :math:`s(kt) = \sin kt` for the opening and :math:`s(kt) = \sin kt / kt - \cos kt` for the
    slip, every kernel is :math:`\int s(kt)\, g(kh)\, s(kt')\, e^{-2kh} dk`; g is the reflection of the
    crack's stress at the free surface. Written so, the kernels need no closed form, which would cancel.

    Args:
        h: depth / radius, (B, 1).
        t: (T,).
        weights: of the nodes, (T,).

    Shape:
        -> (B, T), (B, T)
    """
    nodes, steps = gauss_legendre(_WAVENUMBER_NODES, t.device)
    longest = _DECAY / (2 * h)
    k, reach = nodes * longest, nodes * (_DECAY / 2)
    decay = torch.exp(-2 * reach) * steps * longest
    phase = k.unsqueeze(1) * t.unsqueeze(-1)  # (B, T, K)
    normal, shear = torch.sin(phase), torch.sin(phase) / phase - torch.cos(phase)

    def kernel(left: Tensor, reflection: Tensor, right: Tensor) -> Tensor:
        return (left * (reflection * decay).unsqueeze(1)) @ right.mT * weights

    twice = 2 * reach.square()
    rows = [
        torch.cat([kernel(normal, 1 + 2 * reach + twice, normal), kernel(normal, twice, shear)], dim=-1),
        torch.cat([kernel(shear, twice, normal), kernel(shear, 1 - 2 * reach + twice, shear)], dim=-1),
    ]
    per_pi = 2 / torch.pi
    system = torch.eye(2 * len(t), dtype=t.dtype, device=t.device) - per_pi * torch.cat(rows, dim=1)
    load = torch.cat([-per_pi * t, torch.zeros_like(t)]).expand(len(h), -1)
    opening, slip = torch.linalg.solve(system, load).chunk(2, dim=-1)
    return opening, slip


def _surface(squared: Tensor, h: Tensor, t: Tensor, opening: Tensor, slip: Tensor) -> tuple[Tensor, Tensor]:
    r"""Integrals of the surface displacement over wavenumber, in units of the radius of the crack.

    All are :math:`\int k^m e^{-kp} J_n(kr) dk` with complex :math:`p = h - it`, which
    :math:`q = \sqrt{p^2 + r^2}` gives in closed form.

    Args:
        squared: (r / radius)^2, (B, R).
        h: depth / radius, (B, 1).
        t: nodes, (T,).
        opening: density times weight, (B, T).
        slip: density times weight, (B, T).

    Shape:
        -> outward / r (B, R), up (B, R)
    """
    p = torch.complex(h.expand(-1, len(t)), -t.expand(len(h), -1)).unsqueeze(1)
    q = torch.sqrt(p.square() + squared.unsqueeze(-1))
    h = h.unsqueeze(1)
    # J0 of order 0 and 1 in k, and J1 / r of order -1, 0 and 1.
    j0, k_j0 = 1 / q, p / q.pow(3)
    per_k_j1, j1, k_j1 = 1 / (q + p), 1 / (q * (q + p)), 1 / q.pow(3)
    up_opening = j0.imag + h * k_j0.imag
    up_slip = h * (j0.imag / t - k_j0.real)
    out_opening = -h * k_j1.imag
    out_slip = (per_k_j1.imag / t - j1.real) - h * (j1.imag / t - k_j1.real)

    def total(of_opening: Tensor, of_slip: Tensor) -> Tensor:
        both = of_opening @ opening.unsqueeze(-1) + of_slip @ slip.unsqueeze(-1)
        return both.squeeze(-1)

    return total(out_opening, out_slip), total(up_opening, up_slip)
