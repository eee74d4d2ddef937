"""Deformation events: which source, where, how deep, and scaled to which peak displacement."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssl_insar.synth.sources import mogi, okada

KINDS = ("mogi", "sill", "dyke", "earthquake")

PEAK_LOS = (0.015, 0.15)
"""m: from half a C-band fringe to five; smaller ones drown in the atmosphere, larger ones are rare."""

_SOURCES: dict[str, Callable[..., Tensor]] = {
    "mogi": mogi,
    "sill": okada,
    "dyke": okada,
    "earthquake": okada,
}


@dataclass(frozen=True)
class Event:
    """One source that acts once.

    Attributes:
        kind: one of `KINDS`.
        parameters: arguments of the source function, SI units and degrees; the strength (volume
            change, opening or slip) counts only relatively, because `peak_los` sets the scale.
        peak_los: largest line-of-sight displacement in either direction, m.
    """

    kind: str
    parameters: dict[str, float]
    peak_los: float

    def line_of_sight(self, east: Tensor, north: Tensor, los: tuple[float, float, float]) -> Tensor:
        """Line-of-sight displacement in m, positive toward the satellite, scaled to `peak_los`.

        Every source is linear in its strength, so the scaling is exact.

        Args:
            east: of the surface points, m.
            north: of the surface points, m.
            los: unit vector from the ground to the satellite, (East, North, Up).

        Shape:
            (H, W), (H, W) -> (H, W), float64
        """
        displacement = _SOURCES[self.kind](east, north, **self.parameters)[0]
        toward = displacement @ torch.tensor(los, dtype=displacement.dtype, device=displacement.device)
        return toward * (self.peak_los / toward.abs().max())


def draw_event(rng: np.random.Generator, kind: str, reach: float, scale: float = 1.0) -> Event:
    """Draw one event at random.

    The ranges are ours, chosen to cover what volcano observatories report; depths and lengths are
    in km at ``scale`` 1, made for a scene of 25 km.

    Args:
        rng: source of randomness.
        kind: one of `KINDS`.
        reach: largest distance of the source from the middle of the scene in East and North, m.
        scale: factor on all lengths, for scenes of another size.

    Raises:
        ValueError: unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"no such source: {kind}; known are {', '.join(KINDS)}")
    parameters = _SHAPES[kind](rng)
    for name in ("depth", "length", "width"):
        if name in parameters:
            parameters[name] *= 1e3 * scale
    east, north = rng.uniform(-reach, reach, 2)
    low, high = PEAK_LOS
    peak = math.exp(rng.uniform(math.log(low), math.log(high)))
    return Event(kind, {"east": float(east), "north": float(north), **parameters}, peak)


def _mogi(rng: np.random.Generator) -> dict[str, float]:
    return {
        "depth": math.exp(rng.uniform(math.log(1.2), math.log(5.0))),
        "volume_change": _inflating_or_deflating(rng),
    }


def _sill(rng: np.random.Generator) -> dict[str, float]:
    return {
        "depth": rng.uniform(1.2, 4.0),
        "strike": rng.uniform(0, 360),
        "dip": rng.uniform(0, 10),
        "length": rng.uniform(1.5, 6.0),
        "width": rng.uniform(1.0, 4.0),
        "opening": _inflating_or_deflating(rng),
    }


def _dyke(rng: np.random.Generator) -> dict[str, float]:
    dip, height = rng.uniform(75, 90), rng.uniform(1.0, 4.0)
    return {
        "depth": _centre_depth(rng.uniform(0.3, 2.5), dip, height),
        "strike": rng.uniform(0, 360),
        "dip": dip,
        "length": rng.uniform(2.0, 8.0),
        "width": height,
        "opening": 1.0,
    }


def _earthquake(rng: np.random.Generator) -> dict[str, float]:
    dip_range, rake = (
        ((70, 90), rng.choice([0.0, 180.0]) + rng.uniform(-20, 20)),  # strike-slip
        ((40, 70), -90 + rng.uniform(-30, 30)),  # normal
        ((15, 45), 90 + rng.uniform(-30, 30)),  # thrust
    )[rng.integers(3)]
    dip, width = rng.uniform(*dip_range), rng.uniform(2.0, 5.0)
    return {
        "depth": _centre_depth(rng.uniform(0.5, 3.0), dip, width),
        "strike": rng.uniform(0, 360),
        "dip": dip,
        "length": width * rng.uniform(1.0, 2.0),
        "width": width,
        "rake": float(rake),
        "slip": 1.0,
    }


def _centre_depth(top: float, dip: float, width: float) -> float:
    return top + width / 2 * math.sin(math.radians(dip))


def _inflating_or_deflating(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.6 else -1.0


_SHAPES: dict[str, Callable[[np.random.Generator], dict[str, float]]] = {
    "mogi": _mogi,
    "sill": _sill,
    "dyke": _dyke,
    "earthquake": _earthquake,
}
