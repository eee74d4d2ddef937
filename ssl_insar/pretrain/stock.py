"""What a run draws from besides its tiles: donors of atmosphere, sources to inject, tiles fit for them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ssl_insar.archive import Archive
from ssl_insar.atomic import replacing
from ssl_insar.errors import UserError
from ssl_insar.pretrain.bank import donor_bank
from ssl_insar.pretrain.quiet import quiet_tiles
from ssl_insar.pretrain.recipe import PositivesConfig, Recipe
from ssl_insar.pretrain.sources import Sources, make_sources
from ssl_insar.synth.preset import load_preset

_FORMAT = 1
_FILE = "sources.pt"


class Stock(NamedTuple):
    """What a run draws from besides its tiles.

    Attributes:
        donors: of atmosphere, (K, 2, S, S), see `ssl_insar.augment.Views`; None: none is used.
        sources: patterns to inject, of the side of reduced tiles; None: none are.
        fit: whether a source may be put into each tile of the archive, (N,) bool; None: into none.
    """

    donors: Tensor | None = None
    sources: Sources | None = None
    fit: Tensor | None = None


def stock_of(recipe: Recipe, archive: Archive) -> Stock:
    """Gather what a recipe asks for, but for the sources, which take their time: see `with_sources`.

    Raises:
        UserError: the archive has no donors, or no tile fit for a source, or there is no such preset.
    """
    donors = fit = None
    if recipe.views.donor.p:
        donors = donor_bank(archive, recipe.model.size, recipe.views.donor, recipe.seed)
    if recipe.positives.injected:
        load_preset(recipe.positives.preset)
        fit = _fit(archive, recipe.positives)
    return Stock(donors, None, fit)


def _fit(archive: Archive, config: PositivesConfig) -> Tensor:
    table = archive.catalogue
    fit = (table["coherent_fraction"] >= config.least_coherent).to_numpy(bool).copy()
    if config.quiet != "any":
        quiet = np.zeros(len(table), bool)
        quiet[quiet_tiles(archive, config.quiet)] = True
        fit &= quiet
    if not fit.any():
        raise UserError(
            f"{archive.path}: no tile is fit for a simulated source (positives.quiet={config.quiet}, "
            f"coherent fraction {config.least_coherent} or more); loosen these, or --set positives.injected=0"
        )
    return torch.from_numpy(fit)


def with_sources(stock: Stock, recipe: Recipe, tile: int, folder: Path, *, shown: bool = False) -> Stock:
    """The same with patterns to inject, if the recipe injects any.

    Args:
        stock: of the run.
        recipe: of the run.
        tile: side of the archive's tiles, px.
        folder: run folder, where `keep_sources` may have left them.
        shown: draw a progress bar.

    Raises:
        UserError: the preset has no sources.
    """
    config = recipe.positives
    if not config.injected:
        return stock
    side, spacing, key = _wanted(recipe, tile)
    path = folder / _FILE
    if path.exists():
        held = torch.load(path, weights_only=True)
        if held.pop("key", None) == key:
            return stock._replace(sources=Sources(**held | {"kinds": tuple(held["kinds"])}))
    made = make_sources(config.preset, config.sources, side, spacing, recipe.seed, shown=shown)
    return stock._replace(sources=made)


def keep_sources(stock: Stock, recipe: Recipe, tile: int, folder: Path) -> None:
    """Leave the patterns in the run folder, so that a resumed run need not make them again."""
    if stock.sources is None or (folder / _FILE).exists():
        return
    with replacing(folder / _FILE) as scratch:
        values = vars(stock.sources) | {"kinds": list(stock.sources.kinds), "key": _wanted(recipe, tile)[2]}
        torch.save(values, scratch)


def _wanted(recipe: Recipe, tile: int) -> tuple[int, float, str]:
    """Side and spacing of the patterns, and a key that tells whether those at hand are they."""
    config = recipe.positives
    side = tile // max(1, tile // recipe.model.size)
    spacing = recipe.views.pixel_spacing * tile / side
    asked = f"{_FORMAT} {config.preset} {config.sources} {side} {spacing} {recipe.seed}"
    return side, spacing, hashlib.sha256(asked.encode()).hexdigest()
