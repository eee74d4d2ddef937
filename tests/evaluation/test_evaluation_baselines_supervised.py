"""Supervised baselines: on simulated sources without a label, and out of fold on labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evaluation.baselines import supervised, supervised_synthetic
from evaluation.baselines.loop import Settings
from ssl_insar.archive import Archive
from ssl_insar.archive.groups import grouped_folds, groups_of
from ssl_insar.errors import UserError
from ssl_insar.models import Embeddings, Encoder

NETWORK = ["--epochs", "1", "--size", "32", "--batch-size", "16", "--backbone", "resnet10t"]


def test_sources_are_learnt_from_simulated_scenes(archive_path, tmp_path) -> None:
    out, scenes = tmp_path / "emb", tmp_path / "scenes"
    words = ["--archive", archive_path, "--out", out, "--count", 24, "--simulated", scenes, *NETWORK]
    supervised_synthetic.command.main([str(word) for word in words], standalone_mode=False)
    archive, simulated = Archive.open(archive_path), Archive.open(scenes)
    assert (len(simulated), simulated.tile) == (24, archive.tile)
    kinds = sorted(set(simulated.catalogue["label_source"]) - {"none"})
    table = pd.read_csv(tmp_path / "emb.scores.csv")
    assert table.columns.tolist() == ["id", "score", "p_none", *(f"p_{kind}" for kind in kinds)]
    assert table["id"].tolist() == archive.catalogue["id"].tolist()
    np.testing.assert_allclose(table["score"], 1 - table["p_none"], atol=1e-5)
    assert table["score"].nunique() > 30
    # The encoder of the run is what embedded, so that --encoder takes the run, too.
    embeddings, encoder = Embeddings.open(out), Encoder.load(tmp_path / "emb.training")
    assert embeddings.provenance.encoder_hash == encoder.hash
    assert "baseline: supervised-synthetic (resnet10t, 32 px, 24 scenes" in embeddings.provenance.encoder
    again = encoder.embed(archive, progress=False)
    np.testing.assert_allclose(embeddings.matrix, again.matrix, rtol=0.02, atol=0.02)


def test_scenes_without_sources_are_refused(tmp_path) -> None:
    class Flat:
        path = tmp_path
        catalogue = pd.DataFrame({"label_source": ["none"] * 4})

    with pytest.raises(UserError, match="only kinds of source are none"):
        supervised_synthetic.kinds_of(Flat())  # type: ignore[arg-type]


def test_scores_are_out_of_fold(archive_path, tmp_path) -> None:
    out = tmp_path / "scores.csv"
    words = ["--archive", archive_path, "--out", out, "--target", "deformation", "--folds", 2, *NETWORK]
    supervised.command.main([str(word) for word in words], standalone_mode=False)
    table = pd.read_csv(out)
    archive = Archive.open(archive_path)
    assert table["id"].tolist() == archive.catalogue["id"].tolist()
    assert table["label"].tolist() == archive.catalogue["label_deformation"].tolist()
    assert table.groupby("volcano")["fold"].nunique().eq(1).all()
    assert table["fold"].nunique() == 2
    assert table["score"].notna().all()


def test_no_network_knows_the_labels_that_it_is_scored_on(archive_path, tmp_path) -> None:
    archive = Archive.open(archive_path)
    y = archive.catalogue["label_deformation"].to_numpy(np.int64)
    rows = np.arange(len(y))
    folds = grouped_folds(y, groups_of(archive.catalogue), 2)[:1]
    _, test = folds[0]

    def scored(labels: np.ndarray, name: str) -> np.ndarray:
        settings = Settings(epochs=1, batch_size=16, views=1)
        scores, fold = supervised.out_of_fold(
            archive, rows, labels, folds, settings, tmp_path / name, "resnet10t", 32, shown=False
        )
        assert (fold == 0).sum() == len(test)
        return scores[test]

    turned = y.copy()
    turned[test] = 1 - turned[test]
    np.testing.assert_array_equal(scored(turned, "turned"), scored(y, "true"))
    train, _ = folds[0]
    turned[train] = 1 - turned[train]
    assert not np.allclose(scored(turned, "all turned"), scored(y, "true again"))


def test_three_classes_have_a_score_each(archive_path, tmp_path) -> None:
    archive = Archive.open(archive_path)
    labels = pd.DataFrame(
        {"id": archive.catalogue["id"], "kind": [["a", "b", "c"][i % 3] for i in range(60)]}
    )
    labels.loc[0, "kind"] = None  # one that nobody knows
    labels.to_csv(tmp_path / "labels.csv", index=False)
    out = tmp_path / "scores.csv"
    words = ["--archive", archive_path, "--labels", tmp_path / "labels.csv", "--out", out, "--folds", 2]
    words += NETWORK
    supervised.command.main([str(word) for word in words], standalone_mode=False)
    table = pd.read_csv(out)
    assert len(table) == 59
    assert table[["score_a", "score_b", "score_c"]].notna().all(axis=None)
