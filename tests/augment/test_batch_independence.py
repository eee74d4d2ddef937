"""Whatever else is in a batch, and in which order, a tile gets the same views: for every effect."""

from __future__ import annotations

import pytest
import torch

from ssl_insar.augment import Extras, Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.alone import alone, effects, silent
from ssl_insar.augment.config import BlankKind, BlanksConfig
from ssl_insar.augment.sampling import interpolated, normalised, whole
from ssl_insar.augment.unwrapped import Unwrapped
from ssl_insar.synth.turbulence import power_law_fields

TILE, SIZE, COUNT = 64, 32, 12
TOGETHER = "all together"


def smooth(n: int, size: int, seed: int) -> torch.Tensor:
    """Phasors of smooth phase with a corner of no data."""
    generator = torch.Generator().manual_seed(seed)
    phase = 2 * power_law_fields(n, (size, size), (100.0, 100.0), generator=generator)
    field = fd.from_complex(torch.polar(torch.ones_like(phase), phase))
    field[:, :, : size // 8, : size // 3] = 0
    return field


@pytest.fixture(scope="module")
def tiles() -> torch.Tensor:
    return smooth(COUNT, TILE, 0)


@pytest.fixture(scope="module")
def extras() -> Extras:
    """Heights that every third tile lacks, deformation of every other one, unwrapped phase of most."""
    height = 500 * smooth(COUNT, TILE, 1)[:, :1]
    height[::3] = torch.nan
    deformation = torch.zeros(COUNT, 1, TILE, TILE)
    deformation[::2, :, 20:44, 16:50] = 1
    number = torch.arange(COUNT)
    counts = (torch.arange(TILE) * (number.view(-1, 1, 1) + 1)).expand(-1, TILE, -1).short()
    bits = torch.full((COUNT, TILE, TILE // 8), 255, dtype=torch.uint8)
    return Extras(
        height=height,
        deformation=deformation,
        snr=torch.where(number % 2 == 0, 40.0, torch.nan),
        own=torch.full((COUNT,), 0.4),
        unwrapped=Unwrapped(counts, bits, number % 4 != 3),
    )


def half(config: ViewsConfig) -> ViewsConfig:
    """Every effect that touches a view touches half of them: subsets are where orders get mixed up."""
    return config.model_copy(
        update={
            name: section.model_copy(update={"p": 0.5})
            for name in effects()
            if hasattr(section := getattr(config, name), "p") and section.p
        }
    )


def all_on() -> ViewsConfig:
    config = ViewsConfig()
    on = {name: getattr(alone(config, name), name) for name in effects() if name != "flip"}
    return half(config.model_copy(update=on))


def config_of(name: str) -> ViewsConfig:
    return all_on() if name == TOGETHER else half(alone(ViewsConfig(), name))


def some(extras: Extras, which: torch.Tensor) -> Extras:
    assert extras.unwrapped is not None
    layers = (each[which] for each in extras[:-1] if each is not None)
    return Extras(*layers, Unwrapped(*(each[which] for each in extras.unwrapped)))


def views_of(config: ViewsConfig) -> Views:
    quiet = torch.atan2(*smooth(5, SIZE, 2).flip(1).unbind(1)) / 6  # louder donors would be left out
    bank = fd.from_complex(torch.polar(torch.ones_like(quiet), quiet))
    return Views(config, TILE, SIZE, seed=5, bank=bank)


@pytest.mark.parametrize("name", [*effects(), TOGETHER])
def test_views_of_a_tile_are_the_same_in_any_batch(tiles: torch.Tensor, extras: Extras, name: str) -> None:
    views = views_of(config_of(name))
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))
    parts = [order, order[:5], *torch.arange(COUNT).split(1)]
    for step in (0, 1):
        every = views(tiles, step, 2, extras)
        for part in parts:
            for many, few in zip(every, views(tiles[part], step, 2, some(extras, part), part), strict=True):
                for all_of_it, own in zip(many, few, strict=True):
                    torch.testing.assert_close(own, all_of_it[part], atol=1e-4, rtol=0)


def test_that_is_no_accident_of_effects_that_do_nothing(tiles: torch.Tensor, extras: Extras) -> None:
    """Of a batch some views are touched and others are not, and steps differ."""
    plain = views_of(silent(ViewsConfig()))(tiles, 0, 1, extras)[0][0]
    for name in effects():
        if name in ("crop", "offset", "flip"):  # these have no share, or touch every view
            continue
        view = views_of(config_of(name))(tiles, 0, 1, extras)[0][0]
        touched = (view - plain).abs().amax((1, 2, 3)) > 1e-3
        assert 0 < int(touched.sum()) < COUNT, name
        later = views_of(config_of(name))(tiles, 1, 1, extras)[0][0]
        assert (later - view).abs().amax() > 1e-3, name


@pytest.mark.parametrize("kind", ["box", "blob", "half-plane", "stripe"])
def test_blanks_of_every_kind_keep_to_their_tile(tiles: torch.Tensor, kind: BlankKind) -> None:
    mixed = silent(ViewsConfig()).model_copy(update={"blanks": BlanksConfig(p=1.0)})
    only = silent(ViewsConfig()).model_copy(update={"blanks": BlanksConfig(p=1.0, kinds=(kind,))})
    for config in (mixed, only):
        views = views_of(config)
        every, _ = views(tiles, 3, 1)[0]
        alone_views = [views(tiles[i : i + 1], 3, 1, ids=torch.tensor([i]))[0][0] for i in range(COUNT)]
        assert torch.equal(fd.validity(every), fd.validity(torch.cat(alone_views)))


def test_at_p_0_views_are_the_tiles(tiles: torch.Tensor, extras: Extras) -> None:
    views = views_of(silent(ViewsConfig()))
    reduced = views.reduced(tiles)
    expected = normalised(interpolated(reduced, whole(reduced, SIZE)))
    for view, local in views(tiles, 0, 2, extras):
        torch.testing.assert_close(view, expected[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(local, expected[1], atol=1e-5, rtol=0)
