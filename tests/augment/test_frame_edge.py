from __future__ import annotations

import pytest
import torch

from ssl_insar.augment.config import FrameEdgeConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.frame_edge import FrameEdge

CPU = torch.device("cpu")
SIZE = 96


def beyond(n: int, seed: int = 0, **config: object) -> torch.Tensor:
    """What n views lose; (n, S, S) bool."""
    effect = FrameEdge(FrameEdgeConfig(**({"p": 1} | config)), SIZE)
    return effect(torch.ones(n, 2, SIZE, SIZE), Draw(CPU, seed))[:, 0] == 0


def test_areas_and_the_share_touched_are_as_asked() -> None:
    share = beyond(400, p=0.5).float().mean((1, 2))
    assert (share > 0).float().mean() == pytest.approx(0.5, abs=0.08)
    assert share.max() < 0.32
    assert share[share > 0].mean() == pytest.approx(0.16, abs=0.02)
    one = beyond(50, area=(0.3, 0.3)).float().mean((1, 2))
    assert one.numpy() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("degrees", [8.0, 14.0])
def test_edges_lie_on_all_four_sides_tilted_either_way(degrees: float) -> None:
    lost = beyond(400, area=(0.3, 0.3), heading=(degrees, degrees))
    corners = lost[:, [0, 0, -1, -1], [0, -1, 0, -1]].float()
    assert torch.equal(corners.sum(1), torch.full((400,), 2.0))  # a side, neither a corner nor a stripe
    above = (corners[:, 0] * corners[:, 1]).bool()
    left = (corners[:, 0] * corners[:, 2]).bool()
    below = (corners[:, 2] * corners[:, 3]).bool()
    right = (corners[:, 1] * corners[:, 3]).bool()
    assert all(60 < int(side.sum()) < 140 for side in (above, left, below, right))
    depth = lost[above].sum(1).float()  # of the lost part in each column
    tilt = torch.rad2deg(torch.atan((depth[:, -1] - depth[:, 0]) / (SIZE - 1)))
    assert tilt.abs().numpy() == pytest.approx(degrees, abs=1)
    assert 0.3 < (tilt > 0).float().mean() < 0.7


def test_the_rest_is_as_it_was_and_no_data_stays() -> None:
    field = torch.randn(20, 2, SIZE, SIZE)
    field[:, :, 40:50] = 0
    out = FrameEdge(FrameEdgeConfig(p=1), SIZE)(field, Draw(CPU, 0))
    assert torch.equal(out, torch.where(beyond(20).unsqueeze(1), 0.0, field))


def test_a_view_keeps_its_deformation() -> None:
    n = 200
    protect = torch.zeros(n, 1, SIZE, SIZE)
    protect[:, :, :30] = 1
    effect = FrameEdge(FrameEdgeConfig(p=1, area=(0.25, 0.25)), SIZE)
    gone = effect(torch.ones(n, 2, SIZE, SIZE), Draw(CPU, 0), protect)[:, 0] == 0
    free = beyond(n, area=(0.25, 0.25))
    spared = free[:, :30].float().mean((1, 2)) > 0.4
    assert 20 < int(spared.sum()) < 100
    assert not gone[spared].any()
    assert torch.equal(gone[~spared], free[~spared])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_same_key_gives_the_same_edges_in_every_dtype(dtype: torch.dtype) -> None:
    effect = FrameEdge(FrameEdgeConfig(p=1), SIZE)
    out = effect(torch.ones(20, 2, SIZE, SIZE, dtype=dtype), Draw(CPU, 1))
    assert out.dtype == dtype
    assert torch.equal(out[:, 0] == 0, beyond(20, 1))
    assert not torch.equal(beyond(20, 1), beyond(20, 2))
