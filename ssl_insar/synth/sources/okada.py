"""Rectangular dislocations: earthquake, dyke, sill."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from ssl_insar.synth.sources.arguments import POISSON, Parameter, columns, points
from ssl_insar.synth.sources.strike import from_strike, to_strike

_VERTICAL = 1e-5
"""Below this cosine of the dip the limit formulas for a vertical plane are used."""


def okada(
    x: Tensor,
    y: Tensor,
    *,
    east: Parameter,
    north: Parameter,
    depth: Parameter,
    strike: Parameter,
    dip: Parameter,
    length: Parameter,
    width: Parameter,
    rake: Parameter = 0.0,
    slip: Parameter = 0.0,
    opening: Parameter = 0.0,
    poisson: float = POISSON,
) -> Tensor:
    r"""Rectangular dislocation, shear and tensile: earthquake, dyke, sill.

    Okada (1985), equations 25-30, with his rules for the singular lines of the formulas.

    Args:
        x: East of the surface points, m.
        y: North of the surface points, m.
        east: of the centre of the rectangle, m.
        north: of the centre of the rectangle, m.
        depth: of the centre of the rectangle, m, positive down.
        strike: degrees clockwise from north; the plane dips to the right of it.
        dip: degrees from the horizontal.
        length: along strike, m.
        width: along dip, m.
        rake: direction of slip of the hanging wall, degrees: 0 left-lateral, 90 thrust, -90 normal.
        slip: m.
        opening: m, positive for opening.
        poisson: Poisson's ratio.

    Shape:
        x, y (\*points) -> (B, \*points, 3)
    """
    x, y = points(x, y)
    e, n, d, strike_, dip_, long, wide, rake_, slip_, open_ = columns(
        x, east, north, depth, strike, dip, length, width, rake, slip, opening
    )
    delta, rake_ = torch.deg2rad(dip_), torch.deg2rad(rake_)
    # Okada's frame: first axis along strike, second horizontal and to its left (up the dip), origin
    # above the lower edge, whose depth is `bottom`.
    along, across = to_strike(x - e, y - n, strike_)
    along, across = along + long / 2, across + wide / 2 * torch.cos(delta)
    bottom = d + wide / 2 * torch.sin(delta)
    p = across * torch.cos(delta) + bottom * torch.sin(delta)
    q = across * torch.sin(delta) - bottom * torch.cos(delta)
    weights = (-slip_ * torch.cos(rake_), -slip_ * torch.sin(rake_), open_)
    # Chinnery's notation: f(x, p) - f(x, p - W) - f(x - L, p) + f(x - L, p - W).
    f = partial(_corner, q=q, dip=delta, weights=weights, a=1 - 2 * poisson)
    total = f(along, p) - f(along, p - wide) - f(along - long, p) + f(along - long, p - wide)
    total = total / (2 * math.pi)
    u_along, u_left, u_up = total.unbind(-1)
    return torch.stack([*from_strike(u_along, u_left, strike_), u_up], dim=-1)


def _corner(
    xi: Tensor, eta: Tensor, q: Tensor, dip: Tensor, weights: tuple[Tensor, Tensor, Tensor], a: float
) -> Tensor:
    """One corner's contribution: Okada (1985) equations 25-27, with ``a = mu / (lambda + mu)``.

    Names follow the paper: xi, eta, q; R, X; y~ and d~ are `yt` and `dt`.
    """
    sin, cos = torch.sin(dip), torch.cos(dip)
    upright = cos.abs() < _VERTICAL
    cos_safe = torch.where(upright, torch.ones_like(cos), cos)
    yt, dt = eta * cos + q * sin, eta * sin - q * cos
    r = torch.sqrt(xi.square() + eta.square() + q.square())
    big_x = torch.sqrt(xi.square() + q.square())
    r_d = r + dt

    # Where R + eta = 0, drop the terms that have it below a bar and take -ln(R - eta): Okada's rule
    # (iii). R - |eta| cancels for points near that line, so it is computed as X^2 / (R + |eta|).
    r_eta = torch.where(eta < 0, big_x.square() / (r - eta), r + eta)
    on_line = r_eta <= 1e-14 * r
    per_r_eta = torch.where(on_line, 0.0, 1 / torch.where(on_line, 1.0, r_eta))
    log_r_eta = torch.where(
        on_line, -torch.log((r - eta).clamp_min(1e-300)), torch.log(torch.where(on_line, 1.0, r_eta))
    )
    r_xi = torch.where(xi < 0, (eta.square() + q.square()) / (r - xi), r + xi)
    on_line = r_xi <= 1e-14 * r
    per_r_xi = torch.where(on_line, 0.0, 1 / torch.where(on_line, 1.0, r_xi))
    # Rule (i): the angle is 0 where q = 0.
    on_plane = q.abs() <= 1e-14 * r
    theta = torch.where(on_plane, 0.0, torch.atan(xi * eta / (torch.where(on_plane, 1.0, q) * r)))

    # The integrals I1 ... I5 for a dipping plane, and their limits for a vertical one.
    # Rule (ii): I5 = 0 where xi = 0.
    centred = xi.abs() <= 1e-14 * r
    i5_dip = (
        a
        * (2 / cos_safe)
        * torch.atan(
            (eta * (big_x + q * cos) + big_x * (r + big_x) * sin)
            / torch.where(centred, 1.0, xi * (r + big_x) * cos_safe)
        )
    )
    i5 = torch.where(centred, 0.0, torch.where(upright, -a * xi * sin / r_d, i5_dip))
    i4 = torch.where(upright, -a * q / r_d, (a / cos_safe) * (torch.log(r_d) - sin * log_r_eta))
    i3 = torch.where(
        upright,
        (a / 2) * (eta / r_d + yt * q / r_d.square() - log_r_eta),
        a * (yt / (cos_safe * r_d) - log_r_eta) + (sin / cos_safe) * i4,
    )
    i2 = -a * log_r_eta - i3
    i1 = torch.where(
        upright,
        -(a / 2) * xi * q / r_d.square(),
        -a * xi / (cos_safe * r_d) - (sin / cos_safe) * i5,
    )

    strike_slip, dip_slip, tensile = weights
    qr_eta, qr_xi = q * per_r_eta / r, q * per_r_xi / r
    lateral = xi * qr_eta - theta
    return torch.stack(
        [
            strike_slip * (xi * qr_eta + theta + i1 * sin)
            + dip_slip * (q / r - i3 * sin * cos)
            + tensile * (q * qr_eta - i3 * sin.square()),
            strike_slip * (yt * qr_eta + q * cos * per_r_eta + i2 * sin)
            + dip_slip * (yt * qr_xi + cos * theta - i1 * sin * cos)
            + tensile * (-dt * qr_xi - sin * lateral - i1 * sin.square()),
            strike_slip * (dt * qr_eta + q * sin * per_r_eta + i4 * sin)
            + dip_slip * (dt * qr_xi + sin * theta - i5 * sin * cos)
            + tensile * (yt * qr_xi + cos * lateral - i5 * sin.square()),
        ],
        dim=-1,
    )
