"""Several labels a tile, some of them unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.multioutput import MultiOutputClassifier

from ssl_insar.classify import LinearProbe, MultiLabel, Neighbours, Prototypes
from ssl_insar.errors import UserError


def _labels(world) -> np.ndarray:
    return np.stack([world.y, world.features[:, 1] > 0], axis=1).astype(float)


@pytest.mark.parametrize("classifier", [LinearProbe(c=1.0), Prototypes(), Neighbours(5)])
def test_known_labels_give_what_scikit_learn_gives(world, classifier) -> None:
    y = _labels(world)
    ours = MultiLabel(classifier).fit(world.features, y)
    theirs = MultiOutputClassifier(classifier).fit(world.features, y.astype(int))
    expected = np.stack([p[:, 1] for p in theirs.predict_proba(world.features)], axis=1)
    np.testing.assert_allclose(ours.predict_proba(world.features), expected, atol=1e-9)
    assert (ours.predict(world.features) == (expected > 0.5)).all()
    assert ours.score(world.features, y) > y.mean()
    assert ours.get_params()["classifier"] is classifier


def test_each_label_is_learned_from_the_tiles_where_it_is_known(world) -> None:
    y = _labels(world)
    y[::2, 0] = np.nan
    table = pd.DataFrame(y, columns=["dyke", "lava"]).astype("Int64")
    model = MultiLabel(LinearProbe(c=1.0)).fit(world.embeddings(), table)
    assert model.labels_.tolist() == ["dyke", "lava"]
    assert [m.count_ for m in model.classifiers_] == [300, 600]
    unit = world.embeddings().normalised()
    alone = LinearProbe(c=1.0).fit(unit[1::2], world.y[1::2], population=unit)
    np.testing.assert_allclose(model.predict_proba(unit)[:, 0], alone.predict_proba(unit)[:, 1], atol=1e-6)
    assert 0 < model.score(world.embeddings(), table) <= 1
    with pytest.raises(UserError, match="encoder abc, these are of encoder xyz"):
        model.predict_proba(world.embeddings("xyz"))


def test_a_label_that_is_never_true_is_named(world) -> None:
    y = pd.DataFrame(_labels(world), columns=["dyke", "lava"]).assign(sill=0)
    with pytest.raises(UserError, match="label 'sill' must be 0 and 1"):
        MultiLabel(Prototypes()).fit(world.features, y)
