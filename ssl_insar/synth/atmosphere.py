"""Delay and ramps of a batch of stacks; what belongs to an acquisition is shared by its interferograms."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from ssl_insar.synth.detectability import Atmosphere
from ssl_insar.synth.exponential import exponential_fields
from ssl_insar.synth.ionosphere import ionospheric_phase
from ssl_insar.synth.layout import Layout
from ssl_insar.synth.preset import Preset, Stratified
from ssl_insar.synth.ramps import orbital_ramp
from ssl_insar.synth.sinusoids import second_order, sinusoids
from ssl_insar.synth.stratified import (
    exponential_delay,
    power_law_delay,
    quadratic_delay,
    stratified_delay,
    varying_delay,
)
from ssl_insar.synth.turbulence import PowerLaw, turbulence

_SCREEN_SHARE = 0.25
"""RMS of the ionosphere's screen, of what its ramp gains across the scene."""

_STREAK = 4.0
"""How many times longer than wide streaks of the ionosphere are."""


def components(layout: Layout, preset: Preset, height: Tensor) -> dict[str, Tensor]:
    """Phase of each component that the preset has.

    Args:
        layout: of the batch.
        preset: its laws.
        height: of the ground, m, (S, H, W).

    Shape:
        -> (N, H, W) each, rad
    """
    noise = preset.noise
    found: dict[str, Tensor] = {}

    def add(name: str, screens: Tensor) -> None:
        reference, secondary = layout.pairs
        found[name] = screens[secondary] - screens[reference]

    if noise.turbulence is not None:
        law = noise.turbulence
        add(
            "turbulence",
            turbulence(
                layout.column("turbulence", "weather"),
                layout.shape,
                layout.spacing,
                PowerLaw(law.exponents, law.breaks, law.outer_scale),
                generator=layout.generator,
            ),
        )
    if noise.exponential is not None:
        add(
            "exponential",
            exponential_fields(
                layout.column("exponential", "weather"),
                layout.column("length", "weather"),
                layout.shape,
                layout.spacing,
                generator=layout.generator,
            ),
        )
    if noise.stratified is not None:
        add("stratified", _stratified(layout, noise.stratified, height[layout.stack_of_acquisition]))
    if noise.ionosphere is not None:
        add("ionosphere", _ionosphere(layout))
    if noise.sinusoids is not None:
        found["sinusoids"] = _sinusoids(layout)
    if noise.ramp is not None:
        fringes, direction = layout.column("fringes", "orbits"), layout.column("direction", "orbits")
        found["ramp"] = orbital_ramp(
            fringes * direction.sin(),
            fringes * direction.cos(),
            layout.shape,
            twist=layout.column("twist", "orbits"),
        )
    offset = layout.column("offset", "orbits")[:, None, None]
    found["offset"] = offset.expand(-1, *layout.shape)
    return found


def expected(layout: Layout, law: PowerLaw, found: Mapping[str, Tensor]) -> Atmosphere:
    """What the atmosphere of each interferogram was drawn from, as far as it is turbulence.

    All other components together, their plane removed, count as turbulence of the same spectrum.

    Args:
        layout: of the batch.
        law: spectrum of the turbulence.
        found: the components.
    """
    reference, secondary = layout.pairs

    def both(name: str) -> Tensor:
        column = layout.column(name, "weather")
        return torch.stack([column[reference], column[secondary]], dim=1)

    rest = [field for name, field in found.items() if name not in _OF_THEIR_OWN]
    other = torch.zeros(len(reference), device=reference.device)
    if rest:
        other = _without_plane(sum(rest[1:], start=rest[0])).square().mean(dim=(-2, -1))
    rms = (both("turbulence").square().sum(1) + other).sqrt()
    sigma, length = both("exponential"), both("length")
    if not bool(sigma.any()):  # their covariance takes as long as all the rest
        sigma, length = sigma[:, :0], length[:, :0]
    return Atmosphere(layout.spacing, law, rms, sigma, length)


