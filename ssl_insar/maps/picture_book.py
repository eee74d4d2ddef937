"""Every effect of a recipe's views on real tiles, alone and all together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ssl_insar.archive import Archive
from ssl_insar.augment import Extras, Views, ViewsConfig
from ssl_insar.augment import field as fd
from ssl_insar.augment.alone import alone, effects, silent
from ssl_insar.augment.unwrapped import Unwrapped
from ssl_insar.maps.contact_sheet import save_sheet

_LETTERS = 30
"""Of a tile's name that fit above it."""


def save_picture_book(
    archive: Archive,
    rows: list[int],
    config: ViewsConfig,
    size: int,
    path: Path,
    *,
    bank: torch.Tensor | None = None,
    seed: int = 0,
) -> list[str]:
    """Draw tiles before and after each effect, a row of pictures an effect, into a PNG.

    Titles tell which effects are off in the recipe, and which are drawn without the guard that would keep
    them from tiles that they would alias.

    Args:
        archive: the tiles.
        rows: which of them, one a column.
        config: the ``views`` section of a recipe.
        size: side of a view, px.
        path: PNG to write.
        bank: donors of atmosphere; without them that effect is left out, as is the real factor where no
            tile is unwrapped.
        seed: of the views.

    Returns:
        names of the effects that are off in the recipe, and drawn all the same.
    """
    counts, bits = archive.phases(rows), archive.valid_bits(rows)
    tiles = fd.from_counts(torch.from_numpy(counts), torch.from_numpy(bits))
    heights = archive.elevation(rows)
    extras = Extras(torch.from_numpy(heights).unsqueeze(1) if np.isfinite(heights).any() else None)
    unwrapped = ~archive.catalogue["wrapped"].to_numpy(bool)[rows]
    if unwrapped.any():
        wide = torch.from_numpy(archive.unwrapped(rows))
        known = Unwrapped(wide, torch.from_numpy(bits), torch.from_numpy(unwrapped))
        extras = extras._replace(unwrapped=known)

    def pictures(of: ViewsConfig, step: int = 0) -> list[NDArray[np.complex64]]:
        views = Views(of, archive.tile, size, seed, bank=bank)
        field, _ = views(tiles, step, 1, extras)[0]
        return [z[0].numpy() + 1j * z[1].numpy() for z in field]

    fields = pictures(silent(config))
    told = archive.catalogue[["volcano", "id"]].iloc[rows]
    titles = [str(volcano or tile)[-_LETTERS:] for volcano, tile in told.itertuples(index=False)]
    off = []
    for name in effects():
        # Nothing to draw them from.
        if (name == "donor" and bank is None) or (name == "real_factor" and not unwrapped.any()):
            continue
        section = getattr(config, name)
        here = getattr(section, "p", 1.0) > 0
        drawn = alone(config, name)
        fields += pictures(drawn)
        notes = [] if here else ["off"]
        if getattr(getattr(drawn, name), "aliased", None) != getattr(section, "aliased", None):
            notes.append("guard against aliasing off")
        titles += [name.replace("_", " ") + (f" ({'; '.join(notes)})" if notes else "")] * len(rows)
        if not here:
            off.append(name)
    for step in range(2):
        fields += pictures(config, step)
        titles += [f"all together, {'first' if step == 0 else 'second'} time"] * len(rows)
    save_sheet(fields, titles, path, columns=len(rows))
    return off
