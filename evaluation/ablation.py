"""What each effect of the views is worth: pretraining with it left out, and with nothing else.

    python -m evaluation.ablation --archive ARCHIVE --out ablation [--recipe ablation] [--seeds 2]

Trains one small encoder a variant and a seed, by a recipe that has every effect on: all of them; each
effect left out; each effect alone, on half of the views; those of the defaults; and none, where the two
views of a tile are the same. Each is scored at volcanoes it was not fitted on (linear probe, five folds
grouped by volcano; AUROC from few labels), and compared with the one that has all effects on the same
resampled volcanoes and the same draws of labels. No label is used in pretraining.

Ctrl-C loses at most two minutes; the same command goes on. Writes ``ablation.md``, ``ablation.csv`` and
a run folder a variant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.linear_probe import git_commit, statistics_of
from evaluation.running import run
from ssl_insar.archive import Archive
from ssl_insar.archive.groups import assign_groups, grouped_folds
from ssl_insar.archive.labels import known
from ssl_insar.atomic import replacing
from ssl_insar.augment.alone import effects, silent
from ssl_insar.augment.config import FlipConfig, ViewsConfig
from ssl_insar.classify import labels_in
from ssl_insar.classify.cross_validation import scores_over
from ssl_insar.classify.few_shot import few_shot_draws
from ssl_insar.classify.metrics import (
    Interval,
    auroc,
    average_precision,
    bootstrap_over_runs,
    percentile_interval,
)
from ssl_insar.errors import UserError
from ssl_insar.models import Encoder, InputSpec
from ssl_insar.pretrain import pretrain
from ssl_insar.pretrain.recipe import Recipe, load
from ssl_insar.progress import bar

ALL, NONE, DEFAULTS = "all", "none", "defaults"
NULL, RANDOM = "global statistics (null)", "random weights (null)"
SHOTS = (5, 20)
_HALF = 0.5


@dataclass(frozen=True)
class Scores:
    """What one variant scores.

    Attributes:
        tiles: (seeds, n) out-of-fold scores.
        shots: labels a class -> (seeds, draws) AUROC.
    """

    tiles: NDArray[np.float64]
    shots: dict[int, NDArray[np.float64]]


def variants(views: ViewsConfig) -> dict[str, ViewsConfig]:
    """The family of views to train with, by name.

    An effect that cannot act on these tiles (its p is 0 in the recipe) is in none of them.
    """
    family = {ALL: views, DEFAULTS: ViewsConfig(spacing=views.spacing, wavelength=views.wavelength)}
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
    family[NONE] = off
    return family


class Judge:
    """Scores encoders on the labelled tiles of an archive, on the same folds and draws.

    Args:
        archive: labelled tiles.
        label: the label's name; None: the only one.
    """

    def __init__(self, archive: Archive, label: str | None) -> None:
        self.mask, self.y = known(labels_in(archive.catalogue, label))
        self.groups = assign_groups(archive.catalogue).names[self.mask]
        self.folds = grouped_folds(self.y, self.groups)
        _, self.codes = np.unique(self.y, return_inverse=True)

    def __call__(self, runs: Sequence[NDArray[Any]]) -> Scores:
        """Scores of the runs of one variant, (N, D) features each."""
        kept = [features[self.mask] for features in runs]
        shots = [few_shot_draws(x, self.y, self.groups, SHOTS) for x in kept]
        return Scores(
            np.stack([scores_over(x, self.y, self.groups, self.folds) for x in kept]),
            {count: np.stack([each[count] for each in shots]) for count in SHOTS},
        )

    def line(self, scores: Scores, reference: Scores | None) -> dict[str, Interval | None]:
        """The cells of one line; differences from a reference on the same volcanoes and draws."""

        def over_tiles(metric: Any, against: Scores | None = None) -> Interval:
            other = against.tiles if against else None
            return bootstrap_over_runs(self.codes, scores.tiles, self.groups, metric, reference=other)

        cells: dict[str, Interval | None] = {
            "ap": over_tiles(average_precision),
            "ap_change": over_tiles(average_precision, reference) if reference else None,
            "auroc": over_tiles(auroc),
            "auroc_change": over_tiles(auroc, reference) if reference else None,
        }
        for count, values in scores.shots.items():
            mean = values.mean(0)
            cells[f"auroc_{count}_shot"] = percentile_interval(mean)
            cells[f"auroc_{count}_shot_change"] = (
                percentile_interval(mean - reference.shots[count].mean(0)) if reference else None
            )
        return cells


@click.command(epilog="\b\nExample:\n  python -m evaluation.ablation --archive archive --out ablation")
@click.option("--archive", "path", required=True, type=click.Path(path_type=Path), help="Labelled archive.")
@click.option("--recipe", "source", default="ablation", show_default=True, help="Recipe with all effects on.")
@click.option("--label", help="Label column; needed when there are several.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Runs a variant.")
@click.option("--variant", "chosen", multiple=True, help="Only these (repeatable); 'all' is always made.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override of the recipe.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
def main(
    path: Path,
    source: str,
    label: str | None,
    seeds: int,
    chosen: tuple[str, ...],
    overrides: tuple[str, ...],
    out: Path,
) -> None:
    """Pretrain with each effect left out and with it alone, and write the table."""
    recipe = load(source, overrides)
    archive = Archive.open(path)
    family = variants(recipe.views)
    unknown = sorted(set(chosen) - set(family))
    if unknown:
        raise UserError(f"no variant {', '.join(unknown)}; there are: {', '.join(family)}")
    if chosen:
        family = {name: views for name, views in family.items() if name in (ALL, *chosen)}
    judge = Judge(archive, label)
    out.mkdir(parents=True, exist_ok=True)
    spec = InputSpec(recipe.model.size, recipe.model.channels)
    untrained = Encoder(recipe.model.backbone, spec)
    scores = {
        NULL: judge([statistics_of(archive)]),
        RANDOM: judge([untrained.random_like(seed).embed(archive).normalised() for seed in range(seeds)]),
    }
    with bar(len(family) * seeds, "ablation", "run") as progress:
        for name, views in family.items():
            runs = []
            for seed in range(seeds):
                settings = recipe.model_copy(update={"views": views, "seed": seed})
                folder = out / "runs" / f"{name.replace(' ', '-')}-{seed}"
                encoder = pretrain(settings, archive, folder, progress=False)
                runs.append(encoder.embed(archive).normalised())
                progress.update()
            scores[name] = judge(runs)
            _write(out, recipe, archive, judge, scores, seeds)
    click.echo((out / "ablation.md").read_text(encoding="utf-8"))


def _write(
    out: Path, recipe: Recipe, archive: Archive, judge: Judge, scores: dict[str, Scores], seeds: int
) -> None:
    """The table so far, to read and to compute with."""
    reference = scores.get(ALL)
    lines = {
        name: judge.line(each, None if name in (ALL, NULL, RANDOM) else reference)
        for name, each in scores.items()
    }
    records = []
    for name, cells in lines.items():
        record: dict[str, Any] = {"variant": name}
        for column, cell in cells.items():
            if cell is not None:
                record |= {column: cell.value, f"{column}_low": cell.low, f"{column}_high": cell.high}
        runs = [average_precision(judge.codes, run) for run in scores[name].tiles]
        records.append(record | {"ap_runs": " ".join(f"{value:.3f}" for value in runs)})
    table = pd.DataFrame(records).assign(
        seeds=seeds,
        recipe_hash=recipe.hash,
        archive_digest=archive.digest,
        git_commit=git_commit(Path(__file__).parent),
    )
    with replacing(out / "ablation.csv") as scratch:
        table.to_csv(scratch, index=False)
    with replacing(out / "ablation.md") as scratch:
        scratch.write_text(_page(recipe, judge, lines, seeds), encoding="utf-8")


def _page(recipe: Recipe, judge: Judge, lines: dict[str, dict[str, Interval | None]], seeds: int) -> str:
    """The page to read."""
    positives = int((judge.codes == 1).sum())
    heads = ["views", "AP", "change", "AUROC", "change", *(f"AUROC, {n} labels | change" for n in SHOTS)]
    rows = [
        f"| {name} | " + " | ".join("" if cell is None else str(cell) for cell in cells.values()) + " |"
        for name, cells in lines.items()
    ]
    columns = " | ".join(heads)
    return (
        "# What each effect of the views is worth\n\n"
        f"Recipe {recipe.name} ({recipe.hash}): {recipe.model.backbone}, {recipe.model.size} px, "
        f"{recipe.optim.epochs} epochs, {seeds} run(s) a variant. {len(judge.y):,} labelled tiles of "
        f"{len(np.unique(judge.groups)):,} volcanoes, {positives:,} positives. Linear probe, five folds "
        "grouped by volcano; few labels: 20 draws of labels a class, tested at other volcanoes. Brackets: "
        "95 % interval, volcanoes resampled (labels: over draws). Changes are from `all`, on the same "
        f"volcanoes and draws. Chance: AP {positives / len(judge.y):.3f}, AUROC .5. No label was used in "
        "pretraining.\n\n"
        f"| {columns} |\n" + "|---" * (columns.count("|") + 1) + "|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    run(main)
