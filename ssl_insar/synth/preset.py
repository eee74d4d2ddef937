"""Presets: how a published system made its training data, as data (one YAML each in ``presets/``)."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from inspect import signature
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ssl_insar.errors import UserError
from ssl_insar.synth.distributions import Quantity
from ssl_insar.synth.sources import SOURCES
from ssl_insar.synth.turbulence import PowerLaw

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Noise(_Part):
    """One component of the noise, present in a share of the scenes."""

    probability: Share = 1.0


class Geometry(_Part):
    """How the satellite sees the scene."""

    band: Literal["C", "L", "X"] = "C"
    spacing: Annotated[float, Field(gt=0, description="of the pixels, m")] = 100.0
    ascending: Share = 0.5
    heading_ascending: Quantity = Field(-11.5, description="degrees clockwise from north")
    heading_descending: Quantity = 191.5
    incidence: Quantity = Field(39.0, description="degrees from the vertical")


class Stack(_Part):
    """Acquisitions and the interferograms made of them; two acquisitions make one interferogram."""

    acquisitions: Annotated[int, Field(ge=2)] = 2
    neighbours: Annotated[int, Field(ge=1, description="each is joined to so many following ones")] = 1
    interval: Quantity = Field(12.0, description="days between acquisitions")


class Terrain(_Part):
    """Fractal ground with a cone on it; see `ssl_insar.synth.land.heights`."""

    relief: Quantity = Field(500.0, description="m")
    edifice: Quantity = Field(0.0, description="height of the cone, m")
    edifice_radius: Quantity = Field(5000.0, description="m")
    water: Quantity = Field(0.0, description="share of the area, the lowest, that is water")


class TimeLaw(_Part):
    """How a source acts in time."""

    onset: Quantity | None = Field(
        None,
        description="when it begins, as a share of the stack's time; null: anywhere for a step, else in its "
        "first half",
    )
    kind: Literal["step", "linear", "log", "exponential", "sinusoidal"] = "step"
    scale: Quantity = Field(30.0, description="time constant or period, days")


class SourceLaw(_Part):
    """One kind of source and the ranges of its parameters, by the names of its function, SI and degrees."""

    function: str | None = Field(None, description="of `ssl_insar.synth.sources`; null: the key")
    weight: Annotated[float, Field(gt=0)] = 1.0
    parameters: dict[str, Quantity] = {}
    magnitude: Quantity | None = Field(
        None, description="earthquakes: sets length, width and slip (Wells and Coppersmith 1994)"
    )
    top: Quantity | None = Field(None, description="depth of the upper edge, m, in place of depth")
    time: TimeLaw | None = Field(None, description="how it acts in time; null: as `deformation.time` says")
    negative: bool = Field(False, description="moves, but is not what is to be found: its label stays 0")


class Deformation(_Part):
    """What moves, how often and how much."""

    share: Share = Field(0.5, description="of the stacks in which something happens")
    sources: dict[str, SourceLaw] = {}
    count: Quantity = Field(1, description="sources that act together")
    reach: Annotated[float, Field(ge=0, le=0.5, description="from the middle, of the scene's side")] = 0.25
    peak: Quantity | None = Field(
        None, description="m, largest line-of-sight displacement; null: strengths as drawn"
    )
    time: TimeLaw = TimeLaw()
    rewrap: Quantity = Field(1.0, description="factor on the unwrapped phase before wrapping")


class Turbulence(_Noise):
    """Power-law screens, one an acquisition."""

    rms: Quantity = Field(1.0, description="of an interferogram, rad")
    exponents: tuple[float, ...] = Field((8 / 3, 11 / 3, 5 / 3), description="2-D, long wavelengths first")
    breaks: tuple[float, ...] = Field((1500.0, 250.0), description="wavelengths between them, m")
    outer_scale: float = Field(50e3, description="m")

    @model_validator(mode="after")
    def _sound(self) -> Turbulence:
        PowerLaw(self.exponents, self.breaks, self.outer_scale)  # says what is wrong
        return self


class Exponential(_Noise):
    """Screens of exponential covariance, one an acquisition."""

    rms: Quantity = Field(1.0, description="of an interferogram, rad")
    length: Quantity = Field(5000.0, description="m")


class Stratified(_Noise):
    """Delay that follows the height, one an acquisition."""

    kind: Literal["linear", "quadratic", "power", "exponential"] = "linear"
    gradient: Quantity = Field(
        0.0, description="rad/km at the ground; its spread between dates counts, its mean cancels"
    )
    curvature: Quantity = Field(0.0, description="quadratic: rad/km^2")
    exponent: Quantity = Field(1.4, description="power: alpha")
    scale: Quantity = Field(2000.0, description="exponential: scale height; power: reference height, m")
    variation: Quantity = Field(0.0, description="of the gradient over the scene, rad/km")

    @model_validator(mode="after")
    def _differs(self) -> Stratified:
        for name in ("gradient", "curvature", "variation"):
            value = getattr(self, name)
            if isinstance(value, float) and value != 0:
                raise ValueError(
                    f"{name}: what is the same at both dates cancels; give a law, such as "
                    f"{{normal: [0, {value}]}}"
                )
        return self


class Ramp(_Noise):
    """Plane left by the orbits."""

    fringes: Quantity = Field(0.5, description="across the scene")
    twist: Quantity = Field(0.0, description="of the product term, fringes")


class Ionosphere(_Noise):
    """Ramp and long-wavelength screen of electrons along the line of sight."""

    tec: Quantity = Field(0.1, description="difference across the scene, TECU")
    streaks: Share = 0.0


class Sinusoids(_Noise):
    """Second-order polynomial and sinusoids of many wavelengths (zhu2024)."""

    amplitude: Quantity = Field(1.0, description="of a sinusoid, rad")
    wavelength: Quantity = Field(30e3, description="m")
    octaves: Quantity = Field(1.0, description="to either side of it that the waves of a scene spread")
    count: Quantity = 3
    polynomial: Quantity = Field(1.0, description="rad at the edge")


class Decorrelation(_Noise):
    """Phase noise of L looks under a field of coherence; see `ssl_insar.synth.coherence`."""

    looks: Quantity = 10.0
    coherence: Quantity = Field(0.95, description="of the best ground, at no time between acquisitions")
    floor: Quantity = Field(0.2, description="share of it that is left after long times")
    tau: Quantity = Field(100.0, description="time constant, days")
    cover: Quantity = Field(0.0, description="share of the ground under vegetation")
    vegetation: Quantity = Field(2.5, description="logit that full cover costs")
    slope: Quantity = Field(3.0, description="logit that a unit of slope costs")
    texture: Quantity = Field(0.7, description="logit of a standard deviation of the smooth texture")
    bias: Quantity = Field(3.0, description="logit of flat bare ground")
    white: Quantity = Field(0.0, description="further white phase noise, rad")


class Filter(_Noise):
    """Adaptive phase filter, in a share of the stacks; see `ssl_insar.synth.filtering`."""

    exponent: Quantity = 2.0
    radius: Annotated[float, Field(gt=0)] = 1.5


class Masks(_Part):
    """Where there is no data, or none worth having; the shares of scenes that have each."""

    water_masked: Share = Field(0.5, description="water is no data rather than noise")
    layover_shadow: Share = 0.0
    incoherent: Share = Field(0.0, description="blobs without coherence")
    incoherent_masked: Share = Field(0.0, description="of those, blobs that are no data")
    incoherent_area: Quantity = Field(0.2, description="share of the scene")
    frame_edge: Share = 0.0
    missing_burst: Share = 0.0
    burst_seam: Share = 0.0
    corrupted: Quantity = Field(0.0, description="share of single pixels replaced by noise")


class Unwrapping(_Noise):
    """Errors of whole cycles; only where the product is unwrapped."""

    probability: Share = 0.0
    blobs: Quantity = 2
    area: Quantity = Field(0.05, description="share of the scene, each")


class Noise(_Part):
    """All that is not deformation; a component left out is absent."""

    turbulence: Turbulence | None = None
    exponential: Exponential | None = None
    stratified: Stratified | None = None
    ramp: Ramp | None = None
    ionosphere: Ionosphere | None = None
    sinusoids: Sinusoids | None = None
    decorrelation: Decorrelation | None = None


class Keep(_Part):
    """Which deforming scenes are kept; the others are left out, so that fewer deform than the share says."""

    variance_ratio: float = Field(0.0, description="least variance of deformation over that of the rest")
    snr: float = Field(0.0, description="least SNR, see `ssl_insar.synth.detectability`")


class Preset(_Part):
    """A whole recipe of synthesis.

    Attributes:
        name: of the preset, as its file.
        source: the publication.
        known: which numbers are the publication's, and which ours.
        background: whether real quiet interferograms stand in for noise.
        wrapped: whether products are wrapped.
    """

    name: str
    source: Annotated[str, Field(min_length=10)]
    known: Annotated[str, Field(min_length=10)]
    background: Literal["simulated", "real"] = "simulated"
    wrapped: bool = True
    geometry: Geometry = Geometry()
    stack: Stack = Stack()
    terrain: Terrain = Terrain()
    deformation: Deformation = Deformation()
    noise: Noise = Noise()
    filter: Filter | None = None
    resampling: Quantity = Field(0.0, description="px, by which a product was moved east-west, linearly")
    masks: Masks = Masks()
    unwrapping: Unwrapping = Unwrapping()
    keep: Keep = Keep()

    @model_validator(mode="after")
    def _sound(self) -> Preset:
        if self.deformation.share > 0 and not self.deformation.sources:
            raise ValueError("deformation.sources: empty; name sources, or set deformation.share to 0")
        for label, law in self.deformation.sources.items():
            _check_source(label, law, scaled=self.deformation.peak is not None)
        if self.wrapped and self.unwrapping.probability > 0:
            raise ValueError("unwrapping: wrapped products have no unwrapping errors; set wrapped: false")
        return self

    @property
    def hash(self) -> str:
        """Of all settings."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _check_source(label: str, law: SourceLaw, *, scaled: bool) -> None:
    name = law.function or label
    source = SOURCES.get(name)
    if source is None:
        raise ValueError(f"deformation.sources.{label}: no source '{name}'; there are {', '.join(SOURCES)}")
    known = {key: value for key, value in signature(source.function).parameters.items() if key not in "xy"}
    given = {*law.parameters, "east", "north"}
    if law.magnitude is not None:
        given |= {"length", "width", "slip"}
    if law.top is not None:
        if not {"width", "dip"} <= given:
            raise ValueError(f"deformation.sources.{label}: top needs width and dip, too")
        given |= {"depth"}
    if scaled:
        given |= {source.strength}
    if source.needs_terrain:
        given |= {"slope_east", "slope_north"}
    wrong = sorted(given - set(known))
    missing = sorted(key for key, value in known.items() if value.default is value.empty and key not in given)
    if wrong or missing:
        raise ValueError(
            f"deformation.sources.{label}: {name} "
            + "; ".join(
                [f"has no {', '.join(wrong)}"] * bool(wrong) + [f"lacks {', '.join(missing)}"] * bool(missing)
            )
        )


def names() -> list[str]:
    """All presets that come with the package."""
    folder = resources.files("ssl_insar.synth") / "presets"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_preset(name: str | Path) -> Preset:
    """Load a preset by its name, or a YAML file of one's own.

    Raises:
        UserError: no such preset or file, or its contents are wrong.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise UserError(f"{path}: no such file; presets that come along: {', '.join(names())}")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: not readable as text ({error})") from error
    elif str(name) in names():
        text = (resources.files("ssl_insar.synth") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        raise UserError(f"no preset '{name}'; there are {', '.join(names())}, or give a YAML file")
    try:
        return Preset.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise UserError(f"{name}: not YAML ({' '.join(str(error).split())})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "preset"
        raise UserError(f"{name}: {where}: {first['msg']}") from error
