"""Pixel spacing and wavelength of the views: the recipe's, else the archive's, else said to be assumed."""

from __future__ import annotations

import math

from ssl_insar.archive import Archive
from ssl_insar.augment.config import ViewsConfig


def completed(config: ViewsConfig, archive: Archive) -> tuple[ViewsConfig, str]:
    """The views of a recipe with the numbers of an archive where the recipe has none.

    Taken is the median over all tiles that know theirs, the lower one of two: of tiles of two bands, the
    wavelength of one of them. What no tile knows is `ViewsConfig.pixel_spacing`, 100 m, and
    `ViewsConfig.radar_wavelength`, C band. The numbers follow from recipe and archive, whose hashes a run
    compares before it is resumed.

    Args:
        config: the ``views`` section of a recipe.
        archive: whose tiles are seen.

    Returns:
        the section with both numbers, m; and a line that says which and whence.
    """
    assumed = {"spacing": config.pixel_spacing, "wavelength": config.radar_wavelength}
    numbers: dict[str, float] = {}
    told: list[str] = []
    for name in assumed:
        given = getattr(config, name)
        median = math.nan if given is not None else _median(archive, name)
        if given is not None:
            numbers[name], whence = given, "the recipe's"
        elif math.isfinite(median):
            numbers[name], whence = median, "the archive's median"
        else:
            numbers[name], whence = assumed[name], f"assumed: no tile tells; --set views.{name}=METRES"
        told.append(f"{name} {numbers[name]:g} m ({whence})")
    return config.model_copy(update=numbers), f"views: {', '.join(told)}"


def _median(archive: Archive, name: str) -> float:
    """The lower median of a column of the catalogue, to six digits; NaN without a number above 0."""
    known = archive.catalogue[name].dropna()
    known = known[known > 0]
    return float(f"{known.quantile(interpolation='lower'):.6g}") if len(known) else math.nan
