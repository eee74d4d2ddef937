"""What each part of a recipe is worth: pretraining with it left out, or with nothing else.

    python -m evaluation.ablation --archive ARCHIVE --out ablation [--family views] [--seeds 2]

Trains one small encoder a variant and a seed (`evaluation.families`: the effects of the views; what is to
be alike), scores each at volcanoes that the probe was not fitted on (linear probe, five folds grouped by
volcano; AUROC from few labels), and compares it with the first of the family on the same resampled
volcanoes and the same draws of labels. No label is used in pretraining.

Ctrl-C loses at most two minutes; the same command goes on. Writes ``ablation.md``, ``ablation.csv`` and
a run folder a variant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluation.families import FAMILIES
from evaluation.methods import statistics_of
from evaluation.records import git_commit
from evaluation.running import run
from ssl_insar.archive import Archive
from ssl_insar.archive.groups import assign_groups, grouped_folds
from ssl_insar.archive.labels import known
from ssl_insar.atomic import replacing
from ssl_insar.classify import labels_in
from ssl_insar.classify.cross_validation import scores_over
from ssl_insar.classify.few_shot import draws_of, few_shot_draws
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

NULL, RANDOM = "global statistics (null)", "random weights (null)"
SHOTS = (5, 20)


@dataclass(frozen=True)
class Scores:
    """What one variant scores.

    Attributes:
        tiles: (seeds, n) out-of-fold scores.
        shots: labels a class -> (seeds, draws) AUROC.
    """

    tiles: NDArray[np.float64]
    shots: dict[int, NDArray[np.float64]]


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
        self.dealt = draws_of(self.y, self.groups, max(SHOTS))

    def __call__(self, runs: Sequence[NDArray[Any]]) -> Scores:
        """Scores of the runs of one variant, (N, D) features each."""
        kept = [features[self.mask] for features in runs]
        shots = [few_shot_draws(x, self.y, self.groups, self.dealt, SHOTS) for x in kept]
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
@click.option("--family", default="views", show_default=True, type=click.Choice(list(FAMILIES)))
@click.option("--recipe", "source", help="Recipe that is varied; default: the family's name.")
@click.option("--label", help="Label column; needed when there are several.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Runs a variant.")
@click.option("--variant", "chosen", multiple=True, help="Only these (repeatable), and the first.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override of the recipe.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
def main(
    path: Path,
    family: str,
    source: str | None,
    label: str | None,
    seeds: int,
    chosen: tuple[str, ...],
    overrides: tuple[str, ...],
    out: Path,
) -> None:
    """Pretrain every variant of a family of recipes, and write the table."""
    recipe = load(source or f"ablation-{family}", overrides)
    archive = Archive.open(path)
    variants = FAMILIES[family](recipe)
    first = next(iter(variants))
    unknown = sorted(set(chosen) - set(variants))
    if unknown:
        raise UserError(f"no variant {', '.join(unknown)}; there are: {', '.join(variants)}")
    if chosen:
        variants = {name: each for name, each in variants.items() if name in (first, *chosen)}
    judge = Judge(archive, label)
    out.mkdir(parents=True, exist_ok=True)
    spec = InputSpec(recipe.model.size, recipe.model.channels)
    untrained = Encoder(recipe.model.backbone, spec)
    scores = {
        NULL: judge([statistics_of(archive)]),
        RANDOM: judge([untrained.random_like(seed).embed(archive).normalised() for seed in range(seeds)]),
    }
    with bar(len(variants) * seeds, "ablation", "run") as progress:
        for name, variant in variants.items():
            runs = []
            for seed in range(seeds):
                settings = variant.model_copy(update={"seed": seed})
                folder = out / "runs" / f"{_slug(name)}-{seed}"
                encoder = pretrain(settings, archive, folder, progress=False)
                runs.append(encoder.embed(archive).normalised())
                progress.update()
            scores[name] = judge(runs)
            _write(out, recipe, archive, judge, scores, first, seeds)
    click.echo((out / "ablation.md").read_text(encoding="utf-8"))


def _slug(name: str) -> str:
    """A variant's name as part of a folder's."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")


def _write(
    out: Path,
    recipe: Recipe,
    archive: Archive,
    judge: Judge,
    scores: dict[str, Scores],
    first: str,
    seeds: int,
) -> None:
    """The table so far, to read and to compute with."""
    reference = scores.get(first)
    lines = {
        name: judge.line(each, None if name in (first, NULL, RANDOM) else reference)
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
        scratch.write_text(_page(recipe, judge, lines, first, seeds), encoding="utf-8")


def _page(
    recipe: Recipe, judge: Judge, lines: dict[str, dict[str, Interval | None]], first: str, seeds: int
) -> str:
    """The page to read."""
    positives = int((judge.codes == 1).sum())
    heads = ["variant", "AP", "change", "AUROC", "change", *(f"AUROC, {n} labels | change" for n in SHOTS)]
    rows = [
        f"| {name} | " + " | ".join("" if cell is None else str(cell) for cell in cells.values()) + " |"
        for name, cells in lines.items()
    ]
    columns = " | ".join(heads)
    return (
        f"# What each part is worth: {recipe.name}\n\n"
        f"Recipe {recipe.name} ({recipe.hash}): {recipe.model.backbone}, {recipe.model.size} px, "
        f"{recipe.optim.epochs} epochs, {seeds} run(s) a variant. {len(judge.y):,} labelled tiles of "
        f"{len(np.unique(judge.groups)):,} volcanoes, {positives:,} positives. Linear probe, five folds "
        "grouped by volcano; few labels: 20 draws of labels a class, tested at other volcanoes. Brackets: "
        f"95 % interval, volcanoes resampled (labels: over draws). Changes are from `{first}`, on the same "
        f"volcanoes and draws. Chance: AP {positives / len(judge.y):.3f}, AUROC .5. No label was used in "
        "pretraining.\n\n"
        f"| {columns} |\n" + "|---" * (columns.count("|") + 1) + "|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    run(main)
