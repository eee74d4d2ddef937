"""Families of recipes that differ in one thing each, for `evaluation.ablation`."""

from __future__ import annotations

from typing import Any

from ssl_insar.augment.alone import effects, silent
from ssl_insar.augment.config import FlipConfig, ViewsConfig
from ssl_insar.pretrain.recipe import Recipe

_HALF = 0.5
_LONGER = 1.5
"""Epochs of variants without twins, of the others': a tile's twin takes as long as a tile, and about half
of the tiles of real archives are coherent enough to have one."""


def of_views(recipe: Recipe) -> dict[str, Recipe]:
    """Each effect of the views left out, and each alone, on half of the views; the first has them all.

    An effect that the recipe has off is in none of them.
    """
    views = recipe.views
    family = {"all": views, "defaults": ViewsConfig(spacing=views.spacing, wavelength=views.wavelength)}
    off = silent(views)
    names = [name for name in effects() if getattr(views, name) != getattr(off, name)]
    for name in names:
        family[f"without {name}"] = views.model_copy(update={name: getattr(off, name)})
    for name in names:
        section = getattr(views, name)
        if name == "flip":
            section = FlipConfig(left_right=_HALF, up_down=_HALF)
        elif name != "crop":
            # A flip or a swap of both views is none.
            section = section.model_copy(update={"p": _HALF})
        family[f"only {name}"] = off.model_copy(update={name: section})
    family["none"] = off
    return {name: recipe.model_copy(update={"views": config}) for name, config in family.items()}


def of_positives(recipe: Recipe) -> dict[str, Recipe]:
    """What is to be alike, and what else is asked; the first is plain SimCLR, two views of each tile.

    Wherever sources are injected, all fit tiles get one. Variants take about the same time.
    """
    head = {"presence": recipe.heads.presence or 1.0}
    every = {name: getattr(recipe.heads, name) or 1.0 for name in ("presence", "where", "strength", "kind")}

    def changed(
        positives: dict[str, Any] | None = None,
        heads: dict[str, float] | None = None,
        data: dict[str, Any] | None = None,
    ) -> Recipe:
        plain = {"injected": 0.0, "source_pairs": 0.0, "twins": True, "events": 0.0}
        wanted = plain | (positives or {})
        twins = wanted["injected"] and wanted["twins"]
        epochs = recipe.optim.epochs if twins else round(_LONGER * recipe.optim.epochs)
        silent_heads = dict.fromkeys(("presence", "where", "strength", "kind"), 0.0) | {"contrast": 1.0}
        return recipe.model_copy(
            update={
                "positives": recipe.positives.model_copy(update=wanted),
                "heads": recipe.heads.model_copy(update=silent_heads | (heads or {})),
                "data": recipe.data.model_copy(update=data or {}),
                "optim": recipe.optim.model_copy(update={"epochs": epochs}),
            }
        )

    twins = {"injected": 1.0}
    return {
        "self": changed(),
        "self, acquisitions meet": changed(data={"apart": False}),
        "self + events": changed({"events": 1.0}),
        "self + sources, no hard negatives": changed({"injected": 0.5, "twins": False}),
        "self + sources": changed(twins),
        "self + source pairs": changed(twins | {"source_pairs": 0.5}),
        "self + source pairs + events": changed(twins | {"source_pairs": 0.5, "events": 1.0}),
        "self + sources, presence": changed(twins, head),
        "self + sources, all heads": changed(twins, every),
        "self + source pairs + events, presence": changed(twins | {"source_pairs": 0.5, "events": 1.0}, head),
        "self + source pairs + events, all heads": changed(
            twins | {"source_pairs": 0.5, "events": 1.0}, every
        ),
        "presence alone": changed(twins, head | {"contrast": 0.0}),
        "all heads alone": changed(twins, every | {"contrast": 0.0}),
    }


FAMILIES = {"views": of_views, "positives": of_positives}
