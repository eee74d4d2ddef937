"""A classifier with its promises: fitted, saved, read, and what it says of tiles."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from ssl_insar.classify import LeakError, LinearProbe, Neighbours, Prototypes, fit_trusted
from ssl_insar.classify.trusted import TrustedClassifier
from ssl_insar.errors import UserError

MAKERS = {"probe": partial(LinearProbe, 1.0), "prototypes": Prototypes, "knn": partial(Neighbours, 10)}
ROWS = np.arange(500)


@pytest.fixture(scope="module")
def held(world):
    """The world with a chain of dates at each volcano, and some tiles that are not coherent."""
    plain = world.embeddings()
    turn = np.arange(600) % 25
    first = [
        day + timedelta(12 * int(i)) for day, i in zip(plain.catalogue["reference_date"], turn, strict=True)
    ]
    catalogue = plain.catalogue.assign(
        frame=[f"f_{name}" for name in world.groups],
        reference_date=first,
        secondary_date=[day + timedelta(12) for day in first],
        coherent_fraction=np.where(np.arange(600) % 10 == 3, 0.1, 0.9),
    )
    return replace(plain, catalogue=catalogue)


@pytest.mark.parametrize("method", MAKERS)
def test_a_saved_classifier_says_the_same(tmp_path, held, world, method) -> None:
    trusted = fit_trusted(MAKERS[method], held, ROWS, world.y[ROWS], "deformation").classifier
    trusted.save(tmp_path / "clf")
    again = TrustedClassifier.load(tmp_path / "clf")
    first, second = trusted.assess(held, 1.0), again.assess(held, 1.0)
    assert first.equals(second)
    assert (again.calibration, again.sets, again.volcanoes) == (
        trusted.calibration,
        trusted.sets,
        trusted.volcanoes,
    )
    trusted.save(tmp_path / "clf")  # over its own kind
    (tmp_path / "clf" / "classifier.npz").write_bytes(b"no")
    with pytest.raises(UserError, match="damaged classifier"):
        TrustedClassifier.load(tmp_path / "clf")


def test_columns_say_what_they_promise(held, world) -> None:
    trusted = fit_trusted(MAKERS["probe"], held, ROWS, world.y[ROWS]).classifier
    table = trusted.assess(held, 1.0).set_index("id").loc[held.ids]
    known = trusted.probability(held)[:, 1]
    np.testing.assert_allclose(table["probability"], known)
    incoherent = held.catalogue["coherent_fraction"].to_numpy() < 0.3
    assert (table["abstained"] == incoherent).all()
    assert (table.loc[incoherent, "set"] == "0|1").all()
    assert not table.loc[incoherent, "alarm"].any()
    expected = (known > trusted.threshold(1.0)) & ~incoherent
    assert (table["alarm"] == expected).all()
    assert expected.any()
    assert (table["persistent"] == (table["confirmations"] > 0)).all()
    assert not table.loc[~table["alarm"], "persistent"].any()
    assert (table["fitted_on"] == np.isin(world.groups, world.groups[ROWS])).all()
    assert (table["ood"] == (table["ood_share"] < 0.01)).all()
    assert set(table["set"]) <= {"", "0", "1", "0|1"}
    assert "alarm" not in trusted.assess(held)
    with pytest.raises(UserError, match="cannot be told from"):
        trusted.assess(held, 0.01)


def test_calibration_comes_of_volcanoes_that_the_classifier_of_the_fold_had_not_seen(held, world) -> None:
    fit = fit_trusted(MAKERS["knn"], held, ROWS, world.y[ROWS])
    assert fit.held is not None
    for i, seen in enumerate(fit.held.learned_from):
        assert not seen & set(fit.held.groups[fit.held.fold == i])
    copied = held.catalogue.assign(content=np.where(np.isin(np.arange(600), [0, 400]), "same", None))
    copied.loc[copied["content"] == "None", "content"] = None
    with pytest.raises(LeakError, match="copied tile"):
        fit_trusted(MAKERS["knn"], replace(held, catalogue=copied), ROWS, world.y[ROWS])


def test_quiet_tiles_of_other_classes_and_shares(held, world) -> None:
    names = np.where(world.y[ROWS] == 1, "dyke", np.where(ROWS % 2, "sill", "none"))
    with pytest.raises(UserError, match="no label is 'calm'; choose one of: dyke, none, sill"):
        fit_trusted(Prototypes, held, ROWS, names, quiet_class="calm")
    plain = fit_trusted(Prototypes, held, ROWS, names).classifier
    with pytest.raises(UserError, match="--quiet CLASS"):
        plain.threshold(1.0)
    named = fit_trusted(Prototypes, held, ROWS, names, quiet_class="none").classifier
    assert named.quiet is not None
    assert named.quiet.scores.max() <= 1
    assert "predicted" in named.assess(held, 2.0)
    rare = fit_trusted(Prototypes, held, ROWS, world.y[ROWS], shares=[0.999, 0.001]).classifier
    common = fit_trusted(Prototypes, held, ROWS, world.y[ROWS]).classifier
    assert rare.probability(held)[:, 1].mean() < 0.1 * common.probability(held)[:, 1].mean()


def test_labels_at_one_volcano_give_a_classifier_without_promises(tmp_path, held, world) -> None:
    rows = np.flatnonzero(world.groups == "volcano_03")
    fit = fit_trusted(Prototypes, held, rows, world.y[rows])
    assert fit.held is None
    assert "one volcano only" in fit.why_not
    assert (fit.classifier.sets, fit.classifier.outliers, fit.classifier.quiet) == (None, None, None)
    fit.classifier.save(tmp_path / "clf")
    table = TrustedClassifier.load(tmp_path / "clf").assess(held)
    assert not {"set", "ood", "alarm"} & set(table)


def test_a_bare_probe_of_an_earlier_release_is_read(tmp_path, held, world) -> None:
    probe = LinearProbe(1.0).fit(held, world.y)
    probe.save(tmp_path / "old")
    old = TrustedClassifier.load(tmp_path / "old")
    np.testing.assert_array_equal(old.probability(held), probe.predict_proba(held))
    with pytest.raises(UserError, match="fit it with labels"):
        old.assess(held, 1.0)
    # And is replaced in its place.
    fit_trusted(MAKERS["knn"], held, ROWS, world.y[ROWS]).classifier.save(tmp_path / "old")
    assert not (tmp_path / "old" / "probe.json").exists()
