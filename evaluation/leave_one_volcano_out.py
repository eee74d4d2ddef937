"""How well deformation is found at each volcano by a probe that knows the others only.

    python -m evaluation.leave_one_volcano_out --encoder RUN --archive A --labels labels.csv --out R

Each volcano that holds positives is left out in turn, with an equal random share of those that hold none, so
that every tile is scored once. Beside the metrics over all tiles there is one AUROC a volcano (its positives
against all quiet tiles that the same probe scored), their mean over volcanoes, and the worst.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
import numpy as np

from evaluation.labelled import Labelled
from evaluation.measures import Outcome
from evaluation.protocol_options import Asked, protocol_options
from evaluation.running import run
from evaluation.scoring import lines_of, number_line, outcomes_over, span
from ssl_insar.archive.groups import Fold, leave_one_positive_group_out
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.metrics import auroc

MEAN = "mean over volcanoes"
VOLCANO = "volcano "
"""What the name of a part begins with that is one volcano."""


def by_volcano(
    cases: Labelled, outcomes: Mapping[str, Sequence[Outcome]], splits: list[Fold], draws: int, seed: int
) -> list[dict[str, Any]]:
    """AUROC at each volcano that holds positives, and the mean over volcanoes.

    Args:
        cases: labelled tiles, 0 and 1.
        outcomes: name -> an outcome a run.
        splits: one fold a volcano.
        draws: of the bootstrap of the mean.
        seed: of that.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(splits), size=(draws, len(splits)))
    lines: list[dict[str, Any]] = []
    for name, runs in outcomes.items():
        values = np.array([[auroc(run.codes[test], run.scores[test]) for _, test in splits] for run in runs])
        about = {"method": name, "runs": len(runs)}
        for column, (_, test) in zip(values.T, splits, strict=True):
            holds = test[cases.y[test] == 1]
            here = {
                "part": VOLCANO + str(cases.groups[holds[0]]),
                "tiles": int((cases.groups == cases.groups[holds[0]]).sum()),
                "positives": len(holds),
                "target": cases.target,
            }
            lines.append(about | here | number_line("auroc", column.tolist(), (np.nan, np.nan)))
        resampled = values.mean(axis=0)[drawn].mean(axis=1)
        mean = number_line("auroc", values.mean(axis=1).tolist(), span(resampled))
        lines.append(about | {"part": MEAN, "target": cases.target, "tiles": len(cases)} | mean)
    return lines


@click.command()
@protocol_options
def command(asked: Asked) -> None:
    """Score encoders by leaving out one volcano at a time, beside baselines and nulls."""
    cases = asked.labelled()
    splits = leave_one_positive_group_out(cases.y, cases.groups, asked.seed)
    cases.refuse_torn(splits)
    methods = asked.methods(cases.archive)
    found = outcomes_over(cases, methods, splits, lambda: LinearProbe(seed=asked.seed), asked.rate)
    lines = lines_of(cases, found, methods, draws=asked.draws, seed=asked.seed)
    lines += by_volcano(cases, found, splits, asked.draws, asked.seed)
    asked.keep("leave_one_volcano_out", lines, cases)


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
