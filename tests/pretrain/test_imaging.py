"""Pixel spacing and wavelength: the recipe's, else the archive's, else assumed and said so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from made import TINY

from ssl_insar.archive import Archive
from ssl_insar.augment import ViewsConfig
from ssl_insar.models import Encoder
from ssl_insar.pretrain import pretrain
from ssl_insar.pretrain.imaging import completed
from ssl_insar.pretrain.logs import read_rows
from ssl_insar.pretrain.recipe import load


class Told(Archive):
    """An archive of which nothing is known but these columns."""

    def __init__(self, spacing: list[float], wavelength: list[float]) -> None:
        self.catalogue = pd.DataFrame({"spacing": np.array(spacing, np.float32), "wavelength": wavelength})


def test_the_median_of_the_archive_stands_in_and_the_recipe_overrides() -> None:
    archive = Told([92.5, 90.0, np.nan, 30.0], [0.0555, 0.236, 0.0555, 0.236])
    views, told = completed(ViewsConfig(), archive)
    assert views.spacing == 90.0
    assert views.wavelength == 0.0555, "that of one of the bands"
    assert told == "views: spacing 90 m (the archive's median), wavelength 0.0555 m (the archive's median)"
    views, told = completed(ViewsConfig(spacing=20), archive)
    assert (views.spacing, views.wavelength) == (20, 0.0555)
    assert "spacing 20 m (the recipe's)" in told


def test_what_nobody_knows_is_assumed_and_said_so() -> None:
    views, told = completed(ViewsConfig(), Told([np.nan, 0.0], [np.nan, np.nan]))
    assert (views.spacing, views.wavelength) == (100.0, 0.0555)
    assert "spacing 100 m (assumed: no tile tells; --set views.spacing=METRES)" in told


def test_a_run_says_what_it_took_and_trains_by_it(run_path: Path, archive_path: Path, tmp_path: Path) -> None:
    assert json.loads((run_path / "run.json").read_text())["views"] == {
        "spacing_m": 100.0,
        "wavelength_m": 0.0555,
    }
    archive = Archive.open(archive_path)
    archive.catalogue = archive.catalogue.assign(spacing=np.float32(25.0), wavelength=0.236)
    out = tmp_path / "run"
    encoder = pretrain(TINY, archive, out, overrides=["optim.epochs=1"], progress=False)
    taken = {"spacing_m": 25.0, "wavelength_m": 0.236}
    assert json.loads((out / "run.json").read_text())["views"] == taken
    assert encoder.card.about["views"] == taken
    assert Encoder.load(out).card.about["views"] == taken
    assert read_rows(out / "loss.csv")[0]["loss"] != read_rows(run_path / "loss.csv")[0]["loss"]
    # The recipe is as asked for, so that the same call goes on with the run.
    assert load(out / "recipe.yaml").hash == load(TINY, ["optim.epochs=1"]).hash
