"""Recipes: YAML files checked by frozen models; an unknown key is an error, never ignored."""

from __future__ import annotations

import contextlib
import copy
import difflib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from ssl_insar.augment.config import Section, Span, ViewsConfig
from ssl_insar.errors import UserError
from ssl_insar.pretrain.objectives import CONFIGS, ObjectiveConfig, SimCLRConfig

_NO_BEARING: Any = {
    **{"name": True, "monitor": True, "checkpoint": True, "log": True},
    **{"data": {"workers"}, "model": {"compile"}},
}
"""Keys that do not change what a run computes."""


class DataConfig(Section):
    """Which tiles, and how many at a time."""

    batch_size: int = Field(128, ge=2, description="tiles a step, over all processes")
    min_valid: float = Field(0.3, ge=0, le=1, description="least share of valid pixels")
    min_coherence: float = Field(0.0, ge=0, le=1, description="least mean local coherence")
    workers: int = Field(0, ge=0, description="loading processes; 0 is best for a local archive")
    apart: bool = Field(
        True, description="tiles of one acquisition, and copies, do not meet in a batch as far as possible"
    )
    audit: Path | None = Field(None, description="findings.csv of an audit, whose copies are kept apart")


class ModelConfig(Section):
    """Backbone and what it sees."""

    backbone: str = Field("resnet18", description="name of a timm model")
    size: int = Field(96, ge=32, description="side of the input, px")
    pool: Literal["mean", "mean+max"] = Field(
        "mean", description="how feature maps become one vector; a maximum keeps what is small in a tile"
    )
    weights: Path | None = Field(None, description="file of ImageNet weights to begin with; None: random")
    channels: tuple[str, ...] = Field(
        ("re", "im"), description="[re, im], [cos, sin] or [cos, sin, coherence]"
    )
    compile: bool = Field(
        False, description="train it through torch.compile; does not pay on a CPU: docs/scale.md"
    )


class HeadConfig(Section):
    """Projection head; thrown away after training."""

    hidden: int = Field(512, ge=1)
    dimension: int = Field(128, ge=1)
    layers: int = Field(2, ge=2)


class PositivesConfig(Section):
    """Which two pictures are to be alike: `ssl_insar.pretrain.pairs`."""

    injected: float = Field(
        0.0, ge=0, le=1, description="share of the fit tiles that also get a simulated source"
    )
    source_pairs: float = Field(
        0.0, ge=0, le=1, description="share of these whose sides show two tiles, the source alone in common"
    )
    twins: bool = Field(
        True, description="a tile with a source is in the batch without it too: its own hard negative"
    )
    events: float = Field(
        0.0, ge=0, le=1, description="share of the tiles paired with another interferogram of the same time"
    )
    quiet: Literal["presumed", "labelled", "any"] = Field(
        "any", description="tiles that may get a source: flat ones, those labelled 0, or any coherent one"
    )
    least_coherent: float = Field(
        0.2, ge=0, le=1, description="share of coherent pixels that a tile needs to get a source"
    )
    preset: str = Field("volcanoes", description="of the simulator, whose sources are injected")
    sources: int = Field(1024, ge=1, description="patterns drawn, once a run")
    snr: Span = Field((3.0, 30.0), description="GLS ratio in 1 rad of atmosphere, drawn log-uniformly")


class HeadsConfig(Section):
    """Weights of the pretext heads, `ssl_insar.pretrain.heads`; 0: no such head."""

    presence: float = Field(0.0, ge=0, description="was a source injected?")
    where: float = Field(0.0, ge=0, description="in which cells of a coarse map?")
    strength: float = Field(0.0, ge=0, description="GLS ratio and peak, logarithms")
    kind: float = Field(0.0, ge=0, description="which of the simulator's sources")
    contrast: float = Field(1.0, ge=0, description="weight of the objective itself; 0: heads alone")


class OptimConfig(Section):
    """Optimiser and schedule."""

    name: Literal["adamw", "lars"] = "adamw"
    lr: float = Field(1e-3, gt=0, description="peak, for the batch size given")
    weight_decay: float = Field(1e-4, ge=0, description="not applied to biases and normalisation")
    epochs: int = Field(20, ge=1)
    warmup_epochs: float = Field(1.0, ge=0)
    clip: float = Field(1.0, ge=0, description="largest gradient norm; 0: no clipping")
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="the encoder kept is a moving average with this memory a step; 0: the last",
    )


class MonitorConfig(Section):
    """What is watched while training."""

    every_epochs: int = Field(5, ge=1, description="epochs from one look to the next")
    tiles: int = Field(4096, ge=2, description="most tiles that the monitors look at")
    label: str | None = Field(
        None, description="0/1 label column for the scores, never trained on; None: the one there is"
    )
    neighbours: int = Field(20, ge=1, description="of the kNN score")
    pairs: int = Field(
        256, ge=0, description="tiles whose two views tell alignment and uniformity; 0: not measured"
    )
    probe_every: int = Field(2, ge=0, description="looks from one linear probe to the next; 0: none")
    pictures_every: int = Field(4, ge=0, description="looks from one set of pictures to the next; 0: none")


