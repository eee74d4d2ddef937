from __future__ import annotations

import numpy as np

from ssl_insar.pretrain.batches import Batches, arrange


def meetings(order: np.ndarray, keys: np.ndarray, size: int) -> int:
    """How many keys occur more than once in a batch."""
    count = 0
    for batch in order.reshape(-1, size):
        here = keys[batch]
        _, often = np.unique(here[here >= 0], return_counts=True)
        count += int((often > 1).sum())
    return count


def test_tiles_of_one_acquisition_do_not_meet() -> None:
    rng = np.random.default_rng(0)
    # Interferograms of 60 acquisitions, each of two of them.
    keys = np.stack([rng.integers(0, 60, 512), 100 + rng.integers(0, 60, 512)], 1)
    order = rng.permutation(512)
    arranged = arrange(order, keys, 16)
    assert sorted(arranged) == sorted(order)
    assert meetings(order, keys, 16) > 50
    assert meetings(arranged, keys, 16) <= 5


def test_where_all_share_an_acquisition_they_meet_and_none_is_lost() -> None:
    order = np.arange(40)
    arranged = arrange(order, np.zeros((40, 1), int), 16)
    assert len(arranged) == 32
    assert len(set(arranged)) == 32


def test_without_keys_and_without_conflicts_nothing_moves() -> None:
    order = np.random.default_rng(1).permutation(64)
    assert np.array_equal(arrange(order, np.full((64, 2), -1), 8), order)


def test_a_batch_follows_from_its_step_with_keys_too() -> None:
    rng = np.random.default_rng(2)
    keys = rng.integers(0, 9, (50, 1))
    tiles = np.arange(50)
    whole = list(Batches(tiles, 8, 12, seed=3, keys=keys))
    assert list(Batches(tiles, 8, 12, seed=3, start=7, keys=keys)) == whole[7:]
    parts = [list(Batches(tiles, 8, 12, seed=3, rank=r, world=2, keys=keys)) for r in range(2)]
    for step, batch in enumerate(whole):
        assert sorted(parts[0][step] + parts[1][step]) == sorted(batch)
