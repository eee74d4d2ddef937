"""Fine-tuning: begins as the probe, learns what frozen features lack, stops and resumes without a trace."""

from __future__ import annotations

import csv
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from ssl_insar.archive import Archive, ingest
from ssl_insar.archive.groups import groups_of
from ssl_insar.archive.labels import labels_in
from ssl_insar.classify import fine_tune, fine_tune_trusted
from ssl_insar.classify.averaging import Averaging, averaged
from ssl_insar.classify.fine_tune import FineTuned, FineTuneSettings
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.metrics import auroc
from ssl_insar.classify.trusted import Asked
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec

QUICK = FineTuneSettings(epochs=2, batch_size=6, warmup_epochs=0.5, folds=3)


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch) -> None:
    monkeypatch.setattr(fine_tune, "LEAST_STEPS", 3)
    monkeypatch.setattr(fine_tune, "POPULATION", 24)


@pytest.fixture(scope="module")
def archive(archive_path) -> Archive:
    return Archive.open(archive_path)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Encoder("resnet10t", InputSpec(32)).eval()


def few_labels(archive: Archive, every: int = 3) -> pd.Series:
    """Labels of every third tile, the others unknown."""
    y = labels_in(archive.catalogue, "deformation").copy()
    y[np.arange(len(y)) // 3 % every != 0] = pd.NA
    return y


def _statistics(encoder: Encoder) -> list[torch.Tensor]:
    norms = [m for m in encoder.modules() if isinstance(m, _BatchNorm)]
    return [s.cpu() for m in norms for s in (m.running_mean, m.running_var) if s is not None]


def test_it_trains_all_but_the_statistics_and_keeps_the_best(archive, encoder, tmp_path) -> None:
    y = few_labels(archive)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    model = FineTuned(encoder, QUICK, progress=False).fit(archive, y)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())  # a copy
    assert model.count_ == y.notna().sum()
    assert len(model.history_) == 3
    assert model.best_epoch_ == int(np.argmax(model.history_))
    for a, b in zip(_statistics(encoder), _statistics(model.encoder_), strict=True):
        assert torch.equal(a, b)

    probability = model.predict_proba(archive)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert model.score(archive, y) == pytest.approx(
        fine_tune.Targets.of(y, len(y)).score(model.decision_function(archive)[y.notna(), None], _known(y))
    )
    assert (model.predict(archive) == probability.argmax(axis=1)).all()
    # The mean over versions, of log-odds.
    tta = Averaging(2)
    unit = averaged(model.encoder_, archive, np.arange(len(archive)), tta)
    np.testing.assert_allclose(
        model.decision_function(archive, tta), model.heads_[0].decision_function(unit), atol=1e-6
    )

    model.save(tmp_path / "clf")
    again = FineTuned.load(tmp_path / "clf")
    np.testing.assert_allclose(again.predict_proba(archive), probability, atol=1e-5)
    assert (again.history_, again.best_epoch_) == (pytest.approx(model.history_), model.best_epoch_)
    assert Encoder.load(tmp_path / "clf").card.about["fine_tuned"]["from"] == encoder.hash


def _known(y: pd.Series) -> np.ndarray:
    return np.flatnonzero(y.notna())


def test_it_begins_as_the_probe(archive, encoder, monkeypatch) -> None:
    y = few_labels(archive)
    rows = _known(y)
    names = groups_of(archive.catalogue)
    monkeypatch.setattr(fine_tune, "POPULATION", 60)
    monkeypatch.setattr(fine_tune, "train", lambda *_, **__: {})
    model = FineTuned(encoder, replace(QUICK, folds=0), progress=False).fit(archive, y)
    unit = averaged(encoder, archive, np.arange(len(archive)))
    probe = LinearProbe().fit(unit[rows], y[rows].to_numpy(int), names[rows], unit)
    np.testing.assert_allclose(model.decision_function(archive), probe.decision_function(unit), atol=1e-2)


def test_a_stopped_fit_goes_on_as_if_it_had_not_been(archive, encoder, tmp_path, monkeypatch) -> None:
    y = few_labels(archive)
    settings = replace(QUICK, unfreeze=1)
    whole = FineTuned(encoder, settings, work=tmp_path / "whole", progress=False).fit(archive, y)
    views = fine_tune.LabelledViews.__call__

    def press(self: Any, positions: list[int], step: int) -> Any:
        if step == 4:
            signal.raise_signal(signal.SIGINT)
        return views(self, positions, step)

    unfinished = FineTuned(encoder, settings, work=tmp_path / "work", progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(fine_tune.LabelledViews, "__call__", press)
        with pytest.raises(click.Abort):
            unfinished.fit(archive, y)
    resumed = FineTuned(encoder, settings, work=tmp_path / "work", progress=False).fit(archive, y)
    assert resumed.history_ == whole.history_
    assert resumed.encoder_.hash == whole.encoder_.hash
    np.testing.assert_array_equal(resumed.heads_[0].coef_, whole.heads_[0].coef_)
    with pytest.raises(UserError, match=r"other settings \(lr 0.001\); give --out a new name"):
        FineTuned(encoder, replace(settings, lr=0.1), work=tmp_path / "work", progress=False).fit(archive, y)


def test_frozen_stages_stay_as_they_are(archive, encoder) -> None:
    settings = replace(QUICK, folds=0, unfreeze=1, epochs=2)  # one epoch the head, one with the last stage
    model = FineTuned(encoder, settings, progress=False).fit(archive, few_labels(archive))
    before, after = encoder.backbone.state_dict(), model.encoder_.backbone.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name].cpu())}
    assert changed == {"layer4"}
    assert model.history_ == []


