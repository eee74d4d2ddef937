"""What the commands of ``ssl-insar classify`` make of labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ssl_insar.archive.groups import Groups
    from ssl_insar.classify.frozen import FrozenClassifier


def describe_labels(target: str, y: NDArray[Any], groups: NDArray[np.str_]) -> None:
    """Print how many labels of each class there are, at how many volcanoes."""
    import numpy as np

    values, counts = np.unique(y, return_counts=True)
    shares = ", ".join(f"{value}: {count:,}" for value, count in zip(values, counts, strict=True))
    click.echo(f"labels '{target}': {len(y):,} tiles at {len(np.unique(groups)):,} volcanoes ({shares})")


def describe_groups(groups: Groups) -> None:
    """Print how tiles of unknown volcanoes are grouped."""
    if groups.fallbacks:
        click.echo(
            f"note: the volcano of {groups.fallbacks:,} tiles is not known; "
            f"they are grouped {groups.describe_fallbacks()}"
        )


def labels_of(
    catalogue: pd.DataFrame,
    labels: Path | None,
    target: str | None,
    ignore_absent: bool,
    tile: int | None = None,
) -> pd.Series[Any]:
    """Labels of the tiles, from a file or the archive, missing where unknown."""
    import warnings

    from ssl_insar.classify import attach, labels_in

    if labels is None:
        return labels_in(catalogue, target)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        series = attach(catalogue, labels, target, ignore_absent=ignore_absent, tile=tile)
    for warning in caught:
        click.echo(f"warning: {warning.message}", err=True)
    return series


def all_labels(
    catalogue: pd.DataFrame,
    labels: Path | None,
    targets: tuple[str, ...],
    ignore_absent: bool,
    tile: int | None = None,
) -> dict[str, pd.Series[Any]]:
    """Labels of each target; of several, each must be 0 and 1."""
    from ssl_insar.archive.groups import is_binary
    from ssl_insar.archive.labels import known
    from ssl_insar.errors import UserError

    if len(set(targets)) < len(targets):
        raise UserError("--target names a label twice; give each once")
    found = [labels_of(catalogue, labels, name, ignore_absent, tile) for name in targets or (None,)]
    for series in found if len(found) > 1 else ():
        if not is_binary(known(series)[1]):
            raise UserError(
                f"label '{series.name}' is not 0 and 1, with both there, as each of several must be; mend it "
                "or give it alone"
            )
    return {str(series.name): series for series in found}


def maker(method: str, few: bool, seed: int = 0) -> Callable[[], FrozenClassifier]:
    """What makes a classifier of a method; a handful of labels cannot choose a regularisation."""
    from functools import partial

    from ssl_insar.classify.linear_probe import FALLBACK_C, LinearProbe
    from ssl_insar.classify.trusted import METHODS

    if method == "probe":
        return partial(LinearProbe, FALLBACK_C if few else None, seed)
    return METHODS[method]


def class_shares(prevalence: float | None, y: NDArray[Any]) -> list[float] | None:
    """Shares of the classes that ``--prevalence`` asks for; None: as among the labels."""
    from ssl_insar.archive.groups import is_binary
    from ssl_insar.errors import UserError

    if prevalence is None:
        return None
    if not is_binary(y):
        raise UserError("--prevalence is the share of label 1, and the labels are not 0 and 1; leave it out")
    return [1 - prevalence, prevalence]


def quiet_class_of(quiet: str | None, y: NDArray[Any]) -> int | str | None:
    """The label that --quiet names, in the labels' own type."""
    import numpy as np

    names = {str(value): value for value in np.unique(y).tolist()}
    return None if quiet is None else names.get(quiet, quiet)
