"""What is decided of a stack of interferograms before a pixel is computed: every number and no field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ssl_insar.errors import UserError
from ssl_insar.geometry import line_of_sight
from ssl_insar.synth.distributions import draw
from ssl_insar.synth.network import nearest_neighbours
from ssl_insar.synth.preset import Deformation, Preset, SourceLaw
from ssl_insar.synth.sources import earthquake_size

_FIRST = date(2015, 1, 1)
_POSITIVE = frozenset(
    [
        *("depth", "length", "width", "radius", "sigma_along", "sigma_across"),
        *("semi_major", "semi_minor", "semi_axis_x", "semi_axis_y", "semi_axis_z"),
    ]
)
"""Parameters of sources that are sizes."""

_YEARS = 8
"""Stacks begin within so many years of the first day."""


@dataclass(frozen=True)
class Act:
    """One source at work.

    Attributes:
        kind: the preset's name for it, which becomes the label.
        function: name in `ssl_insar.synth.sources`.
        parameters: its arguments, SI units and degrees.
        peak: largest line-of-sight displacement at the end, m, with its sign; None: as the strength says.
        onset: day of the stack on which it begins.
        course: how it acts in time.
        scale: time constant or period of that, days.
        negative: whether it moves without being what is to be found.
    """

    kind: str
    function: str
    parameters: dict[str, float]
    peak: float | None
    onset: float
    course: str
    scale: float
    negative: bool = False


@dataclass(frozen=True)
class Weather:
    """Noise of one acquisition; rms and gradients are those of an acquisition, not of an interferogram."""

    turbulence: float
    exponential: float
    length: float
    gradient: float
    curvature: float
    variation: float
    tec: float


@dataclass(frozen=True)
class Orbit:
    """Noise of one interferogram: plane in fringes across the scene, its direction, and so on."""

    fringes: float
    direction: float
    twist: float
    offset: float
    sinusoid: float
    wavelength: float
    octaves: float
    polynomial: float


@dataclass(frozen=True)
class Land:
    """The ground of a stack and how it is imaged."""

    relief: float
    edifice: float
    edifice_radius: float
    centre: tuple[float, float]
    water: float
    looks: float
    coherence: float
    floor: float
    tau: float
    cover: float
    vegetation: float
    slope: float
    texture: float
    bias: float
    white: float
    decorrelates: bool
    filter_exponent: float
    resampling: float
    water_masked: bool
    layover_shadow: bool
    incoherent_area: float
    incoherent_masked: bool
    frame_edge: bool
    missing_burst: bool
    burst_seam: bool
    corrupted: float
    stratification_exponent: float
    stratification_scale: float
    sinusoids: int
    streaks: bool
    unwrapping_blobs: int
    unwrapping_area: float


@dataclass(frozen=True)
class Plan:
    """One stack.

    Attributes:
        index: which of the collection.
        dates: of the acquisitions.
        pairs: (reference, secondary) acquisitions of each interferogram.
        ascending: pass.
        heading: degrees clockwise from north.
        incidence: degrees from the vertical.
        acts: the sources.
        rewrap: factor on the unwrapped phase.
        weather: one an acquisition.
        orbits: one an interferogram.
        land: the ground.
    """

    index: int
    dates: tuple[date, ...]
    pairs: tuple[tuple[int, int], ...]
    ascending: bool
    heading: float
    incidence: float
    acts: tuple[Act, ...]
    rewrap: float
    weather: tuple[Weather, ...]
    orbits: tuple[Orbit, ...]
    land: Land

    @property
    def days(self) -> list[float]:
        """Days of the acquisitions since the first."""
        return [float((day - self.dates[0]).days) for day in self.dates]

    @property
    def los(self) -> tuple[float, float, float]:
        """Unit vector from the ground to the satellite, (East, North, Up)."""
        east, north, up = line_of_sight(self.heading, self.incidence).tolist()
        return east, north, up


def plan_stack(preset: Preset, index: int, seed: int, size: int) -> Plan:
    """Draw one stack; depends on nothing but the arguments.

    Args:
        preset: the laws.
        index: which stack of the collection.
        seed: of the collection.
        size: side of the scenes, px.
    """
    rng = np.random.default_rng([seed, 1, index])
    geometry, stack = preset.geometry, preset.stack
    dates = [_FIRST + timedelta(days=int(rng.integers(0, 365 * _YEARS)))]
    for _ in range(stack.acquisitions - 1):
        dates.append(dates[-1] + timedelta(days=max(1, round(draw(stack.interval, rng)))))
    pairs = nearest_neighbours(stack.acquisitions, stack.neighbours)
    ascending = bool(rng.random() < geometry.ascending)
    heading = draw(geometry.heading_ascending if ascending else geometry.heading_descending, rng)
    incidence = _between("geometry.incidence", draw(geometry.incidence, rng), 0, 90)
    extent = size * geometry.spacing
    acts = _acts(preset.deformation, extent, float((dates[-1] - dates[0]).days), rng)
    present = {name: rng.random() < part.probability for name, part in preset.noise if part is not None}
    return Plan(
        index,
        tuple(dates),
        tuple(pairs),
        ascending,
        heading,
        incidence,
        acts,
        draw(preset.deformation.rewrap, rng),
        tuple(_weather(preset, present, rng) for _ in dates),
        tuple(_orbit(preset, present, rng) for _ in pairs),
        _land(preset, present, extent, rng),
    )


def _acts(law: Deformation, extent: float, days: float, rng: np.random.Generator) -> tuple[Act, ...]:
    if rng.random() >= law.share:
        return ()
    kinds = list(law.sources)
    weights = np.array([law.sources[kind].weight for kind in kinds])
    acts = []
    for _ in range(max(1, round(draw(law.count, rng)))):
        kind = kinds[rng.choice(len(kinds), p=weights / weights.sum())]
        source = law.sources[kind]
        parameters = _parameters(kind, source, rng)
        for axis in ("east", "north"):
            parameters.setdefault(axis, rng.uniform(-law.reach, law.reach) * extent)
        peak = None if law.peak is None else draw(law.peak, rng)
        time = source.time or law.time
        onset = rng.uniform(0, 1 if time.kind == "step" else 0.5)
        if time.onset is not None:
            onset = draw(time.onset, rng)
        if time.kind == "step":
            # On the first day it would be over before anything is seen.
            onset = max(onset, 1e-9)
        acts.append(
            Act(
                kind,
                source.function or kind,
                parameters,
                peak,
                onset * days,
                time.kind,
                _between("time.scale", draw(time.scale, rng), 0, math.inf),
                source.negative,
            )
        )
    return tuple(acts)


def _parameters(kind: str, source: SourceLaw, rng: np.random.Generator) -> dict[str, float]:
    values = {name: draw(quantity, rng) for name, quantity in source.parameters.items()}
    if source.magnitude is not None:
        length, width, slip = (float(value) for value in earthquake_size(draw(source.magnitude, rng)))
        values |= {"length": length, "width": width, "slip": slip}
    if source.top is not None:
        reach = values["width"] / 2 * math.sin(math.radians(values["dip"]))
        values["depth"] = _between(f"{kind}.top", draw(source.top, rng), -1e-9, math.inf) + reach
    for name in _POSITIVE & set(values):
        _between(f"{kind}.{name}", values[name], 0, math.inf)
    return values


def _between(name: str, value: float, low: float, high: float) -> float:
    """The value, if it lies between the two.

    Raises:
        UserError: a law of the preset gives impossible numbers.
    """
    if not low < value < high:
        bound = f"above {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
        raise UserError(f"{name}: the preset's law gives {value:g}, which has to be {bound}")
    return value


def _weather(preset: Preset, present: dict[str, bool], rng: np.random.Generator) -> Weather:
    noise = preset.noise
    half = 1 / math.sqrt(2)  # an interferogram is the difference of two
    turbulence = noise.turbulence if present.get("turbulence") else None
    exponential = noise.exponential if present.get("exponential") else None
    stratified = noise.stratified if present.get("stratified") else None
    ionosphere = noise.ionosphere if present.get("ionosphere") else None
    return Weather(
        half * draw(turbulence.rms, rng) if turbulence else 0.0,
        half * draw(exponential.rms, rng) if exponential else 0.0,
        _between("exponential.length", draw(exponential.length, rng), 0, math.inf) if exponential else 1.0,
        half * draw(stratified.gradient, rng) if stratified else 0.0,
        half * draw(stratified.curvature, rng) if stratified else 0.0,
        half * draw(stratified.variation, rng) if stratified else 0.0,
        half * draw(ionosphere.tec, rng) if ionosphere else 0.0,
    )


def _orbit(preset: Preset, present: dict[str, bool], rng: np.random.Generator) -> Orbit:
    ramp = preset.noise.ramp if present.get("ramp") else None
    waves = preset.noise.sinusoids if present.get("sinusoids") else None
    return Orbit(
        draw(ramp.fringes, rng) if ramp else 0.0,
        rng.uniform(0, 2 * math.pi),
        draw(ramp.twist, rng) if ramp else 0.0,
        rng.uniform(-math.pi, math.pi),
        draw(waves.amplitude, rng) if waves else 0.0,
        _between("sinusoids.wavelength", draw(waves.wavelength, rng), 0, math.inf) if waves else 1.0,
        draw(waves.octaves, rng) if waves else 0.0,
        draw(waves.polynomial, rng) if waves else 0.0,
    )


def _land(preset: Preset, present: dict[str, bool], extent: float, rng: np.random.Generator) -> Land:
    terrain, masks, noise = preset.terrain, preset.masks, preset.noise
    ground = noise.decorrelation
    stratified, waves, ionosphere = noise.stratified, noise.sinusoids, noise.ionosphere
    unwrapping = rng.random() < preset.unwrapping.probability
    return Land(
        relief=draw(terrain.relief, rng),
        edifice=draw(terrain.edifice, rng),
        edifice_radius=draw(terrain.edifice_radius, rng),
        centre=(rng.uniform(-0.15, 0.15) * extent, rng.uniform(-0.15, 0.15) * extent),
        water=min(_share(draw(terrain.water, rng)), 0.95),
        looks=max(1.0, draw(ground.looks, rng)) if ground else 1.0,
        coherence=_share(draw(ground.coherence, rng)) if ground else 1.0,
        floor=_share(draw(ground.floor, rng)) if ground else 1.0,
        tau=max(draw(ground.tau, rng), 1e-3) if ground else 1.0,
        cover=_share(draw(ground.cover, rng)) if ground else 0.0,
        vegetation=draw(ground.vegetation, rng) if ground else 0.0,
        slope=draw(ground.slope, rng) if ground else 0.0,
        texture=draw(ground.texture, rng) if ground else 0.0,
        bias=draw(ground.bias, rng) if ground else 0.0,
        white=abs(draw(ground.white, rng)) if ground and present["decorrelation"] else 0.0,
        decorrelates=present.get("decorrelation", False),
        filter_exponent=_filter(preset, rng),
        resampling=_share(draw(preset.resampling, rng)),
        water_masked=bool(rng.random() < masks.water_masked),
        layover_shadow=bool(rng.random() < masks.layover_shadow),
        incoherent_area=draw(masks.incoherent_area, rng) if rng.random() < masks.incoherent else 0.0,
        incoherent_masked=bool(rng.random() < masks.incoherent_masked),
        frame_edge=bool(rng.random() < masks.frame_edge),
        missing_burst=bool(rng.random() < masks.missing_burst),
        burst_seam=bool(rng.random() < masks.burst_seam),
        corrupted=draw(masks.corrupted, rng),
        stratification_exponent=draw(stratified.exponent, rng) if stratified else 1.0,
        stratification_scale=_between("stratified.scale", draw(stratified.scale, rng), 0, math.inf)
        if stratified
        else 1.0,
        sinusoids=round(draw(waves.count, rng)) if waves and present.get("sinusoids") else 0,
        streaks=bool(ionosphere and rng.random() < ionosphere.streaks),
        unwrapping_blobs=round(draw(preset.unwrapping.blobs, rng)) if unwrapping else 0,
        unwrapping_area=_share(draw(preset.unwrapping.area, rng)),
    )


def _filter(preset: Preset, rng: np.random.Generator) -> float:
    """Exponent of the filter; infinite where there is none, which then takes no pixel."""
    if preset.filter is None or rng.random() >= preset.filter.probability:
        return math.inf
    return draw(preset.filter.exponent, rng)


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
