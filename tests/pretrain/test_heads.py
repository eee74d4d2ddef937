from __future__ import annotations

import torch

from ssl_insar.pretrain.heads import Heads, Truth
from ssl_insar.pretrain.recipe import HeadsConfig

ALL = HeadsConfig(presence=1, where=1, strength=1, kind=1)


def truth(n: int = 8) -> Truth:
    present = (torch.arange(n) % 2).float()
    where = torch.zeros(n, 8, 8)
    where[1::2, :4] = 1
    return Truth(present, present * 9, present * 4, torch.where(present > 0, 1, -1), where)


def test_no_weight_no_head() -> None:
    heads = Heads(16, 4, 3, HeadsConfig())
    assert not list(heads.parameters())
    assert heads(torch.randn(8, 16), None, truth()) == {}


def test_heads_learn_what_the_features_tell() -> None:
    torch.manual_seed(0)
    told = truth()
    features = torch.randn(8, 16) * 0.1
    features[:, 0] += told.present
    maps = told.where.unsqueeze(1) * 2 - 1
    heads = Heads(16, 1, 3, ALL)
    optimizer = torch.optim.Adam(heads.parameters(), 0.1)
    first = {name: float(loss) for name, loss in heads(features, maps, told).items()}
    assert set(first) == {"presence", "where", "strength", "kind"}
    for _ in range(200):
        optimizer.zero_grad()
        sum(heads(features, maps, told).values()).backward()
        optimizer.step()
    last = {name: float(loss) for name, loss in heads(features, maps, told).items()}
    assert all(last[name] < 0.2 * first[name] for name in first)


def test_tiles_of_which_nobody_knows_do_not_count() -> None:
    heads = Heads(16, 4, 3, HeadsConfig(presence=1))
    features = torch.randn(8, 16)
    told = truth()
    known = heads(features[:4], None, Truth(*(each[:4] for each in told)))
    half = told._replace(present=torch.where(torch.arange(8) < 4, told.present, torch.nan))
    torch.testing.assert_close(heads(features, None, half)["presence"], known["presence"])


def test_a_batch_without_sources_has_no_strength_and_no_kind() -> None:
    nothing = Truth(torch.zeros(4), torch.zeros(4), torch.zeros(4), torch.full((4,), -1))
    assert set(Heads(16, 4, 3, ALL)(torch.randn(4, 16), None, nothing)) == {"presence"}
