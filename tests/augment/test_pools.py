"""Views from pools: those of a batch are those of its tiles, and the noise keeps its law."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from ssl_insar.augment import Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.alone import alone
from ssl_insar.augment.config import DecorrelationConfig
from ssl_insar.augment.decorrelation import Decorrelation
from ssl_insar.augment.draw import Draw
from ssl_insar.augment.pools import FIELDS, WINDOWS, Fields, Noise, Pools, Terrain, Turbulent
from ssl_insar.synth.decorrelation import phase_noise
from ssl_insar.synth.turbulence import power_law_fields

CPU = torch.device("cpu")
SIZE = 32


@pytest.fixture(scope="module")
def tiles() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    phase = 3 * power_law_fields(12, (64, 64), (100.0, 100.0), generator=generator)
    field = fd.from_complex(torch.polar(torch.ones_like(phase), phase))
    field[:, :, :9, :20] = 0
    return field


def test_a_batch_gives_what_its_tiles_give_one_by_one(tiles: torch.Tensor) -> None:
    views = Views(ViewsConfig(), 64, SIZE, seed=3)
    for step in range(4):
        whole = views(tiles, step)
        for i in (0, 5, 11):
            single = views(tiles[i : i + 1], step, ids=torch.tensor([i]))
            for (many, much), (one, coherence) in zip(whole, single, strict=True):
                torch.testing.assert_close(many[i : i + 1], one, atol=1e-4, rtol=0)
                torch.testing.assert_close(much[i : i + 1], coherence, atol=1e-4, rtol=0)


def test_the_order_of_a_batch_does_not_matter(tiles: torch.Tensor) -> None:
    views = Views(ViewsConfig(), 64, SIZE)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    plain, _ = views(tiles, 2, 1)[0]
    mixed, _ = views(tiles[order], 2, 1, ids=order)[0]
    torch.testing.assert_close(mixed, plain[order], atol=1e-4, rtol=0)


def test_ids_and_steps_and_views_differ() -> None:
    def numbers(ids: list[int], *key: int) -> torch.Tensor:
        draw = Draw(CPU, *key, ids=torch.tensor(ids))
        return torch.stack([draw.uniform(len(ids)) for _ in range(20)])

    every = [numbers([i], *key) for i in (0, 1, 10**9) for key in ((0, 0), (0, 1), (1, 0))]
    assert len(set(torch.stack(every).flatten().tolist())) == 180
    torch.testing.assert_close(numbers([4, 7], 0)[:, 1:], numbers([7], 0), rtol=0, atol=0)


def test_hashed_numbers_are_uniform_and_normal() -> None:
    draw = Draw(CPU, 5)
    uniform = torch.stack([draw.uniform(4000) for _ in range(10)])
    assert stats.kstest(uniform.flatten().numpy(), "uniform").pvalue > 0.01
    assert (torch.corrcoef(uniform) - torch.eye(10)).abs().max() < 0.06
    normal = draw.normals(200, 101)
    assert normal.shape == (200, 101)
    assert stats.kstest(normal.flatten().numpy(), "norm").pvalue > 0.01


@pytest.mark.parametrize("looks", [1, 5, 40])
def test_noise_from_a_pool_has_the_exact_law(looks: int) -> None:
    config = DecorrelationConfig(p=1, coherence=(0.7, 0.7), looks=(looks, looks))
    one = torch.zeros(1, 2, 128, 128)
    one[:, 0] = 1
    # Of one view: pieces of several may overlap, and are not independent then.
    pool = Noise(128 * 128, config.looks, Draw(CPU, 1))
    out, _ = Decorrelation(config)(one, torch.ones(1, 1, 128, 128), Draw(CPU, 2), pool)
    exact = phase_noise(torch.full((40_000,), 0.7), looks, generator=torch.Generator().manual_seed(0))
    angle = torch.atan2(out[:, 1], out[:, 0]).flatten()
    assert stats.ks_2samp(angle.numpy(), exact.numpy()).pvalue > 0.01


def test_noise_of_two_views_is_not_the_same() -> None:
    pool = Noise(64 * 64, (5, 5), Draw(CPU, 1))
    intensity, normal = pool.pieces(50, Draw(CPU, 2))
    for rows in (intensity, *normal):
        between = torch.corrcoef(rows) - torch.eye(50)
        assert between.abs().max() < 0.1


def corners(pool: Fields, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Number of the field, and upper left pixel within a period, of windows; (..., S) -> (...) each."""
    side, first = pool.fields.shape[-1], places.amin(-1)
    return first // side**2, first // side % side % pool.period, first % side % pool.period


def test_windows_are_fields_and_do_not_overlap() -> None:
    pool = Turbulent(SIZE, 100.0, Draw(CPU, 1))
    side, period = pool.fields.shape[-1], pool.period
    n = FIELDS * WINDOWS
    draw = Draw(CPU, 2, ids=torch.arange(n))
    seen = pool.places(n, draw).unsqueeze(2) + torch.arange(SIZE)
    field, row, col = seen // side**2, seen // side % side % period, seen % side % period
    assert len(set(((field * period + row) * period + col).flatten().tolist())) == n * SIZE * SIZE
    cut = pool.windows(n, draw.of("other"))
    torch.testing.assert_close(cut.mean((1, 2)), torch.zeros(n), atol=1e-4, rtol=0)
    torch.testing.assert_close(cut.std((1, 2), correction=0), torch.ones(n), atol=1e-3, rtol=0)


