"""Distance from the training tiles: foreign tiles are told, new volcanoes of the known kind are not."""

from __future__ import annotations

import numpy as np
import pytest

from ssl_insar.classify import OutlierDistance
from ssl_insar.errors import UserError


@pytest.mark.parametrize("method", ["knn", "mahalanobis"])
def test_new_volcanoes_are_as_the_training_and_foreign_tiles_are_not(method) -> None:
    rng = np.random.default_rng(0)

    def volcanoes(count: int) -> tuple[np.ndarray, np.ndarray]:
        groups = np.repeat(np.arange(count), 5)
        return rng.normal(size=(count, 6))[groups] + rng.normal(size=(5 * count, 6)), groups

    known = OutlierDistance(method).fit(*volcanoes(200))
    new, _ = volcanoes(200)
    share = known.share_as_far(known.distance(new))
    assert (share < 0.1).mean() == pytest.approx(0.1, abs=0.05)
    assert (known.share_as_far(known.distance(new + 8)) < 0.01).all()


def test_the_own_volcano_is_no_measure_of_the_next() -> None:
    # Two tight volcanoes far apart: within each all is near, a third as far away is not foreign.
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(3), 20)
    centre = 10 * np.eye(3)
    known = OutlierDistance(k=1).fit(centre[groups] + 0.01 * rng.normal(size=(60, 3)), groups)
    assert known.share_as_far(known.distance([[0.0, 0.0, 0.0]]))[0] == 1
    assert known.distance(known.matrix_).max() == 0


def test_mahalanobis_is_the_distance_by_the_shrunk_covariance() -> None:
    from sklearn.covariance import LedoitWolf

    rng = np.random.default_rng(2)
    x = (rng.normal(size=(100, 4)) * [1, 2, 3, 4]).astype(np.float32)
    known = OutlierDistance("mahalanobis").fit(x, np.arange(100) // 10)
    np.testing.assert_allclose(known.distance(x) ** 2, LedoitWolf().fit(x).mahalanobis(x), rtol=1e-3)


def test_shares_count_the_training_tiles() -> None:
    known = OutlierDistance()
    known.reference_ = np.array([1.0, 2.0, 3.0])
    assert known.share_as_far([0.5, 2.0, 9.0]).tolist() == [1.0, 0.75, 0.25]
    with pytest.raises(UserError, match="two volcanoes"):
        OutlierDistance().fit(np.zeros((3, 2)), ["a"] * 3)
    with pytest.raises(ValueError, match="knn or mahalanobis"):
        OutlierDistance("far")
