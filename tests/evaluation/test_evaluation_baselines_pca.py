"""Principal components of the phasor, beside scikit-learn's whole decomposition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from evaluation.baselines import pca
from ssl_insar.archive import Archive
from ssl_insar.errors import UserError


def test_components_span_what_a_whole_decomposition_finds(archive_path, monkeypatch) -> None:
    archive = Archive.open(archive_path)
    x = pca.pixels(archive, np.arange(len(archive)), 16)
    assert x.shape == (60, 512)
    assert np.abs(x).max() <= 1 + 1e-6  # a phasor no longer than 1
    monkeypatch.setattr(pca, "_CHUNK", 30)  # in two shares
    model = pca.fit(archive, 16, 20, shown=False)
    whole = PCA(20, svd_solver="full").fit(x)
    # Incremental: nearly, not exactly, the same variance.
    assert model.explained_variance_.sum() == pytest.approx(whole.explained_variance_.sum(), rel=0.05)
    assert model.n_samples_seen_ == 60
    monkeypatch.undo()
    at_once = pca.fit(archive, 16, 20, shown=False)
    np.testing.assert_allclose(at_once.explained_variance_, whole.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(np.abs(at_once.transform(x)), np.abs(whole.transform(x)), atol=1e-2)


def test_too_many_components_are_refused(archive_path) -> None:
    with pytest.raises(UserError, match="--components 61: 60 tiles of 16 px have 60 at most"):
        pca.fit(Archive.open(archive_path), 16, 61, shown=False)
