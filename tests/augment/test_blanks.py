from __future__ import annotations

import pytest
import torch

from ssl_insar.augment.blanks import Blanks, lowest
from ssl_insar.augment.config import BlankKind, BlanksConfig, CutoutConfig, FrameEdgeConfig
from ssl_insar.augment.cutout import Cutout
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.frame_edge import FrameEdge

CPU = torch.device("cpu")
SIZE = 64
KINDS: tuple[BlankKind, ...] = ("box", "blob", "half-plane", "stripe")


def blanked(n: int, seed: int = 0, size: int = SIZE, **config: object) -> torch.Tensor:
    """Where n views lose their data; (n, S, S) bool."""
    effect = Blanks(BlanksConfig(**({"p": 1} | config)), size)
    return effect(torch.ones(n, 2, size, size), Draw(CPU, seed))[:, 0] == 0


@pytest.mark.parametrize(
    "effect",
    [Blanks(BlanksConfig(p=0), SIZE), FrameEdge(FrameEdgeConfig(p=0), SIZE)],
    ids=["blanks", "frame edge"],
)
def test_nothing_changes_at_p_0(effect: Blanks | FrameEdge) -> None:
    field = torch.randn(8, 2, SIZE, SIZE)
    assert torch.equal(effect(field, Draw(CPU, 0)), field)


def test_what_is_not_blanked_is_as_it_was_and_no_data_stays() -> None:
    field = torch.randn(20, 2, SIZE, SIZE)
    field[:, :, :7] = 0
    out = Blanks(BlanksConfig(p=1), SIZE)(field, Draw(CPU, 0))
    gone = blanked(20).unsqueeze(1)
    assert torch.equal(out, torch.where(gone, 0.0, field))
    assert not out[:, :, :7].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("area", "size"), [(0.05, 64), (0.25, 64), (0.25, 224), (0.6, 50)])
def test_areas_are_as_asked(kind: BlankKind, area: float, size: int) -> None:
    share = blanked(40, kinds=(kind,), area=(area, area), size=size).float().mean((1, 2))
    assert share.mean() == pytest.approx(area, rel=0.05)
    assert (share - area).abs().max() < 0.25 * area


def test_areas_span_the_range_and_p_is_the_share_touched() -> None:
    share = blanked(600, p=0.5, area=(0.05, 0.25)).float().mean((1, 2))
    assert (share > 0).float().mean() == pytest.approx(0.5, abs=0.07)
    assert share[share > 0].mean() == pytest.approx(0.15, abs=0.01)
    assert share[share > 0].min() < 0.07
    assert 0.23 < share.max() < 0.3


def test_boxes_are_boxes_and_lie_anywhere() -> None:
    gone = blanked(400, kinds=("box",))
    in_row, in_col = gone.any(2), gone.any(1)
    assert torch.equal(gone, in_row.unsqueeze(2) & in_col.unsqueeze(1))
    assert gone.float().mean(0).amin() >= 0
    assert gone.float().mean(0)[8:-8, 8:-8].amin() > 0.02


@pytest.mark.parametrize("area", [0.05, 0.5, 0.9, 1.0])
def test_boxes_of_cutouts_have_the_asked_area_too(area: float) -> None:
    effect = Cutout(CutoutConfig(p=0.5, area=(area, area)), 200)
    share = (effect(torch.ones(200, 2, 200, 200), Draw(CPU, 0))[:, 0] == 0).float().mean((1, 2))
    touched = share > 0
    assert touched.float().mean() == pytest.approx(0.5, abs=0.12)
    assert share[touched].numpy() == pytest.approx(area, rel=0.05)


def test_blobs_are_smooth() -> None:
    """A boundary of few pixels, unlike that of noise; and no straight sides."""
    gone = blanked(50, kinds=("blob",), area=(0.2, 0.2))
    changes = (gone[:, 1:] != gone[:, :-1]).sum((1, 2)) + (gone[:, :, 1:] != gone[:, :, :-1]).sum((1, 2))
    noise = 2 * 0.2 * 0.8 * 2 * SIZE * (SIZE - 1)
    assert changes.max() < 0.25 * noise
    assert len({int(n) for n in gone.sum(2).flatten()}) > 20


def test_half_planes_have_every_direction() -> None:
    gone = blanked(200, kinds=("half-plane",), area=(0.2, 0.2)).float()
    steps = torch.linspace(-1, 1, SIZE)
    x = (gone * steps).sum((1, 2)) / gone.sum((1, 2))
    y = (gone * steps.view(-1, 1)).sum((1, 2)) / gone.sum((1, 2))
    assert torch.hypot(x, y).min() > 0.5  # all on one side
    quadrants = torch.atan2(y, x).div(torch.pi / 2).floor()
    assert all(30 < int((quadrants == q).sum()) < 70 for q in (-2, -1, 0, 1))


def test_stripes_cross_the_view_tilted_as_the_track() -> None:
    gone = blanked(60, kinds=("stripe",), area=(0.15, 0.15), heading=(10.0, 10.0)).float()
    seen = gone.sum(1)  # height of the stripe in each column
    inside = (seen > 0).all(1) & ~gone[:, 0].any(1) & ~gone[:, -1].any(1)
    assert inside.sum() > 20
    middle = (gone * torch.arange(SIZE).view(-1, 1)).sum(1)[inside] / seen[inside]
    tilt = torch.rad2deg(torch.atan((middle[:, -1] - middle[:, 0]) / (SIZE - 1)))
    assert tilt.abs().numpy() == pytest.approx(10, abs=1)
    assert 0.2 < (tilt > 0).float().mean() < 0.8


def test_a_view_keeps_its_deformation() -> None:
    n = 400
    protect = torch.zeros(n, 1, SIZE, SIZE)
    protect[: n // 2, :, 20:40, 24:44] = 1
    field = torch.ones(n, 2, SIZE, SIZE)
    field[:, :, :30] = protect[:, :, :30] = 0  # of the deformation only half is seen
    free = blanked(n, area=(0.25, 0.25)) & (field[:, 0] != 0)
    effect = Blanks(BlanksConfig(p=1, area=(0.25, 0.25)), SIZE)
    gone = (effect(field, Draw(CPU, 0), protect)[:, 0] == 0) & (field[:, 0] != 0)
    lost = free[:, 30:40, 24:44].float().mean((1, 2))
    spared = (lost > 0.4) & (torch.arange(n) < n // 2)
    assert 20 < int(spared.sum()) < n // 4
    assert not gone[spared].any()
    assert torch.equal(gone[~spared], free[~spared])


def test_the_same_key_gives_the_same_shapes() -> None:
    assert torch.equal(blanked(20, 1), blanked(20, 1))
    assert not torch.equal(blanked(20, 1), blanked(20, 2))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_dtype_is_kept(dtype: torch.dtype) -> None:
    out = Blanks(BlanksConfig(p=1), SIZE)(torch.ones(20, 2, SIZE, SIZE, dtype=dtype), Draw(CPU, 0))
    assert out.dtype == dtype
    assert torch.equal(out[:, 0] == 0, blanked(20))


def test_the_lowest_part_of_a_field_is_taken() -> None:
    score = torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    part = lowest(score, torch.tensor([0.1, 0.7]))
    assert part.float().mean((1, 2)).tolist() == pytest.approx([0.1, 0.7], abs=0.05)
    for one, own in zip(part, score, strict=True):
        assert own[one].max() < own[~one].min()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kinds"):
        BlanksConfig(kinds=("circle",))
