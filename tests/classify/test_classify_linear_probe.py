from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ssl_insar.archive.groups import grouped_folds
from ssl_insar.classify.linear_probe import C_GRID, FALLBACK_C, LinearProbe
from ssl_insar.classify.metrics import average_precision
from ssl_insar.errors import UserError


def _three(seed: int = 0):
    rng = np.random.default_rng(seed)
    y = np.array(["dyke", "none", "sill"])[rng.integers(0, 3, 240)]
    centre = {name: rng.normal(size=16) for name in np.unique(y)}
    return np.stack([centre[v] for v in y]) + rng.normal(size=(240, 16)), y, rng.integers(0, 12, 240)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_those_of_scikit_learn(classes) -> None:
    x, y, _ = _three()
    x, y = (x, y) if classes == 3 else (x[y != "sill"], y[y != "sill"])
    probe = LinearProbe(c=3.0).fit(x, y)
    standard = StandardScaler().fit_transform(x) / np.sqrt(16)
    model = LogisticRegression(C=3.0, class_weight="balanced", max_iter=1000).fit(standard, y)
    np.testing.assert_allclose(probe.predict_proba(x), model.predict_proba(standard), atol=1e-6)
    assert (probe.predict(x) == model.predict(standard)).all()
    odds = probe.decision_function(x)
    assert odds.shape == ((len(x),) if classes == 2 else (len(x), 3))


def test_regularisation_does_not_depend_on_how_wide_the_features_are() -> None:
    x, y, _ = _three()
    y = (y == "sill").astype(int)
    once = LinearProbe(c=1.0).fit(x, y)
    fourfold = LinearProbe(c=1.0).fit(np.tile(x, 4), y)
    np.testing.assert_allclose(once.predict_proba(x), fourfold.predict_proba(np.tile(x, 4)), atol=1e-3)


def test_class_weights_make_rare_positives_count(world) -> None:
    rows = np.concatenate([np.flatnonzero(world.y == 1), np.flatnonzero(world.y == 0)])
    probe = LinearProbe(c=1.0).fit(world.features[rows], world.y[rows])
    scores = probe.scores(world.features)
    assert scores[world.y == 1].mean() > 0.5 > scores[world.y == 0].mean()


def test_c_is_chosen_from_the_grid_and_by_groups(world) -> None:
    chosen = LinearProbe().fit(world.features, world.y, world.groups).c_
    assert chosen in C_GRID
    assert LinearProbe(c=0.3).fit(world.features, world.y, world.groups).c_ == 0.3
    # A feature that names the volcano tempts a choice by row to weak regularisation, not one by group.
    named = np.concatenate(
        [world.features, 3 * np.eye(24, dtype=np.float32)[np.unique(world.groups, return_inverse=True)[1]]],
        axis=1,
    )
    by_group = LinearProbe().fit(named, world.y, world.groups).c_
    by_row = LinearProbe().fit(named, world.y).c_
    assert by_group < by_row


def test_c_falls_back_when_one_group_holds_all_positives(world) -> None:
    y = (world.groups == "volcano_03").astype(int)
    assert LinearProbe().fit(world.features, y, world.groups).c_ == FALLBACK_C


def test_embeddings_bring_their_volcanoes(world) -> None:
    held = world.embeddings()
    a = LinearProbe().fit(held, world.y)
    b = LinearProbe().fit(held.normalised(), world.y, world.groups)
    np.testing.assert_array_equal(a.coef_, b.coef_)
    assert (a.encoder_hash_, b.encoder_hash_) == ("abc", None)


def test_population_sets_the_standardisation_only(world) -> None:
    rows = np.r_[:4, -4:0]
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    probe = LinearProbe(c=1.0).fit(world.features[rows], y, population=world.features)
    np.testing.assert_allclose(probe.mean_, world.features.mean(axis=0), atol=1e-4)
    assert probe.count_ == 8


def test_score_is_average_precision_binary_and_macro(world) -> None:
    probe = LinearProbe(c=1.0).fit(world.features, world.y)
    assert probe.score(world.features, world.y) == average_precision(
        world.y, probe.predict_proba(world.features)[:, 1]
    )
    x, y, _ = _three()
    many = LinearProbe(c=1.0).fit(x, y)
    codes = np.unique(y, return_inverse=True)[1]
    assert many.score(x, y) == average_precision(codes, many.predict_proba(x))