def test_patience_does_not_end_it_before_a_stage_learns(archive, encoder, monkeypatch) -> None:
    monkeypatch.setattr(fine_tune.Targets, "score", lambda *_: 0.5)  # never better than the probe
    settings = replace(QUICK, unfreeze=2, patience=1, epochs=5)
    model = FineTuned(encoder, settings, progress=False).fit(archive, few_labels(archive))
    assert len(model.history_) == 4  # the probe, two epochs of the head, one with the last stage
    assert model.best_epoch_ == 0


def test_a_row_that_no_fold_scores_is_an_error(archive, encoder, monkeypatch) -> None:
    monkeypatch.setattr(fine_tune, "train", lambda *_, **__: {})
    splits = fine_tune_trusted.grouped_folds
    monkeypatch.setattr(fine_tune_trusted, "grouped_folds", lambda *given: splits(*given)[1:])

    def make(_: str) -> FineTuned:
        return FineTuned(encoder, replace(QUICK, folds=0), progress=False)

    with pytest.raises(ValueError, match="rows are scored by no fold"):
        fine_tune_trusted.fine_tune_trusted(make, archive, few_labels(archive), Asked(), folds=2)


@pytest.mark.heavy
def test_several_labels_some_unknown(archive, encoder, tmp_path) -> None:
    y = few_labels(archive)
    table = pd.DataFrame({"dyke": y, "even": (np.arange(len(y)) // 2) % 2})
    model = FineTuned(encoder, replace(QUICK, epochs=1), progress=False).fit(archive, table)
    assert model.labels_ == ("dyke", "even")
    assert model.predict_proba(archive).shape == model.predict(archive).shape == (len(archive), 2)
    model.save(tmp_path / "clf")
    again = FineTuned.load(tmp_path / "clf")
    assert again.labels_ == model.labels_
    np.testing.assert_allclose(again.predict_proba(archive), model.predict_proba(archive), atol=1e-5)
    three = pd.Series(np.array(["calm", "dyke", "sill"])[np.arange(len(y)) % 3], dtype="string")
    kinds = FineTuned(encoder, replace(QUICK, epochs=1), progress=False).fit(archive, three)
    assert kinds.predict_proba(archive).shape == (len(archive), 3)
    assert set(kinds.predict(archive)) <= {"calm", "dyke", "sill"}


def test_wrong_use_is_told(archive, encoder) -> None:
    with pytest.raises(UserError, match="not fitted"):
        FineTuned(encoder).predict_proba(archive)
    for wrong in ({"epochs": 0}, {"lr": 0.0}, {"decay": 1.5}, {"folds": 1}):
        with pytest.raises(ValueError, match=r"\d"):
            FineTuneSettings(**wrong)


def _signs(folder: Path, count: int = 120, size: int = 32) -> Archive:
    """Cones of phase that differ by their sign alone."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    rows = []
    for i in range(count):
        cy, cx = rng.uniform(0.35, 0.65, 2)
        phase = (2 * (i % 2) - 1) * 8 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.05)
        phase = phase + 0.3 * rng.normal(size=(size, size)) + rng.uniform(-3, 3)
        volcano = f"mt_{'abcdefghij'[i // 2 % 10]}"
        np.save(folder / f"{volcano}_{i:03d}.npy", ((phase + np.pi) % (2 * np.pi) - np.pi).astype(np.float32))
        rows.append((f"{volcano}_{i:03d}.npy", i % 2, volcano))
    with (folder / "labels.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "up", "volcano"), *rows])
    out = folder.with_name("archive")
    ingest(folder, out, tile=size, labels=folder / "labels.csv", progress=False)
    return Archive.open(out)


@pytest.mark.heavy
def test_it_learns_what_frozen_features_cannot_and_nothing_from_shuffled_labels(tmp_path, encoder) -> None:
    """An encoder blind to the imaginary part sees the same in both signs, until it is fine-tuned."""
    made = _signs(tmp_path / "signs")
    blind = Encoder("resnet10t", InputSpec(32))
    blind.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        next(blind.backbone.parameters())[:, 1] = 0
    y = labels_in(made.catalogue, "up")
    names = groups_of(made.catalogue)
    unseen = np.isin(names, np.unique(names)[:4])
    truth = y[unseen].to_numpy(int)
    given = y.copy()
    given[unseen] = pd.NA
    around = np.flatnonzero(~unseen)
    settings = FineTuneSettings(epochs=25, batch_size=16, decay=1.0, folds=0, signed=True)

    unit = averaged(blind.eval(), made, np.arange(len(made)))
    probe = LinearProbe().fit(unit[~unseen], y[~unseen].to_numpy(int), names[~unseen], unit[~unseen])
    assert auroc(truth, probe.decision_function(unit[unseen])) < 0.7
    model = FineTuned(blind, settings, progress=False).fit(made, given, population=around)
    assert auroc(truth, model.decision_function(made)[unseen]) > 0.85

    shuffled = given.copy()
    shuffled[~unseen] = np.random.default_rng(1).permutation(given[~unseen].to_numpy(int))
    nothing = FineTuned(blind, settings, progress=False).fit(made, shuffled, population=around)
    assert abs(auroc(truth, nothing.decision_function(made)[unseen]) - 0.5) < 0.2