def test_two_samples_of_a_large_batch_hardly_ever_share_a_window() -> None:
    pool, n = Turbulent(SIZE, 100.0, Draw(CPU, 1)), 512
    draws = [Draw(CPU, step, ids=torch.arange(n)) for step in range(8)]
    field, row, col = corners(pool, torch.stack([pool.places(n, draw) for draw in draws]))

    def met(places: torch.Tensor) -> torch.Tensor:
        """Share of the side that two windows have in common, of every two; (steps, n, n)."""
        apart = (places.unsqueeze(1) - places.unsqueeze(2)).abs()
        return (1 - torch.minimum(apart, pool.period - apart) / SIZE).clamp_min(0)

    area = met(row) * met(col) * (field.unsqueeze(1) == field.unsqueeze(2))
    area = area.masked_fill(torch.eye(n, dtype=torch.bool), 0.0)
    lap = torch.arange(n) // (FIELDS * WINDOWS)
    other = lap.unsqueeze(0) != lap.unsqueeze(1)
    assert not area[:, ~other].any()
    apart = area[:, other]
    assert (apart > 0).float().mean() == pytest.approx(1 / FIELDS, rel=0.15)
    assert (apart > 0.5).float().mean() == pytest.approx(0.0096, rel=0.2)
    assert (apart > 0.9).float().mean() < 0.001


def test_a_sample_gets_another_window_at_each_step() -> None:
    pool, ids = Turbulent(SIZE, 100.0, Draw(CPU, 1)), torch.tensor([5, 69, 5 + 10**6])
    steps = torch.stack([pool.places(3, Draw(CPU, step, ids=ids)) for step in range(200)])
    windows = torch.stack(corners(pool, steps), -1)
    for i in range(3):
        assert len(set(map(tuple, windows[:, i].tolist()))) > 195
    assert len(set(windows[:, 0, 0].tolist())) == FIELDS


@pytest.mark.parametrize("kind", [Turbulent, Terrain])
def test_windows_are_as_rough_as_fields_made_one_by_one(kind: type[Fields]) -> None:
    def structure(fields: torch.Tensor, lag: int) -> float:
        return float((fields[:, lag:] - fields[:, :-lag]).square().mean())

    draws = [Draw(CPU, k, ids=torch.arange(64)) for k in range(8)]
    cut = torch.cat([kind(SIZE, 100.0, draw.of("pool")).windows(64, draw) for draw in draws])
    generator = torch.Generator().manual_seed(0)
    made = power_law_fields(512, (SIZE, SIZE), (100.0, 100.0), kind.law, generator=generator)
    for lag in (1, 4, 16):
        assert structure(cut, lag) == pytest.approx(structure(made, lag), rel=0.1)
    across = (cut[:, :, 0] - cut[:, :, -1]).abs().mean()
    assert across > 4 * (cut[:, :, 1:] - cut[:, :, :-1]).abs().mean(), "not periodic"


def test_views_of_a_tile_have_their_own_turbulence_and_pools_are_renewed() -> None:
    pools = Pools(SIZE, 100.0, (5, 40), 0, 0)
    first, second = (pools.turbulent(0, view, CPU) for view in range(2))
    assert (
        abs(float(torch.corrcoef(torch.stack([first.fields.flatten(), second.fields.flatten()]))[0, 1])) < 0.2
    )
    assert pools.turbulent(1, 0, CPU) is first
    later = pools.turbulent(1000, 0, CPU)
    assert not torch.equal(later.fields, first.fields)
    again = Pools(SIZE, 100.0, (5, 40), 0, 0).turbulent(0, 0, CPU)
    torch.testing.assert_close(again.fields, first.fields, rtol=0, atol=0)
    ground = pools.terrain(1000, 0, CPU)
    assert not torch.equal(ground.fields, later.fields)
    assert pools.terrain(1001, 0, CPU) is ground
    assert pools.turbulent(1001, 0, CPU) is later


def test_windows_of_some_samples_are_those_they_get_among_all() -> None:
    pool, only = Terrain(SIZE, 100.0, Draw(CPU, 1)), torch.tensor([3, 0, 7])
    some = pool.windows(9, Draw(CPU, 2), only)
    torch.testing.assert_close(some, pool.windows(9, Draw(CPU, 2))[only], rtol=0, atol=1e-6)
    assert pool.windows(9, Draw(CPU, 2), only[:0]).shape == (0, SIZE, SIZE)


def test_exact_views_need_no_pool(tiles: torch.Tensor) -> None:
    for name in ("turbulence", "decorrelation"):
        views = Views(alone(ViewsConfig(), name), 64, SIZE, exact=True)
        view, _ = views(tiles, 0, 1)[0]
        assert not torch.equal(view, Views(alone(ViewsConfig(), name), 64, SIZE)(tiles, 0, 1)[0][0])
        valid = fd.validity(view)[:, 0] > 0
        assert math.isclose(float(fd.magnitude(view)[:, 0][valid].mean()), 1, abs_tol=1e-4)
