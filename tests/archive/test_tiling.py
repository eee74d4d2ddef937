from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_insar.archive.tiling import FrameTooSmallError, cut, starts
from ssl_insar.readers import Frame


def frame(height: int, width: int) -> Frame:
    phase = np.linspace(-3, 3, height * width, dtype=np.float32).reshape(height, width)
    return Frame.of(phase, np.ones(phase.shape, bool), wrapped=True, source=Path("made.npy"), family="made")


@given(st.integers(1, 600), st.integers(16, 224), st.integers(1, 224))
def test_tiles_stay_inside_and_leave_no_tile_sized_hole(length: int, tile: int, stride: int) -> None:
    found = starts(length, tile, min(stride, tile))
    if length < tile:
        assert found == []
        return
    assert found == sorted(set(found))
    assert found[0] >= 0
    assert found[-1] + tile <= length
    # What is left at an edge is never as large as half a tile.
    assert max(found[0], length - tile - found[-1]) <= tile / 2
    assert all(b - a <= tile for a, b in pairwise(found))


def test_a_crop_slightly_larger_than_a_tile_gives_one_centred_tile() -> None:
    assert starts(227, 224, 224) == [1]


def test_a_remainder_gets_its_own_tile() -> None:
    assert starts(400, 224, 224) == [0, 176]


def test_exact_fit_and_overlap() -> None:
    assert starts(448, 224, 224) == [0, 224]
    assert starts(448, 224, 112) == [0, 112, 224]


def test_cut_takes_the_right_pixels() -> None:
    whole = frame(100, 70)
    tiles = list(cut(whole, 32))
    assert [(t.row, t.col) for t in tiles[:2]] == [(2, 3), (2, 35)]
    for tile in tiles:
        np.testing.assert_array_equal(
            tile.phase, whole.phase[tile.row : tile.row + 32, tile.col : tile.col + 32]
        )
        np.testing.assert_allclose(np.angle(tile.phasor), tile.phase, atol=1e-6)


def test_a_frame_smaller_than_a_tile_is_refused_with_both_sizes() -> None:
    with pytest.raises(FrameTooSmallError, match=r"20 x 300 px, smaller than a tile of 64 x 64.*--tile"):
        cut(frame(20, 300), 64)
