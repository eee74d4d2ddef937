"""How well a linear classifier tells simulated tiles from real ones: the less, the better the simulator.

    python -m evaluation.real_or_simulated --real ARCHIVE --simulated ARCHIVE --out R

Writes ``R/real_or_simulated.md`` with two figures. Features: `evaluation.real_or_simulated_features`.
Both sides are read as 1/256 cycle; tiles with less than half their pixels are left out, and so is a margin
of each tile, where a simulator's filter lacks neighbours. A volcano (real) or a place (simulated) never
stands on both sides of a fold, and intervals resample whole volcanoes. AUC 0.5: indistinguishable; 1:
always told apart.

A collection can differ from another in how coherent its tiles are, which a setting puts right, or in how
tiles of one coherence look, which takes better physics. The last column says which: there each real tile
has a simulated partner of equal median coherence. With ``--multilook 2`` both are looked at in half the
resolution, where it does not count how a delivered picture was resampled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from evaluation.real_or_simulated_features import (
    COHERENCE,
    COHERENCE_BINS,
    FINE_SPECTRUM,
    NO_DATA,
    SMALLEST,
    SPECTRUM,
    Families,
    measure,
)
from evaluation.running import run
from ssl_insar.archive import Archive
from ssl_insar.archive.groups import groups_of
from ssl_insar.atomic import replacing
from ssl_insar.classify import Interval, grouped_scores
from ssl_insar.classify.metrics import auroc, cluster_bootstrap
from ssl_insar.errors import UserError
from ssl_insar.phase import multilook, renormalise

MIN_VALID = 0.5
_MARGIN = 8
"""Pixels left out along each edge."""

_CHUNK = 16
_LEVELS = 20
"""Classes of coherence in which real and simulated tiles are paired."""

MATCH = 40
"""Tiles a class that the comparison at equal coherence needs."""


@click.command(
    epilog="\b\nExample:\n  python -m evaluation.real_or_simulated --real real --simulated made --out r"
)
@click.option("--real", required=True, type=click.Path(path_type=Path), help="Archive of real tiles.")
@click.option(
    "--simulated", required=True, type=click.Path(path_type=Path), help="Archive of simulated tiles."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for page and figures.")
@click.option("--per-class", default=600, show_default=True, type=click.IntRange(min=10), help="Tiles drawn.")
@click.option(
    "--multilook",
    "looks",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Pixels a side averaged first, of both.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
def command(real: Path, simulated: Path, out: Path, per_class: int, looks: int, seed: int) -> None:
    """Say how well simulated tiles are told from real ones, and by what."""
    sides = [drawn(path, per_class, looks, seed) for path in (real, simulated)]
    y = np.repeat([0, 1], [len(names) for _, names in sides])
    groups = np.concatenate(
        [np.char.add(f"{kind}:", names) for kind, (_, names) in zip(("real", "made"), sides, strict=True)]
    )
    families: Families = {
        family: {name: np.concatenate([held[family][name] for held, _ in sides]) for name in features}
        for family, features in sides[0][0].items()
    }
    page = report(families, y, groups, seed, (real, simulated))
    out.mkdir(parents=True, exist_ok=True)
    _draw_spectra(families, y, out / "spectra.png")
    _draw_coherence(families, y, out / "coherence.png")
    with replacing(out / "real_or_simulated.md") as scratch:
        scratch.write_text(page, encoding="utf-8")
    click.echo(page)


def report(
    families: Families, y: NDArray[Any], groups: NDArray[Any], seed: int, paths: tuple[Path, Path]
) -> str:
    """The page: who is told apart from whom, by which family, and by which single features."""
    everything = list(families)
    rows = {
        "all features": everything,
        f"without {NO_DATA}": [family for family in everything if family != NO_DATA],
        "power spectrum and local coherence": [SPECTRUM, FINE_SPECTRUM, COHERENCE],
        f"{SPECTRUM} and {COHERENCE}": [SPECTRUM, COHERENCE],
        **{family: [family] for family in everything},
    }
    paired = equal_coherence(families[COHERENCE]["50 % quantile of coherence"], y, seed)
    enough = len(paired) >= 2 * MATCH
    real, made = (
        f"{int((y == side).sum())} {name} ({path.name}, {len(np.unique(groups[y == side]))} {places})"
        for side, name, path, places in zip(
            (0, 1), ("real tiles", "simulated ones"), paths, ("volcanoes", "places"), strict=True
        )
    )
    lines = [
        "# Real or simulated?\n",
        f"{real} and {made}, seed {seed}. "
        "AUC of a linear classifier at volcanoes and places it has not seen, 95 % interval by resampling "
        f"them. At equal coherence: {len(paired)} tiles paired by the median of their local coherence.\n",
        "| features | number | AUC | AUC at equal coherence |\n|---|---|---|---|",
    ]
    for name, wanted in rows.items():
        matrix = np.stack([_filled(x) for family in wanted for x in families[family].values()], axis=1)
        whole = separation(matrix, y, groups, seed)
        part = separation(matrix[paired], y[paired], groups[paired], seed) if enough else "too few tiles"
        lines.append(f"| {name} | {matrix.shape[1]} | {whole} | {part} |")
        click.echo(lines[-1], err=True)
    lines += ["\n## The single features that tell most\n", *_telling(families, y, groups, np.arange(len(y)))]
    if enough:
        lines += ["\n## The same at equal coherence\n", *_telling(families, y, groups, paired)]
    lines += [
        "\n![mean spectra](spectra.png)\n\n![local coherence](coherence.png)\n",
        "No data counts nowhere but in its own row; wavelengths below 4 px stand apart because resampling of "
        "delivered pictures shows there, and in autocorrelations and gradients of near neighbours. Both "
        "sides are rounded to 1/256 cycle.",
    ]
    return "\n".join(lines) + "\n"


def separation(matrix: NDArray[Any], y: NDArray[Any], groups: NDArray[Any], seed: int) -> Interval:
    """AUC of a linear probe by grouped cross-validation, with its cluster-bootstrap interval.

    Shape:
        (n, D), (n,) 1 where simulated, (n,)
    """
    return cluster_bootstrap(y, grouped_scores(matrix, y, groups, seed=seed), groups, auroc, seed=seed)


def drawn(path: Path, count: int, looks: int, seed: int) -> tuple[Families, NDArray[np.str_]]:
    """Features and volcano of tiles of an archive, drawn at random.

    Args:
        path: the archive.
        count: tiles at most.
        looks: pixels a side averaged first.
        seed: of the draw.

    Raises:
        UserError: no archive, too small tiles, or hardly any with data.
    """
    archive = Archive.open(path)
    if (archive.tile - 2 * _MARGIN) // looks < SMALLEST:
        raise UserError(f"{path}: tiles of {archive.tile} px are too small; ingest with a larger --tile")
    usable = np.flatnonzero(archive.catalogue["valid_fraction"].to_numpy(float) >= MIN_VALID)
    if len(usable) < 10:
        raise UserError(f"{path}: {len(usable)} tiles have half their pixels; give a fuller archive")
    chosen = np.random.default_rng(seed).permutation(usable)[:count]
    chosen.sort()
    parts = [
        measure(_prepared(archive.phasors(chosen[i : i + _CHUNK]), looks))
        for i in range(0, len(chosen), _CHUNK)
    ]
    joined = {
        family: {name: np.concatenate([part[family][name] for part in parts]) for name in features}
        for family, features in parts[0].items()
    }
    return joined, groups_of(archive.catalogue)[chosen]


def equal_coherence(coherence: NDArray[Any], y: NDArray[Any], seed: int) -> NDArray[np.intp]:
    """Rows of as many real as simulated tiles in each narrow class of coherence, drawn at random."""
    rng = np.random.default_rng(seed)
    level = np.minimum((coherence * _LEVELS).astype(int), _LEVELS - 1)
    kept = []
    for which in np.unique(level):
        sides = [np.flatnonzero((level == which) & (y == side)) for side in (0, 1)]
        count = min(len(side) for side in sides)
        kept += [rng.choice(side, count, replace=False) for side in sides]
    return np.sort(np.concatenate(kept))


def _prepared(z: NDArray[np.complex64], looks: int) -> NDArray[np.complex64]:
    """Without the margin, and multilooked if asked; no amplitude is left."""
    inner, _ = multilook(z[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN], looks)
    unit: NDArray[np.complex64] = renormalise(inner)[0].astype(np.complex64)
    return unit


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What cannot be measured in a tile must not tell where it comes from: the median of both sides."""
    missing = np.isnan(values)
    if missing.all():
        return np.zeros_like(values)
    return np.where(missing, np.median(values[~missing]), values)