class CheckpointConfig(Section):
    """How much work a kill can cost."""

    every_minutes: float = Field(2.0, gt=0)


class LogConfig(Section):
    """Where the numbers go besides the CSV files."""

    wandb: Literal["off", "offline", "online"] = "off"
    project: str = "ssl_insar"


class Recipe(Section):
    """Everything that decides what a run computes.

    `load` reads one from YAML, by path or by name.
    """

    name: str = "unnamed"
    seed: int = Field(0, ge=0)
    precision: Literal["auto", "32", "bf16"] = Field("auto", description="auto: bf16 where it is fast")
    data: DataConfig = DataConfig()
    views: ViewsConfig = ViewsConfig()
    model: ModelConfig = ModelConfig()
    head: HeadConfig = HeadConfig()
    objective: ObjectiveConfig = SimCLRConfig()
    positives: PositivesConfig = PositivesConfig()
    heads: HeadsConfig = HeadsConfig()
    optim: OptimConfig = OptimConfig()
    monitor: MonitorConfig = MonitorConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    log: LogConfig = LogConfig()

    @field_validator("precision", mode="before")
    @classmethod
    def _precision_as_text(cls, value: Any) -> Any:
        return str(value) if value == 32 else value  # YAML reads a bare 32 as a number

    @property
    def hash(self) -> str:
        """Hash of all that bears on the result; where it is logged and how it is loaded does not."""
        return _hash(self.model_dump(mode="json", exclude=_NO_BEARING))

    @property
    def hash_without_length(self) -> str:
        """`hash` without the number of epochs, which a resumed run may change."""
        without = {**_NO_BEARING, "optim": {"epochs"}}
        return _hash(self.model_dump(mode="json", exclude=without))

    def to_yaml(self) -> str:
        """The whole recipe, defaults written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def load(source: str | Path | dict[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply overrides.

    Args:
        source: a YAML file, the name of a recipe that comes with the package, or a mapping.
        overrides: ``section.key=value``, the value in YAML.

    Raises:
        UserError: no such recipe, not YAML, an unknown key (with the nearest valid one), a bad value.
    """
    if isinstance(source, dict):
        name, values = "recipe", copy.deepcopy(source)  # overrides must not reach the caller's
    else:
        path = find(source)
        name = path.name
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UserError(f"{path}: not readable as YAML ({_one_line(error)})") from error
        if not isinstance(values, dict):
            raise UserError(f"{path}: a recipe is a mapping of sections, this is a {type(values).__name__}")
        values.setdefault("name", path.stem)
    for override in overrides:
        _apply(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{name}: {_explain(error)}") from error


def find(source: str | Path) -> Path:
    """Path of a recipe given by path or by name.

    Raises:
        UserError: neither a file nor a known name.
    """
    path = Path(source)
    if path.is_file():
        return path
    known = {file.stem: file for folder in _homes() for file in sorted(folder.glob("*.yaml"))}
    if str(source) in known:
        return known[str(source)]
    raise UserError(f"{source}: no such recipe file, nor one of the names {', '.join(sorted(known))}")


def _homes() -> list[Path]:
    """Where recipes live: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    return [home for home in (package / "_recipes", package.parent / "recipes") if home.is_dir()]


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override}: write it as section.key=value, such as optim.epochs=50")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--set {override}: the value is not YAML ({_one_line(error)})") from error
    if isinstance(value, str):
        # YAML 1.1 reads 1e-3 as text; people mean the number.
        with contextlib.suppress(ValueError):
            value = float(value)
    *sections, last = key.strip().split(".")
    node = values
    for section in sections:
        inner = node.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {override}: '{section}' is not a section")
        node = inner
    node[last] = value


def _explain(error: ValidationError) -> str:
    """The first problem in one line, with the nearest valid key if a key is unknown."""
    first = error.errors()[0]
    # The name of an objective is no part of the key.
    place = [part for part in first["loc"] if part not in CONFIGS]
    where = ".".join(str(part) for part in place)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] != "extra_forbidden":
        return f"{where}: {first['msg']}, not {first.get('input')!r}{more}"
    *sections, key = first["loc"]
    valid = list(_section(sections).model_fields)
    near = difflib.get_close_matches(str(key), valid, n=1, cutoff=0.0)
    prefix = ".".join([*map(str, place[:-1]), ""]) if sections else ""
    return f"unknown key '{where}'; did you mean '{prefix}{near[0]}'? Valid here: {', '.join(valid)}{more}"


def _section(path: Sequence[Any]) -> type[BaseModel]:
    if path[:1] == ["objective"] and len(path) > 1:
        return CONFIGS[str(path[1])]  # one of several sections, told by its name
    model: type[BaseModel] = Recipe
    for part in path:
        inner = model.model_fields[str(part)].annotation
        assert isinstance(inner, type)
        model = inner
    return model


def _hash(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