@pytest.mark.parametrize("kind", ["binary", "names", "numbers"])
def test_a_saved_probe_gives_the_same_probabilities_and_holds_no_pickle(tmp_path, kind) -> None:
    x, y, _ = _three()
    y = {
        "binary": (y == "sill").astype(int),
        "names": y,
        "numbers": np.unique(y, return_inverse=True)[1] + 5,
    }[kind]
    probe = LinearProbe(c=1.0).fit(x, y)
    probe.save(tmp_path / "clf")
    again = LinearProbe.load(tmp_path / "clf")
    np.testing.assert_array_equal(again.predict_proba(x), probe.predict_proba(x))
    np.testing.assert_array_equal(again.predict(x), probe.predict(x))
    assert again.score(x, y) == probe.score(x, y)
    assert sorted(p.name for p in (tmp_path / "clf").iterdir()) == ["probe.json", "probe.npz"]
    with zipfile.ZipFile(tmp_path / "clf" / "probe.npz") as archive:
        for name in archive.namelist():
            # An object array would announce itself in the header and be pickled behind it.
            assert b"'descr': '<f8'" in archive.read(name)[:128]
    assert json.loads((tmp_path / "clf" / "probe.json").read_text())["dimension"] == 16


def test_saving_again_replaces_and_saving_over_something_else_is_refused(tmp_path, world) -> None:
    probe = LinearProbe(c=1.0).fit(world.features, world.y)
    probe.save(tmp_path / "clf")
    probe.save(tmp_path / "clf")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious.tif").write_bytes(b"x")
    with pytest.raises(UserError, match=r"holds something else \(no probe.json\)"):
        probe.save(tmp_path / "data")
    with pytest.raises(UserError, match="is a file"):
        probe.save(tmp_path / "data" / "precious.tif")
    assert (tmp_path / "data" / "precious.tif").exists()


def test_embeddings_of_another_encoder_are_refused(world) -> None:
    probe = LinearProbe(c=1.0).fit(world.embeddings("abc"), world.y)
    with pytest.raises(UserError, match="encoder abc, these are of encoder xyz; embed with the same encoder"):
        probe.predict(world.embeddings("xyz"))
    with pytest.raises(UserError, match="fitted on 32 features, these have 7"):
        probe.predict_proba(np.zeros((3, 7)))


def test_bad_input_is_named(world) -> None:
    with pytest.raises(UserError, match="all 5 labels are '1'; a classifier needs two classes"):
        LinearProbe().fit(world.features[:5], np.ones(5, int))
    with pytest.raises(UserError, match="no label to fit on"):
        LinearProbe().fit(world.features[:0], np.ones(0, int))
    broken = world.features.copy()
    broken[3, 0] = np.nan
    with pytest.raises(UserError, match="1 of 600 feature rows are not finite"):
        LinearProbe().fit(broken, world.y)
    with pytest.raises(UserError, match="not fitted"):
        LinearProbe().predict(world.features)
    with pytest.raises(ValueError, match="labels for 600 rows"):
        LinearProbe().fit(world.features, world.y[:5])
    with pytest.raises(ValueError, match=r"\(n, D\)"):
        LinearProbe().fit(world.features[0], world.y)
    with pytest.raises(ValueError, match="c must be positive"):
        LinearProbe(c=0)


def test_a_damaged_folder_is_named(tmp_path, world) -> None:
    folder = tmp_path / "clf"
    with pytest.raises(UserError, match="no classifier here; make one with: ssl-insar classify fit"):
        LinearProbe.load(folder)
    probe = LinearProbe(c=1.0).fit(world.features, world.y)
    probe.save(folder)
    whole = (folder / "probe.npz").read_bytes()
    (folder / "probe.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged classifier"):
        LinearProbe.load(folder)
    np.savez(folder / "probe.npz", coef=np.array([{}], dtype=object))
    with pytest.raises(UserError, match="damaged classifier"):
        LinearProbe.load(folder)
    (folder / "probe.npz").write_bytes(whole)
    facts = json.loads((folder / "probe.json").read_text())
    (folder / "probe.json").write_text(json.dumps(facts | {"dimension": 31}))
    with pytest.raises(UserError, match="does not belong to"):
        LinearProbe.load(folder)
    (folder / "probe.json").write_text(json.dumps(facts | {"format": 99}))
    with pytest.raises(UserError, match="newer ssl_insar"):
        LinearProbe.load(folder)


def test_inner_folds_never_tear_a_group_apart(world, monkeypatch) -> None:
    import ssl_insar.classify.linear_probe as module

    seen = []

    def spy(y, groups, folds, seed):
        splits = grouped_folds(y, groups, folds, seed)
        seen.extend((set(np.asarray(groups)[a]), set(np.asarray(groups)[b])) for a, b in splits)
        return splits

    monkeypatch.setattr(module, "grouped_folds", spy)
    LinearProbe().fit(world.features, world.y, world.groups)
    assert len(seen) == module.INNER_FOLDS
    assert all(not a & b for a, b in seen)


def test_an_empty_matrix_gives_no_scores(world) -> None:
    probe = LinearProbe(c=1.0).fit(world.features, world.y)
    assert probe.predict_proba(world.features[:0]).shape == (0, 2)
