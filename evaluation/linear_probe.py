"""How much a linear probe reads off an encoder at volcanoes that it has not seen.

    python -m evaluation.linear_probe --encoder RUN --archive A --labels labels.csv --out R

Five folds grouped by volcano and stratified by class (fewer where a class occurs at fewer volcanoes); the
strength of regularisation is chosen inside the training volcanoes. Appends to ``R/results.csv``, for
`evaluation.results`; see ``evaluation/README.md``.
"""

from __future__ import annotations

import click

from evaluation.grouped import grouped_outcomes
from evaluation.protocol_options import Asked, protocol_options
from evaluation.running import run
from evaluation.scoring import lines_of, prior_over
from ssl_insar.classify.compare import LEAKY_PRIOR
from ssl_insar.classify.linear_probe import LinearProbe
from ssl_insar.classify.nulls import splits_by_file


@click.command()
@protocol_options
def command(asked: Asked) -> None:
    """Score encoders by a linear probe, beside baselines and nulls."""
    cases, methods, found = grouped_outcomes(asked, lambda: LinearProbe(seed=asked.seed))
    # What the place gives away where files of one volcano lie on both sides, as in most published splits.
    by_file = splits_by_file(cases.y, cases.catalogue["source"].astype(str).to_numpy(), seed=asked.seed)
    found[LEAKY_PRIOR] = [prior_over(cases, by_file, asked.rate)]
    asked.keep("linear_probe", lines_of(cases, found, methods, draws=asked.draws, seed=asked.seed), cases)


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