def _telling(families: Families, y: NDArray[Any], groups: NDArray[Any], rows: NDArray[np.intp]) -> list[str]:
    """A table of the ten best single features over the tiles that have them, with the direction in words."""
    y, groups = y[rows], groups[rows]
    held = {name: x[rows] for features in families.values() for name, x in features.items()}
    there = {name: np.isfinite(x) for name, x in held.items()}
    areas = {name: auroc(y[there[name]], x[there[name]]) for name, x in held.items()}
    areas = {name: area for name, area in areas.items() if np.isfinite(area)}
    best = sorted(areas, key=lambda name: -abs(areas[name] - 0.5))[:10]
    lines = [
        "| feature | simulated tiles have | median real | median simulated | AUC |\n|---|---|---|---|---|"
    ]
    for name in best:
        sign = 1 if areas[name] >= 0.5 else -1
        where = there[name]
        middle = [np.median(held[name][where & (y == side)]) for side in (0, 1)]
        area = cluster_bootstrap(y[where], sign * held[name][where], groups[where], auroc)
        lines.append(
            f"| {name} | {'more' if sign > 0 else 'less'} | {middle[0]:.3f} | {middle[1]:.3f} | {area} |"
        )
    return lines


def _draw_spectra(families: Families, y: NDArray[Any], path: Path) -> None:
    from ssl_insar.maps.figures import new_figure, png

    both = families[FINE_SPECTRUM] | families[SPECTRUM]
    bands = {name: value for name, value in both.items() if name.startswith("power at")}
    edges = [name.removeprefix("power at ").removesuffix(" px").split("-") for name in bands]
    middle = [(float(low) * float(high)) ** 0.5 for low, high in edges]
    figure, axes = new_figure(6.4, 3.6)
    _spread(axes, np.array(middle), np.stack(list(bands.values()), axis=1), y)
    axes.set_xscale("log")
    axes.set_xticks([2, 4, 8, 16, 32, 64], ["2", "4", "8", "16", "32", "64"])
    axes.minorticks_off()
    axes.invert_xaxis()
    axes.set_xlabel("wavelength, px", fontsize=9)
    axes.set_ylabel("log$_{10}$ power (white noise: 0)", fontsize=9)
    path.write_bytes(png(figure))


def _draw_coherence(families: Families, y: NDArray[Any], path: Path) -> None:
    from ssl_insar.maps.figures import new_figure, png

    shares = [x for name, x in families[COHERENCE].items() if name.startswith("share of")]
    figure, axes = new_figure(6.4, 3.2)
    _spread(axes, (np.arange(COHERENCE_BINS) + 0.5) / COHERENCE_BINS, np.stack(shares, axis=1), y)
    axes.set_xlabel("local coherence (5 x 5 px)", fontsize=9)
    axes.set_ylabel("share of the pixels with data", fontsize=9)
    axes.set_ylim(0)
    path.write_bytes(png(figure))


def _spread(axes: Any, x: NDArray[Any], values: NDArray[Any], y: NDArray[Any]) -> None:
    """Mean, and the middle half of the tiles, of both sides."""
    from ssl_insar.maps.figures import BLUE, ORANGE

    for side, colour, label in ((0, BLUE, "real"), (1, ORANGE, "simulated")):
        low, high = np.percentile(values[y == side], [25, 75], axis=0)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, values[y == side].mean(axis=0), color=colour, linewidth=1.8, label=label)
    axes.legend(frameon=False, fontsize=8, title="mean, and middle half of the tiles", title_fontsize=7.5)


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
