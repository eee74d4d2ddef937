"""What all views begin with: no data, and the mean over blocks."""

from __future__ import annotations

import pytest
import torch

from ssl_insar.augment import Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.sampling import reduce, sample, whole
from ssl_insar.models import InputSpec
from ssl_insar.synth.turbulence import power_law_fields


def of_phase(phase: torch.Tensor) -> torch.Tensor:
    return torch.stack([phase.cos(), phase.sin()], 1)


@pytest.fixture(scope="module")
def tiles() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return of_phase(2 * power_law_fields(4, (70, 70), (100.0, 100.0), generator=generator))


@pytest.mark.parametrize("size", [20, 32, 50, 64])
def test_what_is_not_finite_is_no_data(tiles: torch.Tensor, size: int) -> None:
    gap, bad = tiles.clone(), tiles.clone()
    gap[:, :, 11:31, 8:40] = 0
    bad[:, :, 11:31, 8:40] = torch.nan
    bad[:, 1, 12, 9] = 1.0
    bad[:2, 0, 13, 10:20] = torch.inf
    views = Views(ViewsConfig(), 70, size)
    for (view, local), (expected, coherence) in zip(views(bad, 0), views(gap, 0), strict=True):
        assert torch.equal(view, expected)
        assert torch.equal(local, coherence)
    spec = InputSpec(size)
    seen = spec.prepare(bad)
    assert torch.equal(seen, spec.prepare(gap))
    assert not seen.isnan().any()


@pytest.mark.parametrize(("tile", "size"), [(64, 16), (70, 16), (64, 20), (99, 20), (67, 33)])
def test_fringes_stay_where_they_are_whatever_the_number_of_looks(tile: int, size: int) -> None:
    place = (torch.arange(float(tile)) + 0.5) / tile
    mean, share = reduce(of_phase((3 * place).expand(1, tile, tile)), size)
    assert share.unique().numpy() == pytest.approx(1, abs=1e-5)
    view, _ = sample(mean, share, whole(mean, size))
    expected = 3 * (torch.arange(float(size)) + 0.5) / size
    moved = (torch.atan2(view[0, 1], view[0, 0]) - expected) * size / 3
    assert moved[:, 1:-1].abs().max() < 0.05, "px of the view"


def test_blocks_that_share_pixels_keep_the_mean(tiles: torch.Tensor) -> None:
    mean, share = fd.multilook(tiles, 4)
    assert mean.shape[-2:] == share.shape[-2:] == (17, 17)
    torch.testing.assert_close(mean.mean((2, 3)), tiles.mean((2, 3)), atol=1e-5, rtol=0)
    even, _ = fd.multilook(tiles[..., :68, :68], 4)
    weights = fd._block_means(68, 17, tiles.device)
    torch.testing.assert_close(weights @ tiles[..., :68, :68] @ weights.T, even, atol=1e-6, rtol=0)
