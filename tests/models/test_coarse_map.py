"""A map of a few cells: where it is said to be largest."""

from __future__ import annotations

import torch

from ssl_insar.models.coarse_map import fine_map, largest


def _tiles(count: int, side: int = 60) -> torch.Tensor:
    tiles = torch.zeros(count, 2, side, side)
    tiles[:, 0] = 1
    return tiles


def test_the_largest_cell_is_pointed_at_and_not_the_corner_beyond_it() -> None:
    cells = torch.zeros(3, 1, 3, 3)
    for number, (row, col) in enumerate(((1, 1), (0, 0), (2, 1))):
        cells[number, 0, row, col] = 1
    place, most = largest(fine_map(cells, _tiles(3)), 3)
    centres = torch.tensor([[30, 30], [10, 10], [50, 30]])
    assert (place - centres).abs().max() <= 2
    torch.testing.assert_close(most, torch.ones(3), atol=0.05, rtol=0)
    # Of two cells alike, the place lies between their centres.
    cells = torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]])
    ((_, col),) = largest(fine_map(cells, _tiles(1)), 3)[0].tolist()
    assert 30 <= col <= 50


def test_a_single_cell_points_at_the_centre() -> None:
    place, _ = largest(fine_map(torch.ones(1, 1, 1, 1), _tiles(1)), 1)
    assert place.tolist() == [[30, 30]]


def test_where_there_is_no_data_nothing_is_pointed_at() -> None:
    cells = torch.zeros(3, 1, 3, 3)
    cells[:, 0, 1, 1] = 1
    tiles = _tiles(3)
    tiles[0, :, 20:40, 20:40] = 0
    tiles[1, :, 8:] = 0  # data at the rim only
    tiles[2] = 0
    fine = fine_map(cells, tiles)
    place, most = largest(fine, 3)
    row, col = place[0].tolist()
    assert not (20 <= row < 40 and 20 <= col < 40)
    assert place[1, 0] < 8
    assert most[:2].isfinite().all()
    assert most[2].isneginf()
