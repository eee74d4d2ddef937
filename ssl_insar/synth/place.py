"""A made-up place: what all interferograms of one volcano have in common, deforming or not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from ssl_insar.geometry import line_of_sight
from ssl_insar.synth.stratified import ground, pseudo_dem
from ssl_insar.synth.turbulence import HANSSEN, PowerLaw, power_law_fields, standardise

PIXEL = 0.001
"""Side of a pixel, degrees: that of LiCSAR products."""

METRES_PER_DEGREE = 111_320.0

LAND_COVER = PowerLaw(exponents=(3.3, 2.4), breaks=(1000.0,), outer_scale=10e3)
"""Patches of lava, desert and vegetation: broad, with ragged borders."""


@dataclass(frozen=True)
class Place:
    """Where the volcano is, how it is seen, and what its ground is like.

    Attributes:
        latitude: of the middle, degrees.
        longitude: of the middle, degrees.
        ascending: pass.
        incidence: degrees from the vertical.
        relief: of the fractal terrain, m.
        edifice: height of the cone, m.
        edifice_radius: m.
        summit: (East, North) of the cone from the middle, m.
        mixing_height: thickness of the turbulent layer, m: delay is smoother at shorter wavelengths.
        stratification: typical gradient of the stratified delay of one acquisition, rad/km.
        coherent_share: share of the land that stays coherent, 0 to 1.
        coherence: of the (incoherent, coherent) ground.
        sharpness: how abruptly one turns into the other.
        water_share: share of the area, the lowest, that is water; often 0.
        water_masked: water is no data rather than noise.
        edge: distance in pixels from the middle at which the frame ends on one side, or None.
        looks: equivalent number of independent looks.
        filter_exponent: of the phase filter.
    """

    latitude: float
    longitude: float
    ascending: bool
    incidence: float
    relief: float
    edifice: float
    edifice_radius: float
    summit: tuple[float, float]
    mixing_height: float
    stratification: float
    coherent_share: float
    coherence: tuple[float, float]
    sharpness: float
    water_share: float
    water_masked: bool
    edge: float | None
    looks: float
    filter_exponent: float

    @property
    def spacing(self) -> tuple[float, float]:
        """(north-south, east-west) side of a pixel on the ground, m."""
        side = PIXEL * METRES_PER_DEGREE
        return side, side * math.cos(math.radians(self.latitude))

    @property
    def atmosphere(self) -> PowerLaw:
        """Spectrum of the turbulence: Hanssen's regimes, the break where the layer's thickness puts it."""
        return replace(HANSSEN, breaks=(self.mixing_height, *HANSSEN.breaks[1:]))

    @property
    def heading(self) -> float:
        """Flight direction, degrees clockwise from north."""
        return -11.0 if self.ascending else 191.0

    @property
    def los(self) -> tuple[float, float, float]:
        """Unit vector from the ground to the satellite, (East, North, Up)."""
        east, north, up = line_of_sight(self.heading, self.incidence).tolist()
        return east, north, up


@dataclass(frozen=True)
class Ground:
    """The rendered ground of a place; all (H, W).

    Attributes:
        height: m.
        cover: mean 0, deviation 1; where it is high the ground stays coherent.
        water: True on water.
        valid: True where the products have data.
    """

    height: Tensor
    cover: Tensor
    water: Tensor
    valid: Tensor


def draw_place(rng: np.random.Generator, level: float, size: int) -> Place:
    """Draw a place at random.

    Args:
        rng: source of randomness.
        level: 0 (vegetated, hardly coherent) to 1 (arid, coherent nearly everywhere).
        size: side of the scenes, pixels.
    """
    reach = 0.15 * size * PIXEL * METRES_PER_DEGREE
    water = rng.random() < 0.25
    return Place(
        latitude=rng.uniform(-45, 45),
        longitude=rng.uniform(-180, 179),
        ascending=bool(rng.random() < 0.5),
        incidence=rng.uniform(31, 45),
        relief=math.exp(rng.uniform(math.log(150), math.log(1500))),
        edifice=rng.uniform(0, 2000),
        edifice_radius=rng.uniform(1.5e3, 5e3),
        summit=(rng.uniform(-reach, reach), rng.uniform(-reach, reach)),
        mixing_height=math.exp(rng.uniform(math.log(1.2e3), math.log(6e3))),
        stratification=math.exp(rng.uniform(math.log(0.3), math.log(2.5))),
        coherent_share=0.05 + 0.94 * level,
        coherence=(rng.uniform(0.0, 0.15), min(0.4 + 0.5 * level + rng.uniform(-0.08, 0.08), 0.98)),
        sharpness=math.exp(rng.uniform(math.log(1), math.log(8))),
        water_share=rng.uniform(0.05, 0.45) if water else 0.0,
        water_masked=bool(rng.random() < 0.3),
        edge=size * rng.uniform(0.33, 0.6) if rng.random() < 0.12 else None,
        looks=math.exp(rng.uniform(math.log(3), math.log(20))),
        filter_exponent=rng.uniform(1.0, 4.0),
    )


def render_ground(place: Place, shape: tuple[int, int], generator: torch.Generator) -> Ground:
    """Terrain, land cover, water and frame edge of a place.

    Shape:
        -> fields of (H, W) = ``shape``
    """
    height = pseudo_dem(
        shape,
        place.spacing,
        relief=place.relief,
        edifice=place.edifice,
        edifice_radius=place.edifice_radius,
        centre=place.summit,
        generator=generator,
    )
    cover = power_law_fields(1, shape, place.spacing, LAND_COVER, generator=generator)[0]
    # Vegetation follows height to a degree, in the one direction here and in the other there.
    lean = torch.rand(1, generator=generator, device=generator.device) * 1.2 - 0.6
    cover = standardise(cover + lean * standardise(height))
    water = torch.zeros(shape, dtype=torch.bool, device=height.device)
    if place.water_share > 0:
        water = height < torch.quantile(height.flatten(), place.water_share)
    valid = ~(water & place.water_masked)
    if place.edge is not None:
        # Frames end along the flight direction, which is tilted against the map.
        east, north = ground(shape, (1.0, 1.0), device=height.device)
        tilt = math.radians(place.heading)
        valid &= east * math.cos(tilt) - north * math.sin(tilt) < place.edge
    return Ground(height, cover, water, valid)


def coherence_field(place: Place, ground: Ground, dryness: Tensor, quality: Tensor) -> Tensor:
    """Coherence of interferograms of one place.

    Args:
        place: its shares and levels.
        ground: its land cover and water.
        dryness: shift of the border between coherent and incoherent ground, (N,).
        quality: factor on the coherence, (N,).

    Shape:
        -> (N, H, W), in [0, 1]; 0 on water
    """
    low, high = place.coherence
    border = NormalDist().inv_cdf(min(max(place.coherent_share, 1e-3), 1 - 1e-3))
    above = ground.cover + border + dryness.to(ground.cover).reshape(-1, 1, 1)
    share = torch.sigmoid(place.sharpness * above)
    coherence = (low + (high - low) * share) * quality.to(ground.cover).reshape(-1, 1, 1)
    return coherence * ~ground.water
