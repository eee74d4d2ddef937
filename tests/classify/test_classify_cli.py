from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ssl_insar.classify import LinearProbe, TrustedClassifier
from ssl_insar.cli.classify import command
from ssl_insar.errors import UserError


def _run(*words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


@pytest.fixture
def embedded(tmp_path: Path, world) -> Path:
    world.embeddings().save(tmp_path / "emb")
    return tmp_path / "emb"


def test_fit_prints_grouped_scores_and_predict_ranks(tmp_path, world, embedded) -> None:
    labels = world.write_labels(tmp_path / "labels.csv", volcano=world.groups)
    result = _run("fit", embedded, "--labels", labels, "--out", tmp_path / "clf")
    assert result.exit_code == 0, result.output
    assert (
        f"labels 'deformation': 600 tiles at 24 volcanoes (0: {600 - world.y.sum()}, 1: {world.y.sum()})"
        in result.output
    )
    assert "5-fold cross-validation, no volcano on both sides" in result.output
    assert f"chance: {world.y.mean():.3f} (prevalence)" in result.output
    assert "AUROC " in result.output
    assert "by resampling volcanoes" in result.output
    assert "volcano_07" in result.output
    assert "16 without" in result.output
    assert "volcano_20" not in result.output  # no positives there
    assert "saved" in result.output

    result = _run("predict", tmp_path / "clf", embedded, "--out", tmp_path / "out" / "scores.csv")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert list(table) == [
        *("id", "source", "volcano", "reference_date", "secondary_date", "probability", "set"),
        *("abstained", "ood_distance", "ood_share", "ood", "fitted_on"),
    ]
    assert table["probability"].is_monotonic_decreasing
    assert sorted(table["id"]) == sorted(world.catalogue["id"])
    expected = TrustedClassifier.load(tmp_path / "clf").probability(world.embeddings())[:, 1]
    # Calibration leaves the order.
    bare = LinearProbe.load(tmp_path / "clf").predict_proba(world.embeddings())[:, 1]
    assert (np.diff(bare[np.argsort(expected, kind="stable")]) >= -1e-9).all()
    by_id = table.set_index("id").loc[world.catalogue["id"], "probability"]
    np.testing.assert_allclose(by_id, expected, rtol=1e-4)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["scores.csv"]


def test_fit_is_reproducible(tmp_path, world, embedded) -> None:
    labels = world.write_labels(tmp_path / "labels.csv")
    outputs = [_run("fit", embedded, "--labels", labels, "--out", tmp_path / "clf").output for _ in range(2)]
    assert outputs[0] == outputs[1]
    assert (
        outputs[0] != _run("fit", embedded, "--labels", labels, "--out", tmp_path / "clf", "--seed", 5).output
    )


def test_per_class_fits_from_a_few_labels_and_scores_other_volcanoes(tmp_path, world, embedded) -> None:
    labels = world.write_labels(tmp_path / "labels.csv")
    result = _run("fit", embedded, "--labels", labels, "--per-class", 10, "--out", tmp_path / "clf")
    assert result.exit_code == 0, result.output
    assert "fitted from 10 labels a class" in result.output
    assert "AUROC over 20 such choices of labels: mean" in result.output
    assert "(fitted on 20 labels" in result.output
    assert LinearProbe.load(tmp_path / "clf").count_ == 20
    many = _run("fit", embedded, "--labels", labels, "--per-class", 500, "--out", tmp_path / "clf")
    assert isinstance(many.exception, UserError)
    assert "labels of the rarest class" in str(many.exception)


def test_labels_of_the_archive_are_used_without_a_table(tmp_path, world) -> None:
    held = world.embeddings()
    labelled = held.catalogue.assign(
        label_kind=np.where(world.y == 1, "dyke", np.where(np.arange(600) % 2, "sill", "none"))
    )
    type(held)(held.matrix, labelled, held.provenance).save(tmp_path / "emb")
    result = _run("fit", tmp_path / "emb", "--out", tmp_path / "clf")
    assert result.exit_code == 0, result.output
    assert "labels 'kind'" in result.output
    result = _run("predict", tmp_path / "clf", tmp_path / "emb", "--out", tmp_path / "scores.csv")
    table = pd.read_csv(tmp_path / "scores.csv", keep_default_na=False)
    assert list(table)[5:9] == ["probability_dyke", "probability_none", "probability_sill", "predicted"]
    np.testing.assert_allclose(table.iloc[:, 5:8].sum(axis=1), 1, atol=1e-4)
    assert table.iloc[:, 5:8].max(axis=1).is_monotonic_decreasing


def test_a_single_positive_volcano_still_gives_a_classifier_but_no_score(tmp_path, world, embedded) -> None:
    y = (world.groups == "volcano_03").astype(int)
    pd.DataFrame({"file": world.catalogue["file"], "deformation": y}).to_csv(tmp_path / "l.csv", index=False)
    result = _run("fit", embedded, "--labels", tmp_path / "l.csv", "--out", tmp_path / "clf")
    assert result.exit_code == 0
    assert "warning: not evaluated: grouped evaluation is impossible" in result.stderr
    assert "average precision" not in result.stdout
    assert (tmp_path / "clf" / "probe.npz").exists()


def test_absent_names_stop_the_fit_or_warn(tmp_path, world, embedded) -> None:
    path = world.write_labels(tmp_path / "labels.csv")
    with path.open("a") as handle:
        handle.write("nowhere.png,1\n")
    result = _run("fit", embedded, "--labels", path, "--out", tmp_path / "clf")
    assert isinstance(result.exception, UserError)
    assert "1 of its names are not in the archive (nowhere.png)" in str(result.exception)
    assert "--ignore-absent" in str(result.exception)
    assert not (tmp_path / "clf").exists()
    result = _run("fit", embedded, "--labels", path, "--out", tmp_path / "clf", "--ignore-absent")
    assert result.exit_code == 0
    assert "warning: " in result.stderr
    assert "left out" in result.stderr


def test_unknown_volcanoes_are_owned_up_to(tmp_path, world) -> None:
    held = world.embeddings()
    unnamed = held.catalogue.assign(volcano=None, frame=[f"f{i % 30}" for i in range(600)])
    type(held)(held.matrix, unnamed, held.provenance).save(tmp_path / "emb")
    labels = world.write_labels(tmp_path / "labels.csv")
    result = _run("fit", tmp_path / "emb", "--labels", labels, "--out", tmp_path / "clf")
    assert "note: the volcano of 600 tiles is not known; they are grouped 600 by frame" in result.output


def test_wrong_inputs_say_what_to_do(tmp_path, world, embedded) -> None:
    labels = world.write_labels(tmp_path / "labels.csv")
    other = tmp_path / "other"
    world.embeddings("xyz").save(other)
    _run("fit", embedded, "--labels", labels, "--out", tmp_path / "clf")
    cases = {
        (
            "predict",
            tmp_path / "clf",
            other,
            "--out",
            tmp_path / "s.csv",
        ): "encoder abc, these are of encoder xyz",
        ("predict", tmp_path / "clf", embedded, "--out", tmp_path): "is a folder",
        ("predict", tmp_path / "none", embedded, "--out", tmp_path / "s.csv"): "no classifier here",
        ("predict", tmp_path / "clf", tmp_path / "none", "--out", tmp_path / "s.csv"): "no such folder",
        ("fit", embedded, "--out", tmp_path / "x"): "carries no labels",
        (
            "fit",
            embedded,
            "--labels",
            labels,
            "--target",
            "kind",
            "--out",
            tmp_path / "x",
        ): "choose one of: deformation",
        ("fit", embedded, "--labels", labels, "--out", embedded): "holds something else",
    }
    for words, message in cases.items():
        result = _run(*words)
        assert isinstance(result.exception, UserError), (words, result.output)
        assert message in str(result.exception)
    assert not (tmp_path / "s.csv").exists()
    assert (embedded / "embeddings.npy").exists()


def test_help_shows_examples_and_imports_nothing_heavy() -> None:
    for words in (["fit", "--help"], ["predict", "--help"]):
        text = CliRunner().invoke(command, words).output
        assert "Example" in text
        assert f"ssl-insar classify {words[0]}" in text
    heavy = "('torch', 'sklearn', 'pandas', 'numpy')"
    code = f"import sys, ssl_insar.cli.classify; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
