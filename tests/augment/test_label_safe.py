from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ssl_insar.augment.label_safe import Geometry, keep_deformation, kept, most_air
from ssl_insar.synth.detectability import Atmosphere, gls_snr, phase_information
from ssl_insar.synth.turbulence import HANSSEN

TILE = 112


def crops(n: int, seed: int = 0) -> Geometry:
    """Small crops anywhere, turned by up to 20 degrees, some flipped."""
    generator = torch.Generator().manual_seed(seed)
    half = torch.rand(n, 2, generator=generator) * 0.5 + 0.4
    shift = (torch.rand(n, 2, generator=generator) * 2 - 1) * (1 - half)
    sign = torch.where(torch.rand(n, 2, generator=generator) < 0.5, -1.0, 1.0)
    angle = (torch.rand(n, generator=generator) - 0.5) * 0.7
    return Geometry(half, shift, sign, angle)


def spots(n: int, seed: int = 1) -> torch.Tensor:
    """A disc somewhere in each tile."""
    generator = torch.Generator().manual_seed(seed)
    middle = torch.rand(n, 2, 1, 1, generator=generator) * TILE
    y, x = torch.meshgrid(torch.arange(TILE), torch.arange(TILE), indexing="ij")
    return ((x - middle[:, 0]) ** 2 + (y - middle[:, 1]) ** 2 < 15**2).float().unsqueeze(1)


def seen(geometry: Geometry, mask: torch.Tensor) -> torch.Tensor:
    """Share of the mask's pixels in the views, counted: what the crop leaves out is what a copy lacks."""
    grid = F.affine_grid(geometry.affine(), [len(mask), 1, 512, 512], align_corners=False)
    area = geometry.half.prod(1)
    pixels = F.grid_sample(mask, grid, mode="nearest", align_corners=False).mean((1, 2, 3))
    return pixels * area / mask.mean((1, 2, 3))


def test_what_a_crop_keeps_is_what_its_view_shows() -> None:
    geometry, mask = crops(200), spots(200)
    coarse = F.adaptive_avg_pool2d(mask, 56)[:, 0]
    torch.testing.assert_close(kept(geometry, coarse), seen(geometry, mask), atol=0.03, rtol=0)


def test_crops_keep_60_percent_and_are_not_drawn_back_without_need() -> None:
    geometry, mask = crops(400), spots(400)
    before = seen(geometry, mask)
    safe, share = keep_deformation(geometry, mask)
    assert (before < 0.5).sum() > 50, "the crops at hand do lose deformation"
    assert seen(safe, mask).min() > 0.58
    assert share.min() >= 0.6
    fine = before > 0.7
    torch.testing.assert_close(safe.affine()[fine], geometry.affine()[fine])


def test_nothing_known_changes_nothing() -> None:
    geometry = crops(20)
    safe, share = keep_deformation(geometry, torch.zeros(20, 1, TILE, TILE))
    torch.testing.assert_close(safe.affine(), geometry.affine())
    assert torch.equal(share, torch.ones(20))


def test_the_ratio_stays_at_5_with_the_most_air() -> None:
    generator = torch.Generator().manual_seed(2)
    n, side = 12, 56
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    width = torch.rand(n, 1, 1, generator=generator) * 6 + 3
    bump = torch.exp(-((x - 28) ** 2 + (y - 25) ** 2) / (2 * width**2))
    signal = bump * (torch.rand(n, 1, 1, generator=generator) * 20 + 1)
    own = torch.rand(n, generator=generator) + 0.3

    def ratio(rms: torch.Tensor) -> torch.Tensor:
        air = Atmosphere((400.0, 400.0), HANSSEN, rms, torch.zeros(n, 0), torch.zeros(n, 0))
        coherent = torch.full(signal.shape, 0.95)
        return gls_snr(
            signal, air, phase_information(coherent, 20, torch.ones(signal.shape, dtype=torch.bool))
        )

    before = ratio(own)
    assert 3 < int((before > 5).sum()) < n, "some are above 5 and some below"
    added = most_air(before.float(), own)
    after = ratio(torch.hypot(own, added))
    loud = before > 5
    assert after[loud].min() > 5 * 0.999
    # White noise is all that keeps it from being 5: what is added is not timid.
    assert after[loud].max() < 5.7
    assert not added[~loud].any()


def test_little_of_the_signal_allows_little_air_and_unknown_tiles_any() -> None:
    snr, own = torch.tensor([10.0, 10.0, torch.nan]), torch.ones(3)
    most = most_air(snr, own, torch.tensor([1.0, 0.6, 1.0]))
    assert most[0] == pytest.approx(3**0.5)
    assert most[1] == pytest.approx(1.4**0.5)
    assert most[2] == torch.inf
