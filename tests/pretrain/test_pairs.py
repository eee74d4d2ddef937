from __future__ import annotations

import pytest
import torch

from ssl_insar.augment import field as fd
from ssl_insar.pretrain.pairs import Pairs, inject, pair_up, pattern_of
from ssl_insar.pretrain.recipe import PositivesConfig
from ssl_insar.pretrain.sources import Sources, make_sources

SIDE = 48


@pytest.fixture(scope="module")
def sources() -> Sources:
    return make_sources("volcanoes", 12, SIDE, 400.0)


def pairs(tiles: int, sources: Sources | None, partners: int = 0, **config: object) -> Pairs:
    settings = PositivesConfig(**({"injected": 1.0} | config))
    fit = torch.arange(tiles) % 4 != 0
    return pair_up(tiles, partners, fit, settings, sources, torch.Generator().manual_seed(5))


def test_sources_have_a_peak_of_one_and_reach_no_further_than_they_may(sources: Sources) -> None:
    patterns = sources.patterns.float()
    torch.testing.assert_close(patterns.flatten(1).abs().amax(1), torch.ones(12), atol=1e-3, rtol=0)
    steps = torch.maximum(
        patterns.diff(dim=1).abs().flatten(1).amax(1), patterns.diff(dim=2).abs().flatten(1).amax(1)
    )
    assert (steps * sources.most < torch.pi).all()
    assert (sources.snr > 0).all()
    assert set(sources.kind.tolist()) == set(range(len(sources.kinds)))


def test_sources_follow_from_the_seed(sources: Sources) -> None:
    again = make_sources("volcanoes", 12, SIDE, 400.0)
    assert torch.equal(again.patterns, sources.patterns)
    assert not torch.equal(make_sources("volcanoes", 12, SIDE, 400.0, seed=1).patterns, sources.patterns)


def test_plain_pairs_are_each_tile_with_itself() -> None:
    plain = pairs(8, None)
    assert torch.equal(plain.first, torch.arange(8))
    assert torch.equal(plain.second, plain.first)
    assert not plain.injected.any()


def test_partners_are_the_second_side_of_the_first_tiles() -> None:
    assert pairs(6, None, partners=2).second.tolist() == [6, 7, 2, 3, 4, 5]


def test_twins_occur_with_and_without_a_source(sources: Sources) -> None:
    made = pairs(16, sources)
    assert len(made.first) == 16 + 12
    held = made.injected
    assert torch.equal(made.first[~held], torch.arange(16))
    assert set(made.first[held].tolist()) == {tile for tile in range(16) if tile % 4}
    assert torch.equal(made.first, made.second), "no source pairs were asked for"
    ratio = made.peak[held].abs() * sources.snr[made.source[held]]
    torch.testing.assert_close(ratio, made.snr[held])
    assert made.snr[held].max() <= 30.001
    assert not made.snr[~held].any()


def test_without_twins_each_tile_is_in_one_pair(sources: Sources) -> None:
    made = pairs(16, sources, twins=False, injected=0.5)
    assert sorted(made.first.tolist()) == list(range(16))
    assert 0 < int(made.injected.sum()) < 12


def test_source_pairs_have_the_source_in_common_and_nothing_else(sources: Sources) -> None:
    made = pairs(16, sources, source_pairs=1.0)
    held = made.injected
    assert (made.first[held] != made.second[held]).all()
    fit = {tile for tile in range(16) if tile % 4}
    assert set(made.second[held].tolist()) == fit, "each is once the other one"


def test_what_is_injected_is_the_pattern_and_only_where_it_is_asked_for(sources: Sources) -> None:
    made = pairs(8, sources)
    generator = torch.Generator().manual_seed(0)
    phase = torch.rand(8, SIDE, SIDE, generator=generator) * 6
    tiles = fd.from_complex(torch.polar(torch.full_like(phase, 0.8), phase))
    tiles[:, :, :5] = 0
    mean = tiles[made.first]
    put = inject(mean, made, sources)
    held = torch.nonzero(made.injected)[:, 0]
    assert torch.equal(put[~made.injected], mean[~made.injected])
    assert not put[:, :, :5].any(), "no data stays no data"
    z = torch.complex(put[:, 0], put[:, 1]) * torch.complex(mean[:, 0], mean[:, 1]).conj()
    added = pattern_of(made, sources, held) * made.peak[held].view(-1, 1, 1)
    expected = torch.polar(torch.full_like(added, 0.64), added)
    torch.testing.assert_close(z[held, 5:], expected[:, 5:], atol=1e-5, rtol=0)
