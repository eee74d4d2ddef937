from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from audit_made import dates, file_name, make_archive, turbulence

from ssl_insar.archive import Archive
from ssl_insar.audit.baselines import BY_VOLCANO, Score, score_baselines
from ssl_insar.audit.split import Split

VOLCANOES, EACH = 6, 4


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Six volcanoes of four tiles."""
    rng = np.random.default_rng(0)
    names = [file_name(f"mt{i // EACH}", *dates(i)) for i in range(VOLCANOES * EACH)]
    return make_archive(tmp_path_factory.mktemp("baselines"), {name: turbulence(rng) for name in names})


def _scored(archive: Archive, labels: list[Any], test: list[int]) -> tuple[dict[str, Score], list[str]]:
    """The scores of the volcano prior by split, with the tiles of some rows held out; and the notes."""
    held = np.isin(np.arange(len(archive)), test)
    split = Split("made", ~held, {"test": held})
    series = pd.Series(labels).convert_dtypes()
    scores, notes = score_baselines(archive, split, series, draws=20, progress=False)
    return {score.split: score for score in scores if score.baseline == "volcano prior"}, notes


def test_class_that_training_lacks_is_named_and_not_fatal(archive: Archive) -> None:
    """Every class is at two volcanoes or more, so that it can be scored by volcano."""
    labels = ["quiet", "dyke", "quiet", "sill"] * 2 + ["quiet", "quiet", "quiet", "dyke"] * 4
    scores, notes = _scored(archive, labels, [3, 7, 8, 11])
    assert notes == ["test: not scored; training holds no tile of class sill"]
    assert list(scores) == [BY_VOLCANO]


def test_binary_class_that_training_lacks_is_named(archive: Archive) -> None:
    scores, notes = _scored(archive, [1, 0, 0, 0] * VOLCANOES, [0, 1, 4, 8, 12, 16, 20])
    assert "test: not scored; training holds no tile of class 1" in notes
    assert "test" not in scores


def test_labels_of_one_class_are_told(archive: Archive) -> None:
    scores, notes = _scored(archive, [1] * VOLCANOES * EACH, [0, 1])
    assert scores == {}
    assert notes[0] == "test: not scored; the labels there hold one class only, or none"


@pytest.mark.parametrize(
    ("labels", "chance"),
    [
        ([1, 0, 0, 0], 1 / 4),
        (["sill", "quiet", "quiet", "quiet"], 1 / 2),
        (["sill", "dyke", "a", "a"], 1 / 3),
    ],
)
def test_chance_level_is_that_of_the_average_precision(
    archive: Archive, labels: list[Any], chance: float
) -> None:
    """The commonest class of training is a score without information: it reaches chance and no more."""
    held = np.arange(len(archive)) < 2 * EACH
    series = pd.Series(labels * VOLCANOES).convert_dtypes()
    split = Split("made", ~held, {"test": held})
    scores, _ = score_baselines(archive, split, series, draws=20, progress=False)
    (blind,) = (s for s in scores if s.split == "test" and s.baseline.startswith("commonest"))
    assert blind.chance == pytest.approx(chance)
    assert blind.average_precision[0] == pytest.approx(chance)
