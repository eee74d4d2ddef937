"""Positives: which two pictures of a batch are to be alike, and what was put into them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ssl_insar.augment import field as fd
from ssl_insar.pretrain.recipe import PositivesConfig
from ssl_insar.pretrain.sources import Sources

NONE = -1


class Pairs(NamedTuple):
    """P pairs over the tiles of a batch; both sides of a pair hold the same source, or none.

    Attributes:
        first: tile of the first side, (P,).
        second: tile of the second, (P,).
        source: pattern put into both, (P,); -1 for none.
        peak: of it, rad, with its sign, (P,).
        snr: GLS ratio that it has in 1 rad of atmosphere, (P,); 0 for none.
        mirror: whether the pattern is mirrored (left-right, up-down), (P, 2) bool.
    """

    first: Tensor
    second: Tensor
    source: Tensor
    peak: Tensor
    snr: Tensor
    mirror: Tensor

    def to(self, device: torch.device) -> Pairs:
        """The same on a device."""
        return Pairs(*(each.to(device) for each in self))

    @property
    def injected(self) -> Tensor:
        """Whether a pair holds a source, (P,) bool."""
        return self.source >= 0


def pair_up(
    tiles: int,
    partners: int,
    quiet: Tensor,
    config: PositivesConfig,
    sources: Sources | None,
    generator: torch.Generator,
) -> Pairs:
    """Draw the pairs of one step.

    Every tile is in a pair of its own without a source: with its partner, if it has one, else with itself.
    If sources are injected, every tile that is fit for it is in a second pair, with a source; both sides
    show that tile (self pair), or, for a share of the pairs, one of them shows another tile with the same
    source (source pair): then the deformation is all they share. So each background occurs with and
    without a source, and is its own hard negative.

    Without ``config.twins`` a tile is in one pair only, with a source or without.

    Args:
        tiles: B tiles of the batch, before the partners.
        partners: of the first tiles, which lie behind the B.
        quiet: whether a source may be put into a tile, (B,) bool, on the CPU.
        config: of the recipe.
        sources: patterns; None where none are injected.
        generator: on the CPU.
    """
    own = torch.arange(tiles)
    second = own.clone()
    second[:partners] = tiles + torch.arange(partners)
    without = _of(own, second)
    if sources is None or config.injected == 0:
        return without
    fit = torch.nonzero(quiet & (torch.rand(tiles, generator=generator) < config.injected))[:, 0]
    k = len(fit)
    if k == 0:
        return without
    # Another background: the next of a random ring, so that nobody meets itself if there are two.
    ring = torch.randperm(k, generator=generator)
    other = fit.clone()
    other[ring] = fit[ring.roll(1)]
    two = torch.rand(k, generator=generator) < config.source_pairs
    number = torch.randint(len(sources), (k,), generator=generator)
    low, high = (math.log(value) for value in config.snr)
    wanted = torch.exp(torch.rand(k, generator=generator) * (high - low) + low)
    ratio, most = sources.snr.cpu()[number], sources.most.cpu()[number]
    peak = torch.minimum(wanted / ratio, most)
    sign = torch.where(torch.rand(k, generator=generator) < 0.5, -1.0, 1.0)
    mirror = torch.rand(k, 2, generator=generator) < 0.5
    holding = Pairs(fit, torch.where(two, other, fit), number, peak * sign, peak * ratio, mirror)
    if config.twins:
        return Pairs(*(torch.cat(each) for each in zip(without, holding, strict=True)))
    rest = torch.ones(tiles, dtype=torch.bool)
    rest[fit] = False
    return Pairs(*(torch.cat([plain[rest], put]) for plain, put in zip(without, holding, strict=True)))


def inject(mean: Tensor, pairs: Pairs, sources: Sources | None) -> Tensor:
    """Add the phase of the pairs' sources to the tiles of one side.

    Args:
        mean: (P, 2, S, S) mean phasors of one side, 0 = no data.
        pairs: on the same device.
        sources: likewise, of side S; needed if any pair holds one.

    Shape:
        -> (P, 2, S, S)
    """
    holding = torch.nonzero(pairs.injected)[:, 0]
    if sources is None or not len(holding):
        return mean
    pattern = pattern_of(pairs, sources, holding)
    put = fd.rotate(mean[holding], pattern * pairs.peak[holding].view(-1, 1, 1))
    return mean.index_copy(0, holding, put)


def pattern_of(pairs: Pairs, sources: Sources, rows: Tensor) -> Tensor:
    """Patterns of some pairs, mirrored as drawn, (k, S, S)."""
    pattern = sources.patterns[pairs.source[rows]].float()
    mirror = pairs.mirror[rows].view(-1, 2, 1, 1)
    pattern = torch.where(mirror[:, 0], pattern.flip(-1), pattern)
    return torch.where(mirror[:, 1], pattern.flip(-2), pattern)


def _of(first: Tensor, second: Tensor) -> Pairs:
    """Pairs without sources."""
    n = len(first)
    return Pairs(
        first,
        second,
        torch.full((n,), NONE),
        torch.zeros(n),
        torch.zeros(n),
        torch.zeros(n, 2, dtype=torch.bool),
    )
