"""Presets: all there, honest about their numbers, fit for the sources, and clear about what is wrong."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ssl_insar.errors import UserError
from ssl_insar.synth.plan import plan_stack
from ssl_insar.synth.preset import Preset, load_preset, names
from ssl_insar.synth.sources import SOURCES

PUBLISHED = (
    "abdallah2024",
    "anantrasirichai2019a",
    "anantrasirichai2019b",
    "beker2023",
    "bountos2022",
    "brengman2021",
    "fadhillah2022",
    "gaddes2024",
    "li2024",
    "rouetleduc2021",
    "valade2019",
    "zhu2024",
)
OURS = ("demo", "volcanoes")
EARTHQUAKE = {"length", "width", "slip"}
"""Parameters that a magnitude sets."""

PLACED = {"x", "y", "east", "north", "slope_east", "slope_north"}
"""Arguments that the simulator itself provides."""


def written(folder: Path, **changed: Any) -> Path:
    """A preset file of one source and little else, with changes."""
    settings = {
        "name": "mine",
        "source": "Somebody (2020)",
        "known": "all numbers are ours",
        "deformation": {"sources": {"mogi": {"parameters": {"depth": 3000}}}, "peak": 0.05},
    }
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(settings | changed), encoding="utf-8")
    return path


def test_every_recipe_of_the_review_is_there_and_ours() -> None:
    assert set(names()) == {*PUBLISHED, *OURS}


@pytest.mark.parametrize("name", [*PUBLISHED, *OURS])
def test_preset_says_whence_it_is(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    year = re.search(r"\d{4}", name)
    assert f"({year.group()})" in preset.source if year else re.search(r"\b20\d\d\b", preset.source)
    # No recipe is published down to its last number.
    assert re.search(r"\bours\b", preset.known)
    assert name in OURS or "https://" in preset.source


def test_hash_tells_settings_apart() -> None:
    hashes = [load_preset(name).hash for name in names()]
    assert len(set(hashes)) == len(hashes)
    assert hashes == [load_preset(name).hash for name in names()]
    one = load_preset("volcanoes")
    other = one.model_copy(update={"wrapped": not one.wrapped})
    assert other.hash != one.hash


def test_the_recipes_differ_where_their_papers_do() -> None:
    presets = {name: load_preset(name) for name in names()}
    assert [name for name, preset in presets.items() if preset.background == "real"] == ["li2024"]
    assert presets["li2024"].noise.model_dump(exclude_none=True) == {}
    assert presets["anantrasirichai2019b"].deformation.rewrap != 1.0
    assert presets["gaddes2024"].keep.variance_ratio == 2
    assert presets["rouetleduc2021"].stack.acquisitions == 9
    assert presets["zhu2024"].noise.sinusoids is not None
    assert [name for name, preset in presets.items() if preset.noise.ramp] == [
        "abdallah2024",
        "demo",
        "fadhillah2022",
        "volcanoes",
    ]


@pytest.mark.parametrize("name", names())
def test_parameters_fit_their_sources(name: str) -> None:
    deformation = load_preset(name).deformation
    for label, law in deformation.sources.items():
        source = SOURCES[law.function or label]
        arguments = inspect.signature(source.function).parameters
        given = set(law.parameters) | (EARTHQUAKE if law.magnitude is not None else set())
        given |= {"depth"} if law.top is not None else set()
        needed = {key for key, value in arguments.items() if value.default is inspect.Parameter.empty}
        assert given <= set(arguments) - {"x", "y"}, label
        assert needed - PLACED <= given, label
        assert source.strength in given, label


@pytest.mark.parametrize("name", names())
def test_what_is_drawn_moves_the_ground(name: str) -> None:
    """Every draw lies where the source's formulas hold."""
    preset = load_preset(name)
    side = torch.linspace(-10e3, 10e3, 8, dtype=torch.float64)
    y, x = torch.meshgrid(side, side, indexing="ij")
    for label, law in preset.deformation.sources.items():
        only = preset.deformation.model_copy(update={"share": 1.0, "sources": {label: law}})
        alone = preset.model_copy(update={"deformation": only})
        acts = [act for seed in range(12) for act in plan_stack(alone, 0, seed, size=128).acts]
        assert all(act.peak is None or 0.001 <= act.peak <= 0.3 for act in acts), label
        parameters = {key: torch.tensor([act.parameters[key] for act in acts]) for key in acts[0].parameters}
        moved = SOURCES[acts[0].function].function(x, y, **parameters)
        assert bool(torch.isfinite(moved).all()), label
        assert bool(moved.flatten(1).any(1).all()), label


@pytest.mark.parametrize("name", names())
def test_planes_stay_below_the_surface(name: str) -> None:
    preset = load_preset(name)
    acts = [act for index in range(60) for act in plan_stack(preset, index, seed=0, size=128).acts]
    planes = [act.parameters for act in acts if {"depth", "width", "dip"} <= set(act.parameters)]
    for plane in planes:
        assert plane["depth"] - plane["width"] / 2 * math.sin(math.radians(plane["dip"])) > -1e-6


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"nosie": {}}, "nosie"),
        ({"noise": {"turbulence": {"rmss": 1}}}, "noise.turbulence.rmss"),
        ({"noise": {"turbulence": {"rms": {"uniform": [3, 1]}}}}, "noise.turbulence.rms"),
        ({"noise": {"turbulence": {"rms": {"log_uniform": [0, 1]}}}}, "noise.turbulence.rms"),
        ({"noise": {"turbulence": {"rms": {"normal": [0, -1]}}}}, "noise.turbulence.rms"),
        ({"noise": {"turbulence": {"rms": {"gauss": [0, 1]}}}}, "noise.turbulence.rms"),
        ({"noise": {"turbulence": {"rms": "much"}}}, "noise.turbulence.rms"),
        ({"noise": {"ramp": {"probability": 1.5}}}, "noise.ramp.probability"),
        ({"geometry": {"band": "S"}}, "geometry.band"),
        ({"geometry": {"spacing": 0}}, "geometry.spacing"),
        ({"stack": {"acquisitions": 1}}, "stack.acquisitions"),
        ({"deformation": {"share": 0.5}}, "deformation.sources"),
        ({"masks": {"frame_edge": -0.1}}, "masks.frame_edge"),
        ({"unwrapping": {"probability": 0.5}}, "unwrapping"),
        ({"source": ""}, "source"),
    ],
)
def test_wrong_settings_are_named_with_their_place(
    tmp_path: Path, changed: dict[str, Any], place: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_preset(written(tmp_path, **changed))
    message = str(caught.value)
    assert place in message
    assert message.count("mine.yaml") == 1
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "name: [unclosed\nsource: x"])
def test_files_that_hold_no_preset_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"broken\.yaml") as caught:
        load_preset(path)
    assert "\n" not in str(caught.value)


def test_names_that_do_not_exist_get_those_that_do(tmp_path: Path) -> None:
    for wrong in ("gaddes", tmp_path / "absent.yaml"):
        with pytest.raises(UserError, match="gaddes2024"):
            load_preset(wrong)


def test_own_file_needs_only_the_essentials(tmp_path: Path) -> None:
    preset = load_preset(written(tmp_path))
    assert isinstance(preset, Preset)
    assert list(preset.deformation.sources) == ["mogi"]
    assert preset.wrapped
