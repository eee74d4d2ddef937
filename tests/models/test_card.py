"""The card of an encoder: what a person reads there, and what damage is told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made import TINY

from ssl_insar.archive import Archive
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.models.card import FORMAT, Card, data_summary


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    about = {"recipe": "made", "recipe_hash": "123456789abc", "monitor": {"loss": 1.5}}
    Encoder("resnet10t", InputSpec(32), about).save(tmp_path / "e")
    return tmp_path / "e"


def test_the_card_says_what_goes_in_and_what_comes_out(folder: Path) -> None:
    text = (folder / "encoder.json").read_text()
    card = json.loads(text)
    assert card["channels"] == ["re", "im"]
    assert (card["size"], card["dimension"]) == (32, 512)
    assert "positive = away from the satellite" in card["normalisation"]
    assert "no data" in card["normalisation"]
    assert card["about"]["licence"].startswith("not stated")
    assert card["about"]["recipe_hash"] == "123456789abc"
    assert text.count("\n") > 10, "a person reads it line by line"


def test_a_licence_that_is_given_is_kept(tmp_path: Path) -> None:
    Encoder("resnet10t", InputSpec(32), {"licence": "CC-BY-4.0"}).save(tmp_path / "e")
    assert Encoder.load(tmp_path / "e").card.about["licence"] == "CC-BY-4.0"


def test_saving_again_changes_nothing(folder: Path, tmp_path: Path) -> None:
    Encoder.load(folder).save(tmp_path / "again")
    for name in ("encoder.json", "encoder.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda card: "[]", "damaged card"),
        (lambda card: json.dumps(card)[:-30], "damaged card"),
        (lambda card: "", "damaged card"),
        (lambda card: json.dumps({k: v for k, v in card.items() if k != "hash"}), "damaged card .no 'hash'"),
        (lambda card: json.dumps(card | {"size": "large"}), "damaged card"),
        (lambda card: json.dumps(card | {"about": 3}), "damaged card"),
        (lambda card: json.dumps(card | {"format": "x"}), "damaged card"),
        (lambda card: json.dumps(card | {"format": FORMAT + 1}), "newer ssl_insar; upgrade"),
        (lambda card: json.dumps(card | {"channels": ["red"]}), "channels .red.: choose"),
        (lambda card: json.dumps(card | {"backbone": "resnet18"}), "damaged encoder"),
        (lambda card: json.dumps(card | {"backbone": "resnet199"}), "unknown to timm"),
        (lambda card: json.dumps(card | {"size": 64}), "do not belong together"),
    ],
)
def test_a_damaged_card_is_told_in_one_line(folder: Path, change, told: str) -> None:
    path = folder / "encoder.json"
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(UserError, match=told) as error:
        Encoder.load(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    assert len(str(error.value)) < 400 + len(str(folder))


def test_an_encoder_without_its_weights_is_told(folder: Path) -> None:
    (folder / "encoder.safetensors").unlink()
    with pytest.raises(UserError, match=r"damaged encoder .*encoder\.safetensors"):
        Encoder.load(folder)


def test_a_card_of_before_the_explanations_is_still_read(folder: Path) -> None:
    path = folder / "encoder.json"
    old = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("what", "dimension")}
    del old["normalisation"]
    path.write_text(json.dumps(old))
    assert Encoder.load(folder).dimension == 512
    assert Card.read(path)[1] == old["hash"]


def test_the_summary_of_an_archive(archive_path: Path) -> None:
    archive = Archive.open(archive_path)
    archive.catalogue["spacing"] = [100.0] * 30 + [90.0] * 29 + [120.0]
    summary = data_summary(archive, 32)
    assert (summary["tiles"], summary["tile_px"], summary["volcanoes"]) == (60, 64, 10)
    assert summary["tile_spacing_m"] == [90, 100, 120]
    assert summary["input_spacing_m"] == [180, 200, 240], "two tile pixels are one of the input"
    assert json.loads(json.dumps(summary)) == summary


def test_the_summary_leaves_out_what_is_not_known(archive_path: Path) -> None:
    archive = Archive.open(archive_path)
    for name in ("spacing", "wavelength"):
        archive.catalogue[name] = float("nan")
    assert not {"tile_spacing_m", "input_spacing_m", "wavelength_m"} & set(data_summary(archive, 32))


def test_the_encoder_of_a_run_tells_its_recipe(run_path: Path) -> None:
    about = json.loads((run_path / "encoder" / "encoder.json").read_text())["about"]
    assert about["recipe"] == TINY["name"]
    assert {"recipe_hash", "archive_digest", "monitor", "steps", "licence"} <= set(about)
