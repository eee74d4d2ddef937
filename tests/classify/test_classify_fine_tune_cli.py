"""``classify finetune``, and ``predict`` with what it made; several labels on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ssl_insar.archive import Archive
from ssl_insar.classify import fine_tune
from ssl_insar.classify.averaging import Averaging
from ssl_insar.classify.saved import SavedClassifier
from ssl_insar.cli.classify import command
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder


def _run(*words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def _refused(*words: object) -> str:
    error = _run(*words).exception
    assert isinstance(error, UserError), error
    return str(error)


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch) -> None:
    monkeypatch.setattr(fine_tune, "LEAST_STEPS", 1)
    monkeypatch.setattr(fine_tune, "POPULATION", 24)


QUICK = ("--epochs", 1, "--batch-size", 60)


@pytest.mark.heavy
def test_what_finetune_makes_predict_scores_as_any_other(archive_path, run_path, tmp_path) -> None:
    out = tmp_path / "clf"
    result = _run("finetune", run_path, archive_path, "--folds", 2, "--out", out, *QUICK)
    assert result.exit_code == 0, result.output
    assert "labels 'deformation': 60 tiles at 10 volcanoes (0: 40, 1: 20)" in result.output
    assert "2 folds, no volcano on both sides" in result.output
    assert "conformal sets     promise 90%" in result.output
    assert "as a probe" in result.output
    assert "(fine-tuned on 60 labels)" in result.output
    assert [p.name for p in tmp_path.iterdir()] == ["clf"]  # the work is gone

    for more in ((), ("--tta",)):
        result = _run("predict", out, archive_path, "--out", tmp_path / "scores.csv", *more)
        assert result.exit_code == 0, result.output
        table = pd.read_csv(tmp_path / "scores.csv")
        assert list(table) == [
            *("id", "source", "volcano", "reference_date", "secondary_date", "probability", "set"),
            *("abstained", "ood_distance", "ood_share", "ood", "fitted_on"),
        ]
        assert len(table) == 60
        assert table["fitted_on"].all()
    # What it is made of: an encoder to embed with, like any other.
    held = Encoder.load(out).embed(Archive.open(archive_path), out=tmp_path / "emb", progress=False)
    assert held.provenance.encoder_hash == SavedClassifier.load(out).encoder.hash
    assert _run("predict", out, tmp_path / "emb", "--out", tmp_path / "scores.csv").exit_code == 0


def test_averaged_scores_are_those_of_python_and_other_things_are_left(
    archive_path, run_path, tmp_path
) -> None:
    out, notes = tmp_path / "clf", tmp_path / "clf.training" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("not of this command")
    result = _run("finetune", run_path, archive_path, "--out", out, *QUICK)
    assert result.exit_code == 0, result.output
    assert f"note: {notes.parent} is left" in result.output
    assert list(notes.parent.iterdir()) == [notes]

    archive = Archive.open(archive_path)
    result = _run("predict", out, archive_path, "--tta", "--out", tmp_path / "scores.csv")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "scores.csv").set_index("id")
    expected = fine_tune.FineTuned.load(out).predict_proba(archive, Averaging())[:, 1]
    # Embeddings are of half precision; made of unit length again, they would differ by .02.
    np.testing.assert_allclose(table["probability"][archive.catalogue["id"]], expected, atol=2e-3)


def test_several_labels_of_frozen_embeddings(tmp_path, world) -> None:
    world.embeddings().save(tmp_path / "emb")
    labels = world.write_labels(tmp_path / "labels.csv", quiet=1 - world.y)
    many = ("--target", "deformation", "--target", "quiet", "--outliers", "mahalanobis")
    result = _run("fit", tmp_path / "emb", "--labels", labels, *many, "--out", tmp_path / "clf")
    assert result.exit_code == 0, result.output
    assert "deformation: fitted on 600 labels" in result.output
    saved = SavedClassifier.load(tmp_path / "clf")
    assert [part.outliers.method for part in saved.parts.values()] == ["mahalanobis"] * 2
    result = _run("predict", tmp_path / "clf", tmp_path / "emb", "--out", tmp_path / "scores.csv")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "scores.csv").set_index("id")
    assert {"probability_deformation", "set_quiet", "ood_quiet", "abstained"} <= set(table)
    for name, part in saved.parts.items():
        alone = part.assess(world.embeddings()).set_index("id")["probability"]
        pd.testing.assert_series_equal(
            table[f"probability_{name}"], alone[table.index], check_names=False, rtol=1e-4
        )
    three = world.write_labels(tmp_path / "three.csv", kind=["a", "b", "c"] * 200)
    assert "'kind' is not 0 and 1" in _refused(
        "fit",
        tmp_path / "emb",
        "--labels",
        three,
        "--target",
        "deformation",
        "--target",
        "kind",
        "--out",
        "x",
    )


def test_wrong_input_is_refused_in_a_line(archive_path, run_path, tmp_path, world) -> None:
    base = ("finetune", run_path, archive_path, "--out", tmp_path / "clf")
    assert "--folds is 0, or 2 or more" in _refused(*base, "--folds", 1)
    assert "give --folds 5 with it" in _refused(*base, "--prevalence", 0.1)
    assert "target 'dyke' is not there" in _refused(*base, "--target", "dyke")
    assert "names a label twice" in _refused(*base, "--target", "deformation", "--target", "deformation")
    assert "no encoder here" in _refused("finetune", archive_path, archive_path, "--out", tmp_path / "clf")
    assert "no such archive" in _refused("finetune", run_path, tmp_path / "none", "--out", tmp_path / "clf")
    one = tmp_path / "one.csv"
    ids = Archive.open(archive_path).catalogue["id"]
    pd.DataFrame({"id": ids, "deformation": 1}).to_csv(one, index=False)
    assert "needs two classes" in _refused(*base, "--labels", one)
    assert not (tmp_path / "clf").exists()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("")
    assert "holds something else" in _refused(*base[:3], "--out", tmp_path / "thesis")

    world.embeddings().save(tmp_path / "emb")
    labels = world.write_labels(tmp_path / "labels.csv")
    assert _run("fit", tmp_path / "emb", "--labels", labels, "--out", tmp_path / "frozen").exit_code == 0
    scores = ("--out", tmp_path / "s.csv")
    assert "scores embeddings; make some with: ssl-insar embed RUN" in _refused(
        "predict", tmp_path / "frozen", archive_path, *scores
    )
    assert "no such archive" in _refused("predict", tmp_path / "frozen", tmp_path / "emb", "--tta", *scores)


def test_help_shows_examples() -> None:
    text = _run("finetune", "--help").output
    assert "ssl-insar classify finetune run archive --labels labels.csv" in text
    assert Path("CLF.training").name in text
