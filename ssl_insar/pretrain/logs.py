"""Logs that a person can open: CSV files that a resumed run continues without a seam, and what is what."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from ssl_insar.atomic import replacing

GUIDE = "README.txt"
_GUIDE = """\
A run of ssl-insar pretrain. What is not listed as "always" is there when the recipe asks for it.

run.json        always  what was run: hashes of recipe and archive, steps, whether it has finished
recipe.yaml     always  the whole recipe, defaults and overrides written out
loss.csv        always  one row a step: loss and learning rate, then the parts of the loss (contrast:
                        the objective; presence, where, strength, kind: heads) and what the objective
                        says besides (spread: of the projections, 1 healthy, 0 collapsed)
monitor.csv     always  one row a look at a fixed sample of tiles; the columns are explained below
encoder/        always  the result, once finished: Encoder.load on this folder, or on this run
checkpoints/    always  the state from which the same command goes on after a stop
pictures/               views.png: what the network was shown, pairs side by side, the clearest first,
                        behind them those with a simulated source; neighbours.png: a tile, then those
                        of other volcanoes that the encoder finds most like it; earlier ones carry the
                        number of the epoch
sources.pt              the simulated sources that are put into tiles
wandb/                  the same numbers for Weights & Biases (log.wandb; `wandb sync` sends offline ones)

monitor.csv. The encoder is the one that is kept. Labels are looked at here and never trained on.
feature_std     spread of the unit features times sqrt(D): 1 healthy, 0 all tiles alike
rank_me         effective number of dimensions of the features; a low one wastes the rest
alignment       mean squared distance of the two views of a tile, on the unit sphere: lower is better
uniformity      log of how crowded the sphere is: 0 one point, -4 evenly spread; lower is better
knn_ap, knn_auroc       do the nearest tiles of other volcanoes have the same label?
probe_ap        a linear classifier, scored on volcanoes it was not fitted on
prevalence      share of positives: what knn_ap and probe_ap are by chance
volcano, frame  share of tiles whose nearest other tile is of the same volcano, or frame;
                ..._chance: the share if nearest were random. Far above it: places, not deformation
coherence_r2    share of the variance of the coherent fraction that a linear map of the features tells
Empty cells: not measured at this look, or there is nothing in the archive to measure it with.
"""


class CsvLog:
    """Appends rows to a CSV file, each on disk at once.

    Rows at or after ``keep_before`` are dropped when the file is opened: they belong to steps that
    a killed run had logged but not saved, and that are about to be done again.

    Columns are never lost and never move: those of the rows that stay come first, those of ``columns``
    that they lack after them, and what a later row brings besides last. The file is then written anew,
    the cells of rows that lack a column empty. So a run resumed by a version that logs more, or less,
    continues one table.

    Args:
        path: the file.
        columns: its columns; the first is the step.
        keep_before: first step that is still to be done.
    """

    def __init__(self, path: Path, columns: list[str], keep_before: int) -> None:
        self.path = path
        kept = [row for row in read_rows(path) if _step(row, columns[0]) < keep_before]
        # A row with too many cells has them under None.
        earlier = [name for name in kept[0] if name is not None] if kept else []
        self._begin(kept, _merged(earlier, columns))

    def write(self, row: dict[str, Any]) -> None:
        """Append one row; columns not known yet join behind the others."""
        if not row.keys() <= set(self.columns):
            self._handle.close()
            self._begin(read_rows(self.path), _merged(self.columns, list(row)))
        self._writer.writerow({k: f"{v:.8g}" if isinstance(v, float) else v for k, v in row.items()})
        self._handle.flush()

    def close(self) -> None:
        """Close the file."""
        self._handle.close()

    def _begin(self, kept: list[dict[str, str]], columns: list[str]) -> None:
        self.columns = columns
        with replacing(self.path) as scratch, scratch.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(kept)
        self._handle = self.path.open("a", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._handle, columns)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV log; a last line cut off by a kill is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    return list(csv.DictReader(whole.splitlines()))


def write_guide(folder: Path) -> None:
    """Leave ``README.txt`` in a run folder: what each file, and each column of the monitors, is."""
    with replacing(folder / GUIDE) as scratch:
        scratch.write_text(_GUIDE, encoding="utf-8")


def _merged(first: list[str], second: list[str]) -> list[str]:
    """All names once, in order of appearance."""
    return list(dict.fromkeys([*first, *second]))


def _step(row: dict[str, str], column: str) -> int:
    try:
        return int(row[column])
    except (KeyError, TypeError, ValueError):
        return 1 << 62  # a damaged row is dropped
