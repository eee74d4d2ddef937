from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ssl_insar.errors import UserError
from ssl_insar.pretrain.recipe import Recipe, find, load

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_of_the_package_is_valid_and_found_by_name(path: Path) -> None:
    recipe = load(path.stem)
    assert recipe.name == path.stem
    assert load(path) == recipe


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown key 'optim.epoch'; did you mean 'optim.epochs'\?"):
        load({"optim": {"epoch": 3}})
    with pytest.raises(UserError, match=r"unknown key 'modle'; did you mean 'model'\?"):
        load({"modle": {}})
    with pytest.raises(UserError, match=r"'views.turbulence.rsm'; did you mean 'views.turbulence.rms'\?"):
        load({"views": {"turbulence": {"rsm": [0, 1]}}})


def test_bad_values_name_the_key_and_the_value() -> None:
    with pytest.raises(UserError, match=r"optim.epochs: .*greater than or equal to 1.*not 0"):
        load({"optim": {"epochs": 0}})
    with pytest.raises(UserError, match=r"views.swap.p: .*not 1.5"):
        load({"views": {"swap": {"p": 1.5}}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"rewrap": {"factors": []}},
        {"rewrap": {"factors": [0]}},
        {"turbulence": {"rms": [0, 1]}},
        {"turbulence": {"rms": [1, 0.5]}},
        {"decorrelation": {"coherence": [0.5, 1.5]}},
        {"decorrelation": {"looks": [0, 5]}},
        {"crop": {"area": [0, 0.1]}},
        {"cutout": {"area": [0.3, 0.1]}},
    ],
)
def test_views_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"views\."):
        load({"views": wrong})


def test_overrides_win_and_may_be_wrong_too() -> None:
    recipe = load({"optim": {"epochs": 3}}, ["optim.epochs=7", "optim.lr=1e-4", "model.channels=[cos, sin]"])
    assert (recipe.optim.epochs, recipe.optim.lr, recipe.model.channels) == (7, 1e-4, ("cos", "sin"))
    with pytest.raises(UserError, match=r"did you mean 'optim.lr'"):
        load({}, ["optim.rl=1"])
    with pytest.raises(UserError, match=r"write it as section.key=value"):
        load({}, ["optim.lr"])
    with pytest.raises(UserError, match="'seed' is not a section"):
        load({"seed": 1}, ["seed.x=2"])


def test_overrides_leave_the_mapping_alone() -> None:
    mapping = {"optim": {"epochs": 3}}
    load(mapping, ["optim.epochs=7"])
    assert mapping == {"optim": {"epochs": 3}}


def test_absent_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such recipe file, nor one of the names .*simclr-cpu"):
        load("absent")
    (tmp_path / "r.yaml").write_text("a: [")
    with pytest.raises(UserError, match="not readable as YAML"):
        load(tmp_path / "r.yaml")
    (tmp_path / "l.yaml").write_text("- a\n")
    with pytest.raises(UserError, match="a recipe is a mapping"):
        load(tmp_path / "l.yaml")


def test_a_recipe_written_out_reads_back_the_same() -> None:
    recipe = load("simclr-cpu", ["optim.epochs=3", "views.crop.area=[0.5, 0.9]"])
    assert Recipe.model_validate(yaml.safe_load(recipe.to_yaml())) == recipe


def test_hash_follows_what_bears_on_the_result() -> None:
    recipe = load("simclr-cpu")
    assert load("simclr-cpu", ["monitor.every_epochs=2", "log.wandb=offline"]).hash == recipe.hash
    assert load("simclr-cpu", ["seed=1"]).hash != recipe.hash
    assert load("simclr-cpu", ["data.workers=3"]).hash == recipe.hash
    assert load("simclr-cpu", ["precision=32"]).precision == "32"
    longer = load("simclr-cpu", ["optim.epochs=77"])
    assert longer.hash != recipe.hash
    assert longer.hash_without_length == recipe.hash_without_length


def test_recipes_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load({}).seed = 3  # type: ignore[misc]  # that it fails is the point


def test_a_path_wins_over_a_name(tmp_path: Path) -> None:
    path = tmp_path / "simclr-cpu"
    path.write_text("seed: 5\n")
    assert find(path) == path
    assert load(path).seed == 5
