from __future__ import annotations

import numpy as np
import pytest
import torch

from ssl_insar.augment.config import StratifiedConfig
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.pools import Terrain
from ssl_insar.augment.stratified import Stratified

CPU = torch.device("cpu")
SIZE = 32


POOL = Terrain(SIZE, 100.0, Draw(CPU, "terrain"))


def screens(
    n: int,
    height: torch.Tensor | None = None,
    seed: int = 0,
    pool: Terrain | None = None,
    **config: object,
) -> tuple[torch.Tensor, torch.Tensor]:
    effect = Stratified(StratifiedConfig(**({"p": 1} | config)), SIZE, 100.0)
    return effect(n, Draw(CPU, seed), height, pool)


def terrain(n: int) -> torch.Tensor:
    """A cone of 1 km on sloping ground, another slope a view."""
    steps = torch.linspace(-1, 1, SIZE)
    cone = 1000 * torch.exp(-3 * torch.hypot(steps, steps.view(-1, 1)))
    return (cone + torch.arange(n).view(-1, 1, 1) * 100 * steps).unsqueeze(1)


@pytest.mark.parametrize("pool", [None, POOL])
def test_none_is_touched_at_p_0(pool: Terrain | None) -> None:
    for height in (None, terrain(5)):
        chosen, made = screens(5, height, pool=pool, p=0)
        assert chosen.shape == (0,)
        assert made.shape == (0, SIZE, SIZE)


def test_the_delay_is_linear_in_the_height_of_its_own_view() -> None:
    height = terrain(40)
    chosen, made = screens(40, height, p=0.5)
    assert 10 < len(chosen) < 30
    for index, screen in zip(chosen, made, strict=True):
        own = height[index, 0].flatten().numpy()
        slope, _ = np.polyfit(own, screen.flatten().numpy(), 1)
        np.testing.assert_allclose(screen.flatten(), slope * (own - own.mean()), atol=1e-4)


def test_gradients_have_the_asked_deviation_in_rad_a_km() -> None:
    _, made = screens(4000, terrain(1).expand(4000, -1, -1, -1), gradient=1.5)
    rise = terrain(1)[0, 0, SIZE // 2, SIZE // 2] - terrain(1)[0, 0, 0, 0]
    gradient = (made[:, SIZE // 2, SIZE // 2] - made[:, 0, 0]) / (rise / 1000)
    assert gradient.std() == pytest.approx(1.5, rel=0.05)
    assert gradient.mean().abs() < 0.1


def test_unknown_height_counts_as_the_mean_of_the_known() -> None:
    height = terrain(3)
    height[:, :, :9] = torch.nan
    height[:, :, 9, 0] = torch.inf
    _, made = screens(3, height)
    assert made.isfinite().all()
    assert made[:, :9].abs().max() < 1e-4
    assert made[:, 9, 0].abs().max() < 1e-4
    assert made[:, 10:].abs().max() > 0.1


@pytest.mark.parametrize("pool", [None, POOL])
def test_views_without_height_get_terrain_and_the_others_keep_theirs(pool: Terrain | None) -> None:
    height = terrain(6)
    whole = screens(6, height, pool=pool)[1]
    height[2] = torch.nan
    made = screens(6, height, pool=pool)[1]
    others = torch.arange(6) != 2
    torch.testing.assert_close(made[others], whole[others], rtol=0, atol=0)
    assert made[2].isfinite().all()
    assert made[2].std() > 1e-3
    # Fractal: nothing of the cone.
    assert torch.corrcoef(torch.stack([made[2].flatten(), whole[2].flatten()]))[0, 1].abs() < 0.9


def test_terrain_from_a_pool_is_that_of_the_view_whichever_others_need_one() -> None:
    none = torch.full((6, 1, SIZE, SIZE), torch.nan)
    every = screens(6, none, pool=POOL)[1]
    torch.testing.assert_close(screens(6, None, pool=POOL)[1], every, rtol=0, atol=1e-6)
    some = terrain(6)
    some[[1, 4]] = torch.nan
    torch.testing.assert_close(screens(6, some, pool=POOL)[1][[1, 4]], every[[1, 4]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("pool", [None, POOL])
def test_made_terrain_has_the_asked_relief(pool: Terrain | None) -> None:
    _, one = screens(300, relief=(0.5, 0.5), pool=pool)
    _, four = screens(300, relief=(2.0, 2.0), pool=pool)
    torch.testing.assert_close(four, 4 * one, rtol=1e-4, atol=1e-5)
    # |k| of a Gaussian has the mean 2 sqrt(2 / pi) rad/km, times half a km.
    spread = (one.amax((1, 2)) - one.amin((1, 2))).mean()
    assert spread == pytest.approx(0.5 * 2 * np.sqrt(2 / np.pi), rel=0.15)
    assert one.mean((1, 2)).abs().max() < 1e-5


def test_the_same_key_gives_the_same_screens() -> None:
    torch.testing.assert_close(screens(4, seed=3)[1], screens(4, seed=3)[1], rtol=0, atol=0)
    assert (screens(4, seed=3)[1] - screens(4, seed=4)[1]).abs().max() > 0.01


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_screens_are_single_precision_whatever_the_height_is(dtype: torch.dtype) -> None:
    _, made = screens(3, terrain(3).to(dtype))
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, screens(3, terrain(3))[1], rtol=0, atol=0.02)


def test_heights_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="height is"):
        screens(3, terrain(2))
