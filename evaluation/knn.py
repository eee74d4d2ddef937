"""What the nearest labelled tiles at other volcanoes say: nothing is trained on top of the encoder.

    python -m evaluation.knn --encoder RUN --archive A --labels labels.csv --out R

The folds of the linear probe; k is chosen inside the training volcanoes, every tile without its own volcano,
and at most five tiles of one volcano vote (`ssl_insar.classify.Neighbours`).
"""

from __future__ import annotations

import click

from evaluation.protocol_options import Asked, protocol_options
from evaluation.running import run
from evaluation.scoring import lines_of, outcomes_over
from ssl_insar.archive.groups import grouped_folds
from ssl_insar.classify.neighbours import Neighbours


@click.command()
@protocol_options
def command(asked: Asked) -> None:
    """Score encoders by their nearest labelled neighbours, beside baselines and nulls."""
    cases = asked.labelled()
    splits = grouped_folds(cases.y, cases.groups, seed=asked.seed)
    cases.refuse_torn(splits)
    methods = asked.methods(cases.archive)
    found = outcomes_over(cases, methods, splits, Neighbours, asked.rate)
    asked.keep("knn", lines_of(cases, found, methods, draws=asked.draws, seed=asked.seed), cases)


def main() -> None:
    """Run the command."""
    run(command)


if __name__ == "__main__":
    main()
