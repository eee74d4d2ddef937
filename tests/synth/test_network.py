from __future__ import annotations

from ssl_insar.synth.network import nearest_neighbours


def test_each_is_joined_to_its_next_ones() -> None:
    assert nearest_neighbours(2, 1) == [(0, 1)]
    assert nearest_neighbours(4, 2) == [(0, 1), (1, 2), (0, 2), (2, 3), (1, 3)]
    assert len(nearest_neighbours(9, 8)) == 36