_OF_THEIR_OWN = ("turbulence", "exponential", "ramp", "offset", "white", "other motion")
"""Components that `expected` counts in another way, or whose plane goes anyway."""


def _without_plane(fields: Tensor) -> Tensor:
    """Fields less the plane that fits them best. Shape: (N, H, W) -> the same."""
    rows, cols = (
        torch.linspace(-1, 1, side, dtype=fields.dtype, device=fields.device) for side in fields.shape[-2:]
    )
    rest = fields - fields.mean(dim=(-2, -1), keepdim=True)
    # The axes are orthogonal, so each slope is found alone.
    down = (rest * rows[:, None]).mean(dim=(-2, -1), keepdim=True) / rows.square().mean()
    across = (rest * cols).mean(dim=(-2, -1), keepdim=True) / cols.square().mean()
    return rest - down * rows[:, None] - across * cols


def _stratified(layout: Layout, law: Stratified, height: Tensor) -> Tensor:
    """One delay an acquisition, (A, H, W)."""
    stack = layout.stack_of_acquisition
    gradient = layout.column("gradient", "weather")
    scale = layout.column("land.stratification_scale")[stack]
    if law.kind == "quadratic":
        delay = quadratic_delay(height, gradient, layout.column("curvature", "weather"))
    elif law.kind == "exponential":
        delay = exponential_delay(height, gradient, scale=scale)
    elif law.kind == "power":
        exponent = layout.column("land.stratification_exponent")[stack]
        # The coefficient whose delay changes by the wanted gradient at the ground.
        coefficient = -gradient / (1000 * exponent * scale.pow(exponent - 1))
        delay = power_law_delay(height, coefficient, exponent=exponent, top=scale)
    else:
        delay = stratified_delay(height, gradient)
    variation = layout.column("variation", "weather")
    if bool(variation.any()):
        none = torch.zeros_like(variation)
        delay = delay + varying_delay(height, none, variation, layout.spacing, generator=layout.generator)
    return delay


def _ionosphere(layout: Layout) -> Tensor:
    """One screen an acquisition, (A, H, W)."""
    tec, stack = layout.column("tec", "weather"), layout.stack_of_acquisition
    direction = layout.uniform(0, 2 * math.pi, len(tec))
    return ionospheric_phase(
        tec * direction.sin(),
        tec * direction.cos(),
        tec.abs() * _SCREEN_SHARE,
        layout.shape,
        layout.spacing,
        layout.wavelength,
        elongation=1 + (_STREAK - 1) * layout.column("land.streaks")[stack],
        azimuth=layout.uniform(0, 180, len(layout.plans))[stack],
        generator=layout.generator,
    )


def _sinusoids(layout: Layout) -> Tensor:
    """Polynomial and waves of each interferogram, (N, H, W)."""
    waves = layout.column("land.sinusoids")[layout.stack_of_pair]
    most = int(waves.max())
    amplitude, wavelength = layout.column("sinusoid", "orbits"), layout.column("wavelength", "orbits")
    count = len(waves)
    polynomial = layout.column("polynomial", "orbits")[:, None] * torch.randn(
        (count, 5), generator=layout.generator, device=waves.device
    )
    phase = second_order(polynomial, layout.shape)
    if most == 0:
        return phase
    octaves = layout.column("octaves", "orbits")[:, None]
    spread = 2 ** (octaves * layout.uniform(-1, 1, count * most).reshape(count, most))
    # Waves that an interferogram lacks have no amplitude.
    there = torch.arange(most, device=waves.device) < waves[:, None]
    return phase + sinusoids(
        amplitude[:, None] * there,
        wavelength[:, None] * spread,
        layout.uniform(0, 360, count * most).reshape(count, most),
        layout.uniform(0, 2 * math.pi, count * most).reshape(count, most),
        layout.shape,
        layout.spacing,
    )
